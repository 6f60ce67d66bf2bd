"""Random shear: slanted bodies."""

from dataclasses import dataclass, replace

import torch

from har.data.transforms.base import Transform
from har.data.transforms.checks import check_in_unit_interval, check_not_negative
from har.data.transforms.draws import chosen_clips, uniform
from har.data.transforms.geometry import apply_matrices, identity_where
from har.samples import Batch
from har.skeleton.layout import Layout


@dataclass(frozen=True)
class RandomShear(Transform):
    """Adds to each coordinate random shares of the others.

    Draws: who changes (N), shares (N, C, C), of which the diagonal is not used.

    Attributes:
        max_share: each share is uniform within plus and minus this.
        p: share of the clips that change.
    """

    max_share: float = 0.2
    p: float = 1.0

    def __post_init__(self) -> None:
        check_not_negative("RandomShear", max_share=self.max_share)
        check_in_unit_interval("RandomShear", p=self.p)

    def __call__(self, batch: Batch, layout: Layout, rng: torch.Generator) -> Batch:  # noqa: ARG002
        """Return the slanted batch; see ``Transform``."""
        chosen = chosen_clips(batch, self.p, rng)
        axes = batch.joints.shape[-1]
        shares = uniform(batch, (len(batch), axes, axes), -self.max_share, self.max_share, rng)
        identity = torch.eye(axes, device=shares.device)
        matrices = identity_where(~chosen, shares * (1 - identity) + identity)
        return replace(batch, joints=apply_matrices(batch.joints, matrices))
