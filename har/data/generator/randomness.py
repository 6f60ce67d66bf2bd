"""One independent random stream per subject and clip, so that a batch split changes nothing."""

from collections.abc import Iterable

import numpy as np
from scipy.special import ndtri

SUBJECT_STREAM, PERFORMER_STREAM, PASSER_STREAM = range(3)
Value = float | np.ndarray


def stream(seed: int, kind: int, number: int) -> np.random.Generator:
    """Return the generator of one subject or clip (``kind`` is one of the streams)."""
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence((seed, kind, number))))


def uniforms(seed: int, kind: int, numbers: Iterable[int], count: int) -> np.ndarray:
    """Return (len(numbers), count) uniform variates, one stream a row."""
    return np.stack([stream(seed, kind, int(number)).random(count) for number in numbers])


class Draws:
    """Random style parameters of n clips: each call uses up one column of variates."""

    def __init__(self, columns: np.ndarray):
        """``columns`` is (n, count), uniform in [0, 1); row i belongs to clip i alone."""
        self._columns = columns
        self._next = 0

    def _column(self) -> np.ndarray:
        self._next += 1
        return self._columns[:, self._next - 1]

    def uniform(self, low: Value, high: Value) -> np.ndarray:
        """Return (n,) float32, uniform between two bounds, which may differ per clip."""
        return (low + (high - np.asarray(low)) * self._column()).astype(np.float32)

    def normal(self, mean: Value, deviation: Value) -> np.ndarray:
        """Return (n,) float32, normal, cut at about three deviations."""
        return (mean + deviation * ndtri(self._column().clip(0.002, 0.998))).astype(np.float32)

    def chance(self, probability: Value) -> np.ndarray:
        """Return (n,) bool, true with the given probability."""
        return np.asarray(self._column() < probability)
