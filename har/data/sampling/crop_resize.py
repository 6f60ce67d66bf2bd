"""Crop and resize: a random share of the clip, interpolated to T frames.

From "Channel-wise Topology Refinement Graph Convolution for Skeleton-Based Action Recognition"
(CTR-GCN), https://arxiv.org/abs/2107.12213.
"""

from dataclasses import dataclass, field

import numpy as np

from har.data.sampling.base import check_at_least_one, clip_lengths, pick, resize
from har.errors import ConfigError


@dataclass(frozen=True)
class CropResizeSampler:
    """Crops a share of the clip and resizes the crop to ``frames``; positions are fractional.

    Training draws the share from [``min_proportion``, ``max_proportion``] and the place of the
    crop; testing takes ``test_proportion`` from the middle. There is one view only: for several,
    test with ``MultiClipSampler``.

    Attributes:
        min_frames: training crops have at least so many frames, where the clip has them; None means
            ``frames``.
    """

    frames: int
    min_proportion: float = 0.5
    max_proportion: float = 1.0
    test_proportion: float = 0.95
    min_frames: int | None = None
    views: int = field(default=1, init=False)

    def __post_init__(self) -> None:
        check_at_least_one("CropResizeSampler", frames=self.frames)
        if self.min_frames is not None:
            check_at_least_one("CropResizeSampler", min_frames=self.min_frames)
        if not 0 < self.min_proportion <= self.max_proportion <= 1:
            raise ConfigError(
                f"CropResizeSampler: min_proportion={self.min_proportion} and max_proportion="
                f"{self.max_proportion} must satisfy 0 < min_proportion <= max_proportion <= 1"
            )
        if not 0 < self.test_proportion <= 1:
            raise ConfigError(
                f"CropResizeSampler: test_proportion={self.test_proportion} must be in (0, 1]"
            )

    def __call__(self, frame_counts: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
        """Return fractional positions, (N, 1, T); see ``Sampler``."""
        lengths = clip_lengths(frame_counts)
        starts, kept = self._middle(lengths) if rng is None else self._random(lengths, rng)
        return resize(starts[:, None], kept[:, None], self.frames)

    def _middle(self, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        starts = ((1 - self.test_proportion) * lengths / 2).astype(np.int64)
        return starts, lengths - 2 * starts

    def _random(
        self, lengths: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw the shares of all clips first, then the places of all crops."""
        proportions = rng.uniform(self.min_proportion, self.max_proportion, lengths.size)
        least = self.frames if self.min_frames is None else self.min_frames
        wanted = np.maximum((proportions * lengths).astype(np.int64), least)
        kept = np.minimum(wanted, lengths)
        return pick(rng.random(lengths.size), lengths - kept + 1), kept
