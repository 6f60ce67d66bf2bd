"""Random scale: bodies a little larger or smaller."""

from dataclasses import dataclass

import torch

from har.data.transforms.arrays import array_beside, namespace
from har.data.transforms.checks import check_in_unit_interval, check_positive
from har.data.transforms.draws import chosen_clips, uniform
from har.data.transforms.geometry import scaling
from har.data.transforms.linear import LinearTransform, Moving
from har.errors import ConfigError
from har.skeleton.layout import Layout


@dataclass(frozen=True)
class RandomScale(LinearTransform):
    """Multiplies the coordinates of a clip by one random factor, or one for each axis.

    Draws: who changes (N), factors (N, C) or (N, 1).

    Attributes:
        low, high: range of the factors.
        per_axis: one factor an axis.
        p: share of the clips that change.
    """

    low: float = 0.9
    high: float = 1.1
    per_axis: bool = True
    p: float = 1.0

    def __post_init__(self) -> None:
        check_positive("RandomScale", low=self.low)
        if self.low > self.high:
            raise ConfigError(f"RandomScale: low={self.low} must not be above high={self.high}")
        check_in_unit_interval("RandomScale", p=self.p)

    def move(self, clips: Moving, layout: Layout, rng: torch.Generator) -> Moving:  # noqa: ARG002
        """Return the clips, to be scaled; see ``LinearTransform``."""
        batch = clips.batch
        chosen = array_beside(batch, chosen_clips(batch, self.p, rng))
        axes = batch.joints.shape[-1]
        drawn = (len(batch), axes if self.per_axis else 1)
        factors = array_beside(batch, uniform(batch, drawn, self.low, self.high, rng))
        factors = namespace(factors).where(chosen[:, None], factors, 1)
        return clips.turned(scaling(factors, axes))
