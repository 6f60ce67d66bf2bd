"""Random scale: bodies a little larger or smaller."""

from dataclasses import dataclass, replace

import torch

from har.data.transforms.base import Transform
from har.data.transforms.checks import check_in_unit_interval, check_positive
from har.data.transforms.draws import chosen_clips, uniform
from har.errors import ConfigError
from har.samples import Batch
from har.skeleton.layout import Layout


@dataclass(frozen=True)
class RandomScale(Transform):
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

    def __call__(self, batch: Batch, layout: Layout, rng: torch.Generator) -> Batch:  # noqa: ARG002
        """Return the scaled batch; see ``Transform``."""
        chosen = chosen_clips(batch, self.p, rng)
        axes = batch.joints.shape[-1] if self.per_axis else 1
        factors = uniform(batch, (len(batch), axes), self.low, self.high, rng)
        factors = torch.where(chosen[:, None], factors, 1)
        return replace(batch, joints=batch.joints * factors[:, None, None, None])
