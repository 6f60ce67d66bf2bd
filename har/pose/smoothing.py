"""Smoothing of joints over time."""

import math
from collections.abc import Callable, Mapping

import numpy as np
from scipy.signal import savgol_filter

from har.errors import ConfigError, did_you_mean

SAVGOL_SEC = 0.3
SAVGOL_DEGREE = 2


class OneEuro:
    """The One-Euro filter: smooths what rests, and follows what is fast.

    Casiez, Roussel, Vogel: 1 Euro Filter. CHI 2012. It uses no later frame, so it serves live.

    Args:
        cutoff_hz: cut-off frequency of a point at rest.
        speed_weight: hertz that a speed of one unit a second adds to it.
        speed_cutoff_hz: cut-off frequency for the speed itself.
    """

    def __init__(
        self, cutoff_hz: float = 1.5, speed_weight: float = 3.0, speed_cutoff_hz: float = 1.0
    ):
        self.cutoff_hz = cutoff_hz
        self.speed_weight = speed_weight
        self.speed_cutoff_hz = speed_cutoff_hz
        self._value: np.ndarray | None = None
        self._speed: np.ndarray | None = None

    def __call__(self, value: np.ndarray, passed_sec: float) -> np.ndarray:
        """Return the filtered value.

        Args:
            value: array of one shape for all calls, (..., C).
            passed_sec: seconds since the last call; of no effect in the first.
        """
        if self._value is None or self._speed is None:
            self._value, self._speed = value.astype(np.float64), np.zeros(value.shape)
            return value
        speed = (value - self._value) / max(passed_sec, 1e-6)
        self._speed += _share(self.speed_cutoff_hz, passed_sec) * (speed - self._speed)
        fast = np.linalg.norm(self._speed, axis=-1, keepdims=True)
        self._value += _share(self.cutoff_hz + self.speed_weight * fast, passed_sec) * (
            value - self._value
        )
        return self._value.astype(value.dtype)


def _share(cutoff_hz: float | np.ndarray, passed_sec: float) -> float | np.ndarray:
    """Return how much of a step a low-pass filter of first order takes."""
    step = 2 * math.pi * passed_sec * cutoff_hz
    return step / (step + 1)


def one_euro(joints: np.ndarray, fps: float) -> np.ndarray:
    """Filter (T, V, C) joints with One-Euro, forwards in time; units are metres."""
    smooth = OneEuro()
    return np.stack([smooth(frame, 1 / fps) for frame in joints])


def savitzky_golay(joints: np.ndarray, fps: float) -> np.ndarray:
    """Fit (T, V, C) joints by parabolas over about 0.3 s, without delay; short ones stay."""
    frames = 2 * round(SAVGOL_SEC * fps / 2) + 1
    if len(joints) < frames or frames <= SAVGOL_DEGREE:
        return joints
    smoothed: np.ndarray = savgol_filter(joints, frames, SAVGOL_DEGREE, axis=0)
    return smoothed.astype(joints.dtype)


SMOOTHERS: Mapping[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "one_euro": one_euro,
    "savgol": savitzky_golay,
}


def check_smoothing(name: str) -> None:
    """Refuse a name that is neither ``none`` nor one of ``SMOOTHERS``."""
    allowed = ("none", *SMOOTHERS)
    if name not in allowed:
        raise ConfigError(
            f"unknown smoothing '{name}'.{did_you_mean(name, allowed)} There are: "
            f"{', '.join(allowed)}"
        )


def smooth(joints: np.ndarray, seen: np.ndarray, name: str, fps: float) -> np.ndarray:
    """Smooth the joints of a person, each unbroken stretch of frames by itself.

    Args:
        joints: (T, V, C).
        seen: (T,) bool, frames in which the person is there; others stay as they are.
        name: ``none`` or one of ``SMOOTHERS``.
        fps: frames a second.
    """
    check_smoothing(name)
    if name == "none":
        return joints
    smoothed = joints.copy()
    for start, stop in stretches(seen):
        smoothed[start:stop] = SMOOTHERS[name](joints[start:stop], fps)
    return smoothed


def stretches(seen: np.ndarray) -> list[tuple[int, int]]:
    """Return first frame and frame after the last of each unbroken stretch of (T,) bool."""
    steps = np.diff(seen.astype(np.int8), prepend=0, append=0)
    starts, stops = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    return list(zip(starts.tolist(), stops.tolist(), strict=True))
