"""Multi-clip testing: several overlapping crops of one clip, whose scores are averaged."""

from dataclasses import dataclass

import numpy as np

from har.data.sampling.base import check_at_least_one, clip_lengths, resize, spread_starts
from har.errors import ConfigError


@dataclass(frozen=True)
class MultiClipSampler:
    """Takes K crops, evenly spaced from the first frame to the last, each resized to ``frames``.

    Deterministic with and without a generator: the test-time partner of ``CropResizeSampler``.

    Attributes:
        proportion: share of the clip in each crop, in (0, 1].
    """

    frames: int
    views: int = 10
    proportion: float = 0.75

    def __post_init__(self) -> None:
        check_at_least_one("MultiClipSampler", frames=self.frames, views=self.views)
        if not 0 < self.proportion <= 1:
            raise ConfigError(f"MultiClipSampler: proportion={self.proportion} must be in (0, 1]")

    def __call__(self, frame_counts: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:  # noqa: ARG002
        """Return fractional positions, (N, K, T); see ``Sampler``."""
        lengths = clip_lengths(frame_counts)
        kept = np.maximum((lengths * self.proportion).astype(np.int64), 1)
        starts = spread_starts(lengths - kept, self.views)
        return resize(starts, kept[:, None], self.frames)
