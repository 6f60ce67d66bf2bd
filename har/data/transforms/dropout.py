"""Dropout of joints, frames and people, as occlusion and missed detections cause it.

What is dropped becomes zeros with confidence 0. A clip of which nothing would be left stays as it
is.
"""

from dataclasses import dataclass
from typing import Literal

import torch

from har.data.transforms.base import Transform
from har.data.transforms.checks import check_choice, check_in_unit_interval
from har.data.transforms.draws import chosen_clips, uniform
from har.data.transforms.frame_order import last_true, take_frames
from har.data.transforms.masking import hide
from har.samples import Batch
from har.skeleton.layout import Layout


@dataclass(frozen=True)
class JointDropout(Transform):
    """Drops random joints of each person, for the whole clip or anew in every frame.

    Draws: who changes (N), a number for each joint (N, M, 1, V), or (N, M, T, V).

    Attributes:
        rate: share of the joints that are dropped.
        every_frame: choose anew in every frame.
        p: share of the clips that change.
    """

    rate: float = 0.1
    every_frame: bool = False
    p: float = 0.5

    def __post_init__(self) -> None:
        check_in_unit_interval("JointDropout", rate=self.rate, p=self.p)

    def __call__(self, batch: Batch, layout: Layout, rng: torch.Generator) -> Batch:  # noqa: ARG002
        """Return the batch without those joints; see ``Transform``."""
        N, M, T, V = batch.confidence.shape
        chosen = chosen_clips(batch, self.p, rng)
        draws = uniform(batch, (N, M, T if self.every_frame else 1, V), 0, 1, rng)
        return hide(batch, (draws >= self.rate) | ~chosen[:, None, None, None])


@dataclass(frozen=True)
class FrameDropout(Transform):
    """Drops random frames of all people.

    Draws: who changes (N), a number for each frame (N, T).

    Attributes:
        rate: share of the frames that are dropped.
        fill: ``zero``, or ``hold`` to repeat the last kept frame (before any, the first kept one).
        p: share of the clips that change.
    """

    rate: float = 0.1
    fill: Literal["zero", "hold"] = "zero"
    p: float = 0.5

    def __post_init__(self) -> None:
        check_in_unit_interval("FrameDropout", rate=self.rate, p=self.p)
        check_choice("FrameDropout", "fill", self.fill, ("zero", "hold"))

    def __call__(self, batch: Batch, layout: Layout, rng: torch.Generator) -> Batch:  # noqa: ARG002
        """Return the batch without those frames; see ``Transform``."""
        chosen = chosen_clips(batch, self.p, rng)
        draws = uniform(batch, (len(batch), batch.joints.shape[2]), 0, 1, rng)
        kept = (draws >= self.rate) | ~chosen[:, None]
        if self.fill == "zero":
            return hide(batch, kept[:, None, :, None])
        return take_frames(batch, last_true(kept | ~kept.any(1, keepdim=True)))


@dataclass(frozen=True)
class PersonDropout(Transform):
    """Drops random people of clips with several, as when a detector misses one.

    Draws: who changes (N), a number for each person (N, M).

    Attributes:
        rate: share of the people that are dropped.
        p: share of the clips that change.
    """

    rate: float = 0.5
    p: float = 0.5

    def __post_init__(self) -> None:
        check_in_unit_interval("PersonDropout", rate=self.rate, p=self.p)

    def __call__(self, batch: Batch, layout: Layout, rng: torch.Generator) -> Batch:  # noqa: ARG002
        """Return the batch without those people; see ``Transform``."""
        chosen = chosen_clips(batch, self.p, rng)
        draws = uniform(batch, tuple(batch.person_mask.shape), 0, 1, rng)
        kept = (draws >= self.rate) | ~chosen[:, None]
        return hide(batch, kept[:, :, None, None])
