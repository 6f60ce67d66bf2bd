"""Choosing and ordering the people of a clip."""

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import pad

from har.data.transforms.base import Transform
from har.data.transforms.checks import check_choice, check_positive
from har.data.transforms.masking import seen
from har.samples import Batch
from har.skeleton.layout import Layout


@dataclass(frozen=True)
class SelectPeople(Transform):
    """Puts the most important people first and keeps ``count`` of them.

    Clips with fewer get absent people, so that the result always has M = ``count``.

    Attributes:
        count: how many to keep.
        by: ``motion``, the variance of the coordinates over the frames that show them, summed over
            joints; or ``presence``, the number of frames that show the person.
    """

    count: int = 2
    by: Literal["motion", "presence"] = "motion"

    def __post_init__(self) -> None:
        check_positive("SelectPeople", count=self.count)
        check_choice("SelectPeople", "by", self.by, ("motion", "presence"))

    def __call__(self, batch: Batch, layout: Layout, rng: torch.Generator) -> Batch:  # noqa: ARG002
        """Return the batch with ``count`` people a clip; see ``Transform``."""
        score = _motion(batch) if self.by == "motion" else _presence(batch)
        score = score.masked_fill(~batch.person_mask, -1)
        order = score.argsort(dim=1, descending=True, stable=True)[:, : self.count]
        clips = torch.arange(batch.joints.shape[0], device=order.device)[:, None]
        absent = max(self.count - order.shape[1], 0)
        return replace(
            batch,
            joints=pad(batch.joints[clips, order], (0, 0, 0, 0, 0, 0, 0, absent)),
            confidence=pad(batch.confidence[clips, order], (0, 0, 0, 0, 0, absent)),
            person_mask=pad(batch.person_mask[clips, order], (0, absent)),
        )


def _motion(batch: Batch) -> Tensor:
    """Return (N, M) sums over joints and axes of the variance over frames."""
    visible = seen(batch)
    frames = visible.sum(2, keepdim=True).clamp(min=1)
    mean = batch.joints.sum(2, keepdim=True) / frames
    squares = ((batch.joints - mean) * visible).square()
    return (squares.sum(2, keepdim=True) / frames).sum((2, 3, 4))


def _presence(batch: Batch) -> Tensor:
    """Return (N, M) counts of the frames that show the person, float32."""
    return (batch.confidence > 0).any(-1).sum(-1).to(batch.joints.dtype)
