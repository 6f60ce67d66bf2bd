"""Random flip: the mirror image, in which left and right change places."""

from dataclasses import dataclass, replace
from typing import Literal

import torch

from har.data.transforms.base import Transform
from har.data.transforms.checks import check_choice, check_in_unit_interval
from har.data.transforms.draws import chosen_clips
from har.errors import ConfigError
from har.samples import Batch
from har.skeleton.layout import Layout

_AXES = ("x", "y", "z")


@dataclass(frozen=True)
class RandomFlip(Transform):
    """Negates one axis and swaps left joints with right ones. Centre first: it mirrors at 0.

    Not for labels that name a side, such as a swipe to the left.

    Draws: who changes (N).

    Attributes:
        axis: the one from side to side.
        p: share of the clips that change.
    """

    axis: Literal["x", "y", "z"] = "x"
    p: float = 0.5

    def __post_init__(self) -> None:
        check_choice("RandomFlip", "axis", self.axis, _AXES)
        check_in_unit_interval("RandomFlip", p=self.p)

    def __call__(self, batch: Batch, layout: Layout, rng: torch.Generator) -> Batch:
        """Return the batch with some clips mirrored; see ``Transform``."""
        axis, axes = _AXES.index(self.axis), batch.joints.shape[-1]
        if axis >= axes:
            raise ConfigError(f"RandomFlip: axis='{self.axis}' does not exist in {axes}D joints")
        chosen = chosen_clips(batch, self.p, rng)
        partners = torch.tensor(layout.flip_permutation, device=batch.joints.device)
        signs = batch.joints.new_ones(axes)
        signs[axis] = -1
        return replace(
            batch,
            joints=torch.where(
                chosen[:, None, None, None, None],
                batch.joints.index_select(3, partners) * signs,
                batch.joints,
            ),
            confidence=torch.where(
                chosen[:, None, None, None],
                batch.confidence.index_select(3, partners),
                batch.confidence,
            ),
        )
