"""Train and evaluate as plain functions; the mains and the command line call these."""

from har.run.evaluating import evaluate
from har.run.training import train

__all__ = ["evaluate", "train"]
