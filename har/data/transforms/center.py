"""Centring: the place of the body is taken out of its coordinates."""

from dataclasses import dataclass

import torch
from torch import Tensor

from har.data.transforms.arrays import Array
from har.data.transforms.frame_order import last_true
from har.data.transforms.landmarks import all_seen, first_sight, point_joints
from har.data.transforms.linear import LinearTransform, Moving
from har.samples import Batch
from har.skeleton.layout import Layout


@dataclass(frozen=True)
class Center(LinearTransform):
    """Moves the origin to a point of the first person, for all people alike.

    A clip that never shows the point stays as it is.

    Attributes:
        point: ``root``, the name of a joint, or a landmark of the layout.
        every_frame: follow the point through the clip, instead of taking it where the first person
            shows it first. Frames without it use the frame before.
    """

    point: str = "spine_mid"
    every_frame: bool = False

    def move(self, clips: Moving, layout: Layout, rng: torch.Generator) -> Moving:  # noqa: ARG002
        """Return the clips, to be centred; see ``LinearTransform``."""
        batch, joints = clips.settled(), point_joints(layout, self.point, "Center")
        origin = _path(batch, joints) if self.every_frame else _first_place(batch, joints)
        return Moving(batch, origin)


def _first_place(batch: Batch, joints: tuple[int, ...]) -> Array:
    """Return the point where it is seen first, (N, 1, 1, 1, C)."""
    return first_sight(batch, [joints]).points[:, :, None, None]


def _path(batch: Batch, joints: tuple[int, ...]) -> Tensor:
    """Return the point in every frame, (N, 1, T, 1, C)."""
    person = torch.as_tensor(first_sight(batch, [joints]).person)
    clips = torch.arange(batch.joints.shape[0], device=person.device)
    shown = all_seen(batch.confidence, joints)[clips, person]
    points = batch.joints[clips, person][:, :, list(joints)].mean(2) * shown[..., None]
    latest = last_true(shown)
    return points[clips[:, None], latest][:, None, :, None]
