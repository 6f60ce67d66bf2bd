"""Faults of videos that are no corruptions of the robustness benchmark."""

import numpy as np

from har.quality.corruptions.video_base import to_light, to_pixels


def backlit(frames: np.ndarray, stops: float) -> np.ndarray:
    """Return frames whose middle has so many stops less light than their border."""
    height, width = frames.shape[1:3]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    middle = 1 / (1 + np.exp((np.hypot(x, y) - 0.6) / 0.1))
    shade = (2.0 ** (-stops * middle))[..., None].astype(np.float32)
    return np.stack([to_pixels(to_light(frame) * shade) for frame in frames])


def with_cuts(frames: np.ndarray, other: np.ndarray, cuts: int) -> np.ndarray:
    """Return frames that change so many times to another recording and back."""
    height, width = frames.shape[1:3]
    rows = np.linspace(0, other.shape[1] - 1, height).astype(int)
    columns = np.linspace(0, other.shape[2] - 1, width).astype(int)
    part = np.arange(len(frames)) * (cuts + 1) // len(frames)
    away = other[np.arange(len(frames)) % len(other)][:, rows][:, :, columns]
    return np.where((part % 2 == 1)[:, None, None, None], away, frames)
