"""Transforms of batches that have poses and frames of the same clips."""

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from har.data.transforms import RandomFlip, Transform
from har.data.transforms.checks import check_choice, check_in_unit_interval
from har.data.transforms.draws import chosen_clips
from har.errors import ConfigError
from har.samples import Batch
from har.skeleton.layout import Layout

Modality = Literal["pose", "video"]
MODALITIES: tuple[Modality, ...] = ("pose", "video")
"""The columns of ``Batch.present``."""


@dataclass(frozen=True)
class ModalityDropout(Transform):
    """Takes the poses or the frames away from some clips, so that a model learns to do without.

    After Neverova et al., ModDrop: Adaptive Multi-modal Gesture Recognition, TPAMI 2016,
    https://arxiv.org/abs/1501.00102; here no clip loses both. A clip that has one only keeps it.

    Draws: what each clip loses (N).

    Attributes:
        pose, video: probability that a clip loses it; their sum is 1 at most.
    """

    pose: float = 0.15
    video: float = 0.15

    def __post_init__(self) -> None:
        check_in_unit_interval("ModalityDropout", pose=self.pose, video=self.video)
        if self.pose + self.video > 1:
            raise ConfigError(
                f"ModalityDropout: pose={self.pose} and video={self.video} are over 1 together"
            )

    def __call__(self, batch: Batch, layout: Layout, rng: torch.Generator) -> Batch:  # noqa: ARG002
        """Return the batch with less that counts; see ``Transform``."""
        present = presence(batch)
        draw = torch.rand(len(batch), generator=rng).to(present.device)
        lost = torch.stack([draw < self.pose, draw >= 1 - self.video], dim=1)
        left = present & ~lost
        return replace(batch, present=torch.where(left.any(1, keepdim=True), left, present))


@dataclass(frozen=True)
class HideModality(Transform):
    """Takes the poses or the frames away from all clips: to test what is left.

    Attributes:
        modality: ``pose`` or ``video``.
    """

    modality: Modality

    def __post_init__(self) -> None:
        check_choice("HideModality", "modality", self.modality, MODALITIES)

    def __call__(self, batch: Batch, layout: Layout, rng: torch.Generator) -> Batch:  # noqa: ARG002
        """Return the batch without it; see ``Transform``."""
        present = presence(batch).clone()
        present[:, MODALITIES.index(self.modality)] = False
        return replace(batch, present=present)


@dataclass(frozen=True)
class FlipBoth(Transform):
    """Mirrors left and right of frames and poses together. Centre the poses first.

    Draws: who changes (N).

    Attributes:
        p: share of the clips that change.
    """

    p: float = 0.5

    def __post_init__(self) -> None:
        check_in_unit_interval("FlipBoth", p=self.p)

    def __call__(self, batch: Batch, layout: Layout, rng: torch.Generator) -> Batch:
        """Return the batch with some clips mirrored; see ``Transform``."""
        chosen = chosen_clips(batch, self.p, rng)
        flipped = RandomFlip(p=1.0)(batch, layout, torch.Generator())
        partners = torch.tensor(layout.flip_permutation, device=batch.joints.device)
        points = batch.points
        if points is not None:
            mirrored = points.index_select(3, partners) * points.new_tensor([-1, 1])
            points = _where(chosen, mirrored + points.new_tensor([1, 0]), points)
        frames = batch.frames
        if frames is not None:
            frames = _where(chosen, frames.flip(3), frames)
        return replace(
            batch,
            joints=_where(chosen, flipped.joints, batch.joints),
            confidence=_where(chosen, flipped.confidence, batch.confidence),
            points=points,
            frames=frames,
        )


def presence(batch: Batch) -> Tensor:
    """Return (N, 2) bool, whether poses and frames of each clip count.

    Raises:
        ConfigError: the batch does not have both.
    """
    if batch.present is None:
        raise ConfigError(
            "modalities can be taken away only from clips that have poses and frames: choose data "
            "with data.poses, such as data=gmdcsa24_fusion"
        )
    return batch.present


def _where(chosen: Tensor, new: Tensor, old: Tensor) -> Tensor:
    return torch.where(chosen.view(-1, *[1] * (old.ndim - 1)), new, old)
