"""Motion between key poses: shape-preserving cubic curves, with sudden stops where a body hits."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from har.data.generator.pose import Pose
from har.data.generator.vectors import minimum_jerk

_IMPACT_GAIN = 1.6


@dataclass(frozen=True, slots=True)
class Key:
    """A pose of n bodies at a time (n,) in seconds; ``impact``: it is reached at full speed."""

    seconds: np.ndarray
    pose: Pose
    impact: bool = False


def play(keys: Sequence[Key], seconds: np.ndarray) -> Pose:
    """Return the track (D, n, T) through the keys, at rest before the first and after the last.

    Cubic Hermite pieces with Fritsch-Carlson (monotone) slopes: no overshoot, so that a key pose on
    the floor never sinks below it. Times of a clip must increase.
    """
    times = np.stack([key.seconds for key in keys], axis=-1).astype(np.float32)
    values = np.stack([key.pose.values for key in keys], axis=-1)
    arriving, leaving = _slopes(times, values, [key.impact for key in keys])
    piece = (seconds[None, :, None] >= times[:, None, 1:-1]).sum(axis=-1)
    start, end = np.take_along_axis(times, piece, 1), np.take_along_axis(times, piece + 1, 1)
    span = end - start
    u = ((seconds - start) / span).clip(0, 1).astype(np.float32)
    at, to = piece[None], piece[None] + 1
    first, last = np.take_along_axis(values, at, 2), np.take_along_axis(values, to, 2)
    rise = u * u * (3 - 2 * u)
    out_weight, in_weight = span * u * (1 - u) ** 2, span * u * u * (u - 1)
    return Pose(
        first
        + (last - first) * rise
        + np.take_along_axis(leaving, at, 2) * out_weight
        + np.take_along_axis(arriving, to, 2) * in_weight
    )


def _slopes(
    times: np.ndarray, values: np.ndarray, impacts: list[bool]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the slopes (D, n, K) on arriving at and on leaving each key."""
    secants = np.diff(values, axis=-1) / np.diff(times, axis=-1)
    before, after = secants[..., :-1], secants[..., 1:]
    product = before * after
    inner = np.where(product > 0, 2 * product / np.where(product > 0, before + after, 1), 0)
    leaving = np.zeros_like(values)
    leaving[..., 1:-1] = inner
    arriving = leaving.copy()
    for number, impact in enumerate(impacts):
        if impact:
            arriving[..., number] = _IMPACT_GAIN * secants[..., number - 1]
            leaving[..., number] = 0
    return arriving, leaving


def pulse(
    seconds: np.ndarray, start: np.ndarray, rise: np.ndarray, hold: np.ndarray, fall: np.ndarray
) -> np.ndarray:
    """Return (n, T) weights that go from 0 to 1, stay there, and come back; arguments are (n,)."""
    since = seconds - start[:, None]
    up = minimum_jerk((since / rise[:, None]).clip(0, 1))
    down = minimum_jerk(((since - (rise + hold)[:, None]) / fall[:, None]).clip(0, 1))
    return up - down


def swing(seconds: np.ndarray, hertz: np.ndarray, phase: np.ndarray) -> np.ndarray:
    """Return (n, T) sine waves; ``phase`` in cycles."""
    return np.sin(2 * np.pi * (hertz[:, None] * seconds + phase[:, None])).astype(np.float32)
