"""Random rotation: the same action seen from other sides."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from har.data.transforms.arrays import Array, array_beside, namespace
from har.data.transforms.checks import check_in_unit_interval, check_not_negative
from har.data.transforms.draws import chosen_clips, uniform
from har.data.transforms.geometry import identity_where, rotation_about
from har.data.transforms.linear import LinearTransform, Moving
from har.errors import ConfigError
from har.skeleton.layout import Layout


@dataclass(frozen=True)
class RandomRotation(LinearTransform):
    """Turns a clip about the origin by random angles: about x, then y, then z; in 2D in the plane.

    Draws: who changes (N), angles (N, 3), or (N, 1) in 2D.

    Attributes:
        max_angle_rad: each angle is uniform within plus and minus this; a list gives one for each
            of x, y and z.
        p: share of the clips that change.
    """

    max_angle_rad: float | Sequence[float] = 0.3
    p: float = 1.0

    def __post_init__(self) -> None:
        check_in_unit_interval("RandomRotation", p=self.p)
        for angle in _as_list(self.max_angle_rad):
            check_not_negative("RandomRotation", max_angle_rad=angle)

    def move(self, clips: Moving, layout: Layout, rng: torch.Generator) -> Moving:  # noqa: ARG002
        """Return the clips, to be turned; see ``LinearTransform``."""
        batch = clips.batch
        chosen = array_beside(batch, chosen_clips(batch, self.p, rng))
        limits = batch.joints.new_tensor(self._limits(3 if batch.joints.shape[-1] == 3 else 1))
        drawn = uniform(batch, (len(batch), len(limits)), -1, 1, rng)
        angles = array_beside(batch, drawn * limits)
        matrices = _space_rotation(angles) if len(limits) == 3 else _plane_rotation(angles[:, 0])
        return clips.turned(identity_where(~chosen, matrices))

    def _limits(self, count: int) -> list[float]:
        limits = _as_list(self.max_angle_rad)
        if len(limits) not in (1, count):
            raise ConfigError(
                f"RandomRotation: max_angle_rad={limits} has {len(limits)} angles; give one number"
                + (", or three for x, y and z" if count == 3 else " for 2D joints")
            )
        return limits * (count // len(limits))


def _as_list(angles: float | Sequence[float]) -> list[float]:
    return list(angles) if isinstance(angles, Sequence) else [angles]


def _space_rotation(angles: Array) -> Array:
    cosines, sines = _directions(angles)
    about_x, about_y, about_z = (
        rotation_about(axis, cosines[:, axis], sines[:, axis]) for axis in range(3)
    )
    return about_z @ about_y @ about_x


def _plane_rotation(angles: Array) -> Array:
    return rotation_about(2, *_directions(angles))[:, :2, :2]


def _directions(angles: Array) -> tuple[Array, Array]:
    functions = namespace(angles)
    return functions.cos(angles), functions.sin(angles)
