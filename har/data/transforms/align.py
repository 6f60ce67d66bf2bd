"""Alignment: each clip is turned so that all bodies face the same way.

``AlignSpine`` then ``AlignShoulders`` is the usual normalisation of 3D skeletons, as in the
benchmarks of https://arxiv.org/abs/2205.09443; it forgets where down is. ``AlignVertical`` turns
about the vertical only, so that a body on the floor stays on the floor. All take the first frame
of the first person that shows the landmarks, and leave a clip without one as it is. They turn
about the origin: centre first.
"""

from dataclasses import dataclass
from typing import Literal

import torch

from har.data.transforms.arrays import Array, identity_beside, lengths_of, namespace
from har.data.transforms.checks import check_choice, check_dimensions
from har.data.transforms.geometry import (
    has_length,
    rotation_about,
    shortest_rotation,
)
from har.data.transforms.landmarks import first_sight, landmark_joints
from har.data.transforms.linear import LinearTransform, Moving
from har.skeleton.layout import Layout

_X, _Y, _Z = 0, 1, 2


@dataclass(frozen=True)
class AlignSpine(LinearTransform):
    """Turns the spine onto +z by the least angle.

    Attributes:
        bottom, top: landmarks at its ends.
    """

    bottom: str = "spine_base"
    top: str = "spine_top"

    def move(self, clips: Moving, layout: Layout, rng: torch.Generator) -> Moving:  # noqa: ARG002
        """Return the clips, to be turned; see ``LinearTransform``."""
        spine = _direction(clips, layout, self.bottom, self.top, "AlignSpine")
        return clips.turned(shortest_rotation(spine, _Z))


@dataclass(frozen=True)
class AlignShoulders(LinearTransform):
    """Turns the line from the left to the right shoulder onto +x by the least angle."""

    def move(self, clips: Moving, layout: Layout, rng: torch.Generator) -> Moving:  # noqa: ARG002
        """Return the clips, to be turned; see ``LinearTransform``."""
        width = _direction(clips, layout, "left_shoulder", "right_shoulder", "AlignShoulders")
        return clips.turned(shortest_rotation(width, _X))


@dataclass(frozen=True)
class AlignVertical(LinearTransform):
    """Turns about the vertical until the right shoulder lies in the direction of +x.

    Attributes:
        up: the vertical axis of the data; Kinect cameras have y.
    """

    up: Literal["y", "z"] = "y"

    def __post_init__(self) -> None:
        check_choice("AlignVertical", "up", self.up, ("y", "z"))

    def move(self, clips: Moving, layout: Layout, rng: torch.Generator) -> Moving:  # noqa: ARG002
        """Return the clips, to be turned; see ``LinearTransform``."""
        width = _direction(clips, layout, "left_shoulder", "right_shoulder", "AlignVertical")
        return clips.turned(_turn_to_x(width, _Y if self.up == "y" else _Z))


def _direction(clips: Moving, layout: Layout, start: str, end: str, needed_by: str) -> Array:
    """Return the vectors between two landmarks, (N, 3) float64; zeros where never seen."""
    check_dimensions(needed_by, clips.batch, 3)
    landmarks = [landmark_joints(layout, name, needed_by) for name in (start, end)]
    points = first_sight(clips.batch, landmarks).points
    return clips.differences(points[:, 1] - points[:, 0])


def _turn_to_x(vectors: Array, up: int) -> Array:
    """Return the rotations about ``up`` that bring the level part of each vector onto +x."""
    basis = identity_beside(vectors, 3)
    level = vectors * (1 - basis[up])
    level = namespace(level).where(has_length(level)[:, None], level, basis[_X])
    x, y, z = (level / lengths_of(level)[:, None]).swapaxes(0, 1)
    return rotation_about(up, x, z if up == _Y else -y)
