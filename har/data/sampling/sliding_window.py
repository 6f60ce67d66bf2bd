"""Sliding windows: fixed-length stretches of a long recording at regular steps."""

from dataclasses import dataclass

import numpy as np

from har.data.sampling.base import check_at_least_one, clip_lengths, pick


def windows(frame_count: int, frames: int, stride: int) -> np.ndarray:
    """Return the first frame of every window of a record, (W,) int64.

    Windows of ``frames`` frames begin every ``stride`` frames; the last one is moved back to end
    with the record, so that every frame is covered wherever ``stride <= frames``. A record shorter
    than a window has the one that starts at 0.
    """
    check_at_least_one("windows", frame_count=frame_count, frames=frames, stride=stride)
    last = max(frame_count - frames, 0)
    return np.minimum(np.arange(0, last + stride, stride), last)


@dataclass(frozen=True)
class SlidingWindowSampler:
    """Takes K of the windows that ``windows`` lists.

    Training draws them; testing spreads them evenly over the list, and repeats some where a clip
    has fewer than K. A clip shorter than a window is played in a loop.
    """

    frames: int
    stride: int
    views: int = 1

    def __post_init__(self) -> None:
        check_at_least_one(
            "SlidingWindowSampler", frames=self.frames, stride=self.stride, views=self.views
        )

    def __call__(self, frame_counts: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
        """Return whole frame positions, (N, K, T); see ``Sampler``."""
        lengths = clip_lengths(frame_counts)
        last = np.maximum(lengths - self.frames, 0)[:, None]
        if rng is None:
            shares = ((np.arange(self.views) + 0.5) / self.views)[None]
        else:
            shares = rng.random((lengths.size, self.views))
        starts = np.minimum(pick(shares, _window_counts(last, self.stride)) * self.stride, last)
        positions = (starts[..., None] + np.arange(self.frames)) % lengths[:, None, None]
        return positions.astype(np.float64)


def _window_counts(last_starts: np.ndarray, stride: int) -> np.ndarray:
    return -(-last_starts // stride) + 1
