"""Jitter: the noise of a pose estimator."""

from dataclasses import dataclass, replace

import torch

from har.data.transforms.base import Transform
from har.data.transforms.checks import check_in_unit_interval, check_not_negative
from har.data.transforms.draws import chosen_clips
from har.data.transforms.masking import seen
from har.samples import Batch
from har.skeleton.layout import Layout


@dataclass(frozen=True)
class Jitter(Transform):
    """Adds independent Gaussian noise to every seen coordinate.

    Draws: who changes (N), standard normal numbers (N, M, T, V, C).

    Attributes:
        sigma: standard deviation in the unit of the joints: metres for 3D poses that were not
            scaled.
        p: share of the clips that change.
    """

    sigma: float = 0.01
    p: float = 1.0

    def __post_init__(self) -> None:
        check_not_negative("Jitter", sigma=self.sigma)
        check_in_unit_interval("Jitter", p=self.p)

    def __call__(self, batch: Batch, layout: Layout, rng: torch.Generator) -> Batch:  # noqa: ARG002
        """Return the noisy batch; see ``Transform``."""
        chosen = chosen_clips(batch, self.p, rng)
        noise = torch.randn(batch.joints.shape, generator=rng).to(batch.joints.device)
        amplitude = self.sigma * (seen(batch) & chosen[:, None, None, None, None])
        return replace(batch, joints=batch.joints + noise * amplitude)
