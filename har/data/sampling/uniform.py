"""Uniform sampling: one frame from each of T equal segments of the clip.

From "Revisiting Skeleton-based Action Recognition", https://arxiv.org/abs/2104.13586.
"""

from dataclasses import dataclass

import numpy as np

from har.data.sampling.base import check_at_least_one, clip_lengths, pick


@dataclass(frozen=True)
class UniformSampler:
    """Takes a frame from each of ``frames`` segments that together cover the clip.

    Training draws the frame of each segment. Testing takes the middle one, or, with several views,
    draws that come from ``seed`` and are the same for every clip.

    A clip shorter than ``frames`` is played in a loop, in training from a random frame on. A clip
    of less than twice ``frames`` keeps its frames in order and skips random ones of them, because
    its segments are too short to choose from.
    """

    frames: int
    views: int = 1
    seed: int = 255

    def __post_init__(self) -> None:
        check_at_least_one("UniformSampler", frames=self.frames, views=self.views)

    def __call__(self, frame_counts: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
        """Return whole frame positions, (N, K, T); see ``Sampler``."""
        lengths = clip_lengths(frame_counts)
        draws = self._draws(lengths.size, rng)
        take_middles = rng is None and self.views == 1
        short = lengths < self.frames
        medium = ~short & (lengths < 2 * self.frames) & (not take_middles)
        long = ~short & ~medium
        positions = np.empty((lengths.size, self.views, self.frames))
        for chosen, place in ((short, _loop), (medium, _skip), (long, _from_segments)):
            rows = chosen.nonzero()[0]
            if rows.size:
                positions[rows] = place(lengths[rows, None, None], draws[rows])
        return positions

    def _draws(self, count: int, rng: np.random.Generator | None) -> np.ndarray:
        """Return (N, K, T + 1) numbers in [0, 1); the last one of a view places its start."""
        shape = (self.views, self.frames + 1)
        if rng is not None:
            return rng.random((count, *shape))
        fixed = np.full(shape, 0.5) if self.views == 1 else _fixed_draws(self.seed, shape)
        fixed[:, -1] = np.arange(self.views) / self.views
        return np.broadcast_to(fixed, (count, *shape))


def _fixed_draws(seed: int, shape: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(seed).random(shape)


def _loop(lengths: np.ndarray, draws: np.ndarray) -> np.ndarray:
    start = pick(draws[..., -1:], lengths)
    return (start + np.arange(draws.shape[-1] - 1)) % lengths


def _skip(lengths: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Leave out one frame at each of (length - T) random ones of the T + 1 gaps around T frames."""
    frames = draws.shape[-1] - 1
    by_size = np.sort(draws, axis=-1)
    lowest_kept = by_size[np.arange(len(draws)), :, lengths.ravel() - frames]
    skipped_before = np.cumsum(draws < lowest_kept[..., None], axis=-1)[..., :-1]
    return np.arange(frames) + skipped_before


def _from_segments(lengths: np.ndarray, draws: np.ndarray) -> np.ndarray:
    frames = draws.shape[-1] - 1
    bounds = np.arange(frames + 1) * lengths // frames
    return bounds[..., :-1] + pick(draws[..., :-1], np.diff(bounds))
