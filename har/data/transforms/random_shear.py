"""Random shear: slanted bodies."""

from dataclasses import dataclass

import torch

from har.data.transforms.arrays import array_beside, identity_beside
from har.data.transforms.checks import check_in_unit_interval, check_not_negative
from har.data.transforms.draws import chosen_clips, uniform
from har.data.transforms.geometry import identity_where
from har.data.transforms.linear import LinearTransform, Moving
from har.skeleton.layout import Layout


@dataclass(frozen=True)
class RandomShear(LinearTransform):
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

    def move(self, clips: Moving, layout: Layout, rng: torch.Generator) -> Moving:  # noqa: ARG002
        """Return the clips, to be slanted; see ``LinearTransform``."""
        batch = clips.batch
        chosen = array_beside(batch, chosen_clips(batch, self.p, rng))
        axes = batch.joints.shape[-1]
        drawn = (len(batch), axes, axes)
        shares = array_beside(batch, uniform(batch, drawn, -self.max_share, self.max_share, rng))
        identity = identity_beside(shares, axes)
        return clips.turned(identity_where(~chosen, shares * (1 - identity) + identity))
