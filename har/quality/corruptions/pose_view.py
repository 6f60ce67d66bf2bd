"""Another camera: where it stands, how often it looks, and what it cannot see.

Axes are those of a camera: x to the side, y up or down, z along the line of sight. Rotations turn
the clip about the middle of all its joints.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from har.quality.corruptions.pose_base import (
    PoseCorruption,
    centre,
    draw,
    rebuilt,
    seen,
    take_frames,
)
from har.samples import Batch
from har.skeleton.layout import Layout

_SPACE = 3
_DEPTH = 2


@dataclass(frozen=True)
class Scale(PoseCorruption):
    """Bodies come out too large or too small, and as much too far or too near."""

    name: ClassVar[str] = "scale"
    parameter: ClassVar[str] = "factor, or one over it"
    levels: ClassVar[tuple[float, ...]] = (1.1, 1.25, 1.5, 1.75, 2.0)

    def corrupt(self, batch: Batch, layout: Layout, rng: torch.Generator) -> Batch:  # noqa: ARG002
        """Return the scaled batch."""
        factors = torch.pow(self.level, _signs(batch, rng))
        return rebuilt(batch, batch.joints * factors[:, None, None, None, None])


@dataclass(frozen=True)
class ViewAngle(PoseCorruption):
    """The camera stands further to the left or the right: a turn about the vertical, y."""

    name: ClassVar[str] = "view_angle"
    parameter: ClassVar[str] = "angle, degrees"
    levels: ClassVar[tuple[float, ...]] = (15, 30, 45, 60, 90)
    dimensions: ClassVar[tuple[int, ...]] = (_SPACE,)

    def corrupt(self, batch: Batch, layout: Layout, rng: torch.Generator) -> Batch:  # noqa: ARG002
        """Return the turned batch."""
        return _turned(batch, self.level * _signs(batch, rng), 0, 2)


@dataclass(frozen=True)
class CameraTilt(PoseCorruption):
    """The camera looks down or up: a turn about x."""

    name: ClassVar[str] = "camera_tilt"
    parameter: ClassVar[str] = "angle, degrees"
    levels: ClassVar[tuple[float, ...]] = (5, 10, 20, 30, 45)
    dimensions: ClassVar[tuple[int, ...]] = (_SPACE,)

    def corrupt(self, batch: Batch, layout: Layout, rng: torch.Generator) -> Batch:  # noqa: ARG002
        """Return the turned batch."""
        return _turned(batch, self.level * _signs(batch, rng), 1, 2)


@dataclass(frozen=True)
class CameraRoll(PoseCorruption):
    """The camera hangs crooked: a turn in the image plane."""

    name: ClassVar[str] = "camera_roll"
    parameter: ClassVar[str] = "angle, degrees"
    levels: ClassVar[tuple[float, ...]] = (5, 10, 20, 30, 45)

    def corrupt(self, batch: Batch, layout: Layout, rng: torch.Generator) -> Batch:  # noqa: ARG002
        """Return the turned batch."""
        return _turned(batch, self.level * _signs(batch, rng), 0, 1)


@dataclass(frozen=True)
class DepthLoss(PoseCorruption):
    """The depth within a body fades, until at severity 5 the poses are 2D."""

    name: ClassVar[str] = "depth_loss"
    parameter: ClassVar[str] = "share of the depth that is lost"
    levels: ClassVar[tuple[float, ...]] = (0.25, 0.5, 0.75, 0.9, 1.0)
    dimensions: ClassVar[tuple[int, ...]] = (_SPACE,)

    def corrupt(self, batch: Batch, layout: Layout, rng: torch.Generator) -> Batch:  # noqa: ARG002
        """Return the flattened batch."""
        visible = seen(batch)[..., 0]
        depth = batch.joints[..., _DEPTH]
        count = visible.sum(3, keepdim=True).clamp(min=1)
        middle = (depth * visible).sum(3, keepdim=True) / count
        joints = batch.joints.clone()
        joints[..., _DEPTH] = torch.lerp(depth, middle.expand_as(depth), self.level)
        return rebuilt(batch, joints)


@dataclass(frozen=True)
class FrameRate(PoseCorruption):
    """A slower camera or estimator: each pose is repeated until the next one comes.

    At 30 frames a second the levels leave 15, 10, 7.5, 5 and 3 poses a second.
    """

    name: ClassVar[str] = "frame_rate"
    parameter: ClassVar[str] = "one pose in so many frames"
    levels: ClassVar[tuple[int, ...]] = (2, 3, 4, 6, 10)

    def corrupt(self, batch: Batch, layout: Layout, rng: torch.Generator) -> Batch:  # noqa: ARG002
        """Return the batch with poses held."""
        phase = (draw(batch, (len(batch), 1), rng) * self.level).long()
        places = torch.arange(batch.joints.shape[2], device=phase.device)
        held = (places + phase) // self.level * self.level - phase
        return take_frames(batch, held.clamp(min=0))


def _signs(batch: Batch, rng: torch.Generator) -> Tensor:
    """Return -1 or 1 for each clip, equally likely, (N,)."""
    return (draw(batch, (len(batch),), rng) < 0.5).to(batch.joints.dtype) * 2 - 1


def _turned(batch: Batch, degrees: Tensor, first: int, second: int) -> Batch:
    """Turn each clip in the plane of two axes about the middle of its joints."""
    angles = degrees[:, None, None, None] * (math.pi / 180)
    cosines, sines = angles.cos(), angles.sin()
    middle = centre(batch)
    offset = batch.joints - middle
    joints = batch.joints.clone()
    one, two = offset[..., first], offset[..., second]
    joints[..., first] = middle[..., first] + cosines * one - sines * two
    joints[..., second] = middle[..., second] + sines * one + cosines * two
    return rebuilt(batch, joints)
