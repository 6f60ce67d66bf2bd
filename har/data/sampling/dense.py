"""Dense sampling: neighbouring frames, as a camera delivers them."""

from dataclasses import dataclass

import numpy as np

from har.data.sampling.base import check_at_least_one, clip_lengths, pick, spread_starts


@dataclass(frozen=True)
class DenseSampler:
    """Takes ``frames`` frames, ``stride`` apart, from one start.

    Training draws the start; testing takes the middle of the clip, or K starts evenly spaced from
    the first frame to the last possible one. A clip that is too short is played in a loop.
    """

    frames: int
    stride: int = 1
    views: int = 1

    def __post_init__(self) -> None:
        check_at_least_one("DenseSampler", frames=self.frames, stride=self.stride, views=self.views)

    def __call__(self, frame_counts: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
        """Return whole frame positions, (N, K, T); see ``Sampler``."""
        lengths = clip_lengths(frame_counts)
        steps = np.arange(self.frames) * self.stride
        room = np.maximum(lengths - 1 - steps[-1], 0)
        if rng is None:
            starts = spread_starts(room, self.views)
        else:
            starts = pick(rng.random((lengths.size, self.views)), room[:, None] + 1)
        return ((starts[..., None] + steps) % lengths[:, None, None]).astype(np.float64)
