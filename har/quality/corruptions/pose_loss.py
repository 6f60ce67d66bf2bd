"""Missing and mixed-up joints: occlusion, missed detections, left taken for right."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import torch
from torch import Tensor

from har.quality.corruptions.pose_base import (
    PoseCorruption,
    draw,
    draw_runs,
    keep_only,
    rebuilt,
)
from har.samples import Batch
from har.skeleton.layout import Layout

RUN_FRAMES = 8
_LEG = ("knee", "ankle", "foot", "heel")
_ARM = ("elbow", "wrist", "hand", "thumb", "pinky", "index")


@dataclass(frozen=True)
class JointDropout(PoseCorruption):
    """Random joints are missing, others in every frame."""

    name: ClassVar[str] = "joint_dropout"
    parameter: ClassVar[str] = "share of the joints that are missing"
    levels: ClassVar[tuple[float, ...]] = (0.05, 0.1, 0.2, 0.35, 0.5)

    def corrupt(self, batch: Batch, layout: Layout, rng: torch.Generator) -> Batch:  # noqa: ARG002
        """Return the batch without those joints."""
        return keep_only(batch, draw(batch, tuple(batch.confidence.shape), rng) >= self.level)


@dataclass(frozen=True)
class LimbDropout(PoseCorruption):
    """Arms and legs are hidden, as behind furniture: below the shoulder or the hip.

    A level below 1 hides one limb for that share of the clip, a whole number so many limbs for all
    of it. People lose their limbs independently.
    """

    name: ClassVar[str] = "limb_dropout"
    parameter: ClassVar[str] = "hidden limbs, on average over time"
    levels: ClassVar[tuple[float, ...]] = (0.3, 0.6, 1.0, 2.0, 3.0)

    def corrupt(self, batch: Batch, layout: Layout, rng: torch.Generator) -> Batch:
        """Return the batch without those limbs."""
        N, M = batch.person_mask.shape
        member = torch.tensor(_limbs(layout), device=batch.joints.device)
        ranks = draw(batch, (N, M, len(member)), rng).argsort(-1).argsort(-1)
        hidden = (ranks < max(1, int(self.level))).to(torch.float32) @ member.to(torch.float32)
        when = _window(batch, min(self.level, 1.0), rng)
        return keep_only(batch, ~((hidden > 0)[:, :, None] & when[..., None]))


@dataclass(frozen=True)
class FrameDropout(PoseCorruption):
    """Nobody is found in random frames."""

    name: ClassVar[str] = "frame_dropout"
    parameter: ClassVar[str] = "share of the frames that are empty"
    levels: ClassVar[tuple[float, ...]] = (0.1, 0.2, 0.35, 0.5, 0.7)

    def corrupt(self, batch: Batch, layout: Layout, rng: torch.Generator) -> Batch:  # noqa: ARG002
        """Return the batch with those frames empty."""
        draws = draw(batch, (len(batch), 1, batch.joints.shape[2], 1), rng)
        return keep_only(batch, draws >= self.level)


@dataclass(frozen=True)
class TrackLoss(PoseCorruption):
    """A person is lost for one stretch of the clip."""

    name: ClassVar[str] = "track_loss"
    parameter: ClassVar[str] = "share of the clip without the person"
    levels: ClassVar[tuple[float, ...]] = (0.1, 0.2, 0.35, 0.5, 0.7)

    def corrupt(self, batch: Batch, layout: Layout, rng: torch.Generator) -> Batch:  # noqa: ARG002
        """Return the batch with that gap."""
        return keep_only(batch, ~_window(batch, self.level, rng)[..., None])


@dataclass(frozen=True)
class PersonDropout(PoseCorruption):
    """People are not found at all, but for one; clips of one person stay as they are."""

    name: ClassVar[str] = "person_dropout"
    parameter: ClassVar[str] = "share of the further people who are missing"
    levels: ClassVar[tuple[float, ...]] = (0.2, 0.4, 0.6, 0.8, 1.0)

    def corrupt(self, batch: Batch, layout: Layout, rng: torch.Generator) -> Batch:  # noqa: ARG002
        """Return the batch without those people."""
        draws = draw(batch, tuple(batch.person_mask.shape), rng)
        surest = draws.masked_fill(~batch.person_mask, -1).amax(1, keepdim=True)
        return keep_only(batch, ((draws >= self.level) | (draws == surest))[..., None, None])


@dataclass(frozen=True)
class SideSwap(PoseCorruption):
    """Left and right joints change places in runs of ``RUN_FRAMES`` frames."""

    name: ClassVar[str] = "side_swap"
    parameter: ClassVar[str] = "share of the frames with sides swapped"
    levels: ClassVar[tuple[float, ...]] = (0.05, 0.1, 0.2, 0.35, 0.5)

    def corrupt(self, batch: Batch, layout: Layout, rng: torch.Generator) -> Batch:
        """Return the batch with those frames mirrored in name only."""
        people = batch.person_mask.shape[1]
        swapped = (draw_runs(batch, people, RUN_FRAMES, rng) < self.level)[..., None]
        partners = torch.tensor(layout.flip_permutation, device=batch.joints.device)
        joints = batch.joints[..., partners, :].where(swapped[..., None], batch.joints)
        confidence = batch.confidence[..., partners].where(swapped, batch.confidence)
        return rebuilt(batch, joints, confidence)


@dataclass(frozen=True)
class PersonSwap(PoseCorruption):
    """The tracks of the first two people change places in runs of ``RUN_FRAMES`` frames.

    Clips of one person stay as they are.
    """

    name: ClassVar[str] = "person_swap"
    parameter: ClassVar[str] = "share of the frames with people swapped"
    levels: ClassVar[tuple[float, ...]] = (0.05, 0.1, 0.2, 0.35, 0.5)

    def corrupt(self, batch: Batch, layout: Layout, rng: torch.Generator) -> Batch:  # noqa: ARG002
        """Return the batch with the people swapped in those frames."""
        people = batch.person_mask.shape[1]
        draws = draw_runs(batch, 1, RUN_FRAMES, rng)
        if people < 2:
            return batch
        both = batch.person_mask[:, :2].all(1)
        swapped = ((draws < self.level) & both[:, None, None])[..., None]
        order = [1, 0, *range(2, people)]
        joints = batch.joints[:, order].where(swapped[..., None], batch.joints)
        confidence = batch.confidence[:, order].where(swapped, batch.confidence)
        return rebuilt(batch, joints, confidence)


def _window(batch: Batch, share: float, rng: torch.Generator) -> Tensor:
    """Return (N, M, T), true in one stretch of that share of the frames, of at least one frame."""
    N, M, T = batch.joints.shape[:3]
    length = max(1, round(share * T))
    starts = (draw(batch, (N, M, 1), rng) * (T - length + 1)).long()
    places = torch.arange(T, device=starts.device)
    return (places >= starts) & (places < starts + length)


@cache
def _limbs(layout: Layout) -> list[list[bool]]:
    """Return which joints belong to each arm and leg, (L, V)."""
    parts: Sequence[list[bool]] = [
        [name.startswith(side) and _limb(name) == limb for name in layout.joints]
        for side in ("left_", "right_")
        for limb in ("arm", "leg")
    ]
    return [part for part in parts if any(part)] or [[False] * layout.num_joints]


def _limb(name: str) -> str:
    if any(part in name for part in _LEG):
        return "leg"
    return "arm" if any(part in name for part in _ARM) else ""
