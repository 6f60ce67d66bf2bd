"""Learning-rate schedules as plain functions of the step; warm-up is linear from 0."""

import math
from dataclasses import dataclass
from typing import Protocol


class Schedule(Protocol):
    """Gives the factor on the base learning rate for each optimiser step."""

    def factor(self, step: int, steps_per_epoch: int, epochs: int) -> float:
        """Return the factor for step 0, 1, ... of ``steps_per_epoch * epochs``."""
        ...


@dataclass(frozen=True)
class Constant:
    """The base rate, after a warm-up.

    Args:
        warmup_epochs: may be a fraction.
    """

    warmup_epochs: float = 0.0

    def factor(self, step: int, steps_per_epoch: int, epochs: int) -> float:  # noqa: ARG002
        """Return the factor for one step; see ``Schedule``."""
        return _warmup(step, self.warmup_epochs * steps_per_epoch)


@dataclass(frozen=True)
class Cosine:
    """Half a cosine down to ``final`` times the base rate, step by step.

    Args:
        warmup_epochs: may be a fraction.
        final: factor at the end.
    """

    warmup_epochs: float = 0.0
    final: float = 0.0

    def factor(self, step: int, steps_per_epoch: int, epochs: int) -> float:
        """Return the factor for one step; see ``Schedule``."""
        warmup_steps = self.warmup_epochs * steps_per_epoch
        if step < warmup_steps:
            return _warmup(step, warmup_steps)
        progress = (step - warmup_steps) / max(1, steps_per_epoch * epochs - warmup_steps)
        return self.final + (1 - self.final) * 0.5 * (1 + math.cos(math.pi * min(1, progress)))


@dataclass(frozen=True)
class Step:
    """Multiplies the rate by ``gamma`` at each milestone.

    Args:
        milestones: epochs.
        gamma: factor at each.
        warmup_epochs: may be a fraction.
    """

    milestones: tuple[int, ...]
    gamma: float = 0.1
    warmup_epochs: float = 0.0

    def factor(self, step: int, steps_per_epoch: int, epochs: int) -> float:  # noqa: ARG002
        """Return the factor for one step; see ``Schedule``."""
        passed = sum(step >= milestone * steps_per_epoch for milestone in self.milestones)
        return self.gamma**passed * _warmup(step, self.warmup_epochs * steps_per_epoch)


def _warmup(step: int, warmup_steps: float) -> float:
    return min(1.0, (step + 1) / warmup_steps) if warmup_steps > 0 else 1.0
