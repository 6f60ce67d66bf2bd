"""One person in one frame, and how alike two such poses are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

VISIBLE = 0.3
"""Joints of less confidence do not shape boxes and comparisons, as long as others are better."""

_SPREAD = 0.15
"""Distance between the same joint of two poses, over their size, at which they begin to differ."""


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """A person as an estimator sees them in one frame.

    Attributes:
        image: (V, 2) float32, x to the right and y down, in pixels; also outside the picture.
        confidence: (V,) float32 in [0, 1].
        world: (V, 3) float32 in metres about the middle of the hips, x to the right, y down and z
            away from the camera, as the camera sees them; None from an estimator of 2D poses.
    """

    image: np.ndarray
    confidence: np.ndarray
    world: np.ndarray | None = None

    @property
    def score(self) -> float:
        """Mean confidence of the joints."""
        return float(self.confidence.mean())

    @property
    def box(self) -> np.ndarray:
        """(4,) left, top, right and bottom of the joints that are seen, in pixels."""
        points = self.image[_shown(self.confidence)]
        return np.concatenate([points.min(axis=0), points.max(axis=0)])

    @property
    def size(self) -> float:
        """Diagonal of the box, at least one pixel."""
        left, top, right, bottom = self.box
        return max(float(np.hypot(right - left, bottom - top)), 1.0)


def similarity(person: Person, other: Person, reach: float = 1.0) -> float:
    """Return how well two poses coincide in the picture, in [0, 1].

    Args:
        person: whose joints count, weighted by confidence.
        other: pose of the same layout.
        reach: how many times farther apart joints may be and still count as close.
    """
    size = max(person.size, other.size)
    distance = np.linalg.norm(person.image - other.image, axis=1) / (size * _SPREAD * reach)
    weights = person.confidence * other.confidence + 1e-6
    return float(np.average(np.exp(-0.5 * distance**2), weights=weights))


def without_duplicates(people: Sequence[Person], limit: float = 0.5) -> list[int]:
    """Return which poses to keep, where several are of one person: the most confident of each.

    Args:
        people: poses of one frame.
        limit: similarity from which on two poses are of one person.
    """
    kept: list[int] = []
    for number in sorted(range(len(people)), key=lambda i: -people[i].score):
        if all(similarity(people[number], people[other]) < limit for other in kept):
            kept.append(number)
    return sorted(kept)


def _shown(confidence: np.ndarray) -> np.ndarray:
    """Return which joints count as seen, (V,) bool; at least one does."""
    return confidence >= min(VISIBLE, float(confidence.max()))
