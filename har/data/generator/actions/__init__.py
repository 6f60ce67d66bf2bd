"""Motion programmes, one for each class of the synthetic dataset."""

from har.data.generator.actions.registry import ACTIONS, CLASSES, Action

__all__ = ["ACTIONS", "CLASSES", "Action"]
