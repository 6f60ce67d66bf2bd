"""Input streams made from joints: positions, bones, and the motion of both."""

import torch
from torch import Tensor

from har.errors import ConfigError, LayoutError, did_you_mean
from har.skeleton.layout import Layout

STREAMS = ("joint", "bone", "joint_motion", "bone_motion")


def compute_stream(
    name: str, joints: Tensor, layout: Layout, confidence: Tensor | None = None
) -> Tensor:
    """Return one stream of some joints.

    A bone is the joint minus its ``bone_parents`` joint, zero where that is itself. Motion is the
    next frame minus the current one, zero in the last frame and where the person is
    absent (all zeros) in either frame. With ``confidence``, a bone and a motion are zero wherever
    one of their two joints was not seen; without it, joints at the origin count as seen.

    Args:
        name: one of ``STREAMS``.
        joints: (..., T, V, C), such as (N, M, T, V, C).
        layout: layout of the V joints.
        confidence: (..., T, V), 0 where a joint was not seen.

    Raises:
        ConfigError: if there is no such stream.
        LayoutError: if the joints do not have the shape of the layout.
    """
    if name not in STREAMS:
        raise ConfigError(
            f"unknown stream '{name}'. Known: {', '.join(STREAMS)}.{did_you_mean(name, STREAMS)}"
        )
    if joints.ndim < 3 or joints.shape[-2] != layout.num_joints:
        raise LayoutError(
            f"joints of shape {tuple(joints.shape)} do not fit layout '{layout.name}': the last "
            f"axes must be T, V={layout.num_joints}, C."
        )
    if name == "joint":
        return joints
    seen = _present(joints) if confidence is None else confidence > 0
    stream = joints
    if name.startswith("bone"):
        stream, seen = _bones(stream, seen, layout)
    if name.endswith("motion"):
        stream = _motion(stream, seen)
    return stream


def _present(joints: Tensor) -> Tensor:
    """Return (..., T, V) bool: the person is in the frame, so not all its joints are zero."""
    return (joints != 0).flatten(-2).any(dim=-1, keepdim=True).expand(joints.shape[:-1])


def _bones(joints: Tensor, seen: Tensor, layout: Layout) -> tuple[Tensor, Tensor]:
    parents = torch.tensor(layout.bone_parents, device=joints.device)
    seen = seen & seen[..., parents]
    return (joints - joints[..., parents, :]) * seen[..., None], seen


def _motion(stream: Tensor, seen: Tensor) -> Tensor:
    both = seen[..., 1:, :] & seen[..., :-1, :]
    change = (stream[..., 1:, :, :] - stream[..., :-1, :, :]) * both[..., None]
    return torch.cat([change, torch.zeros_like(stream[..., :1, :, :])], dim=-3)
