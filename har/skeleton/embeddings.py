"""Encodings of joints beyond positions and bones: relative joints, angles, finite differences.

Every function takes joints (..., T, V, C), a mask (..., T, V) of the joints that were seen, and
the layout. A value that would need an unseen joint is exactly zero.
"""

from functools import lru_cache
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from har.errors import LayoutError
from har.skeleton.layout import Layout

CENTRE = "spine_mid"
REFERENCE_LANDMARKS = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
ANGLE_PAIRS = ("wrist", "elbow", "knee", "ankle")
ANGLES = 3 + len(ANGLE_PAIRS)


def velocity(joints: Tensor, seen: Tensor, layout: Layout) -> Tensor:  # noqa: ARG001
    """Return half the difference of the frames around each, per frame; zero at both ends."""
    if joints.shape[-3] < 3:
        return torch.zeros_like(joints)
    change = (joints[..., 2:, :, :] - joints[..., :-2, :, :]) / 2
    return _between_ends(change * _three_seen(seen)[..., None])


def acceleration(joints: Tensor, seen: Tensor, layout: Layout) -> Tensor:  # noqa: ARG001
    """Return the second difference of the frames, per frame squared; zero at both ends."""
    if joints.shape[-3] < 3:
        return torch.zeros_like(joints)
    around = joints[..., 2:, :, :] + joints[..., :-2, :, :]
    change = around - 2 * joints[..., 1:-1, :, :]
    return _between_ends(change * _three_seen(seen)[..., None])


def relative(joints: Tensor, seen: Tensor, layout: Layout) -> Tensor:
    """Return the joints relative to the middle of the spine."""
    return _relative_to(CENTRE, joints, seen, layout)


def relative_landmarks(joints: Tensor, seen: Tensor, layout: Layout) -> Tensor:
    """Return the joints relative to each of ``REFERENCE_LANDMARKS``, (..., T, V, 4 C).

    The four reference joints are those of Ke et al., A New Representation of Skeleton Sequences
    for 3D Action Recognition, CVPR 2017: they move little by themselves.
    """
    parts = [_relative_to(name, joints, seen, layout) for name in REFERENCE_LANDMARKS]
    return torch.cat(parts, dim=-1)


def polar(joints: Tensor, seen: Tensor, layout: Layout) -> Tensor:
    """Return distance from the middle of the spine and unit direction, (..., T, V, C + 1).

    In two dimensions these are polar coordinates with the angle as its cosine and sine, in three
    spherical ones: no angle jumps from one end of its range to the other.
    """
    offset = relative(joints, seen, layout)
    distance = torch.linalg.vector_norm(offset, dim=-1, keepdim=True)
    direction = torch.where(distance > 0, offset / distance.clamp(min=1e-12), 0)
    return torch.cat([distance, direction], dim=-1)


def angles(joints: Tensor, seen: Tensor, layout: Layout) -> Tensor:
    """Return seven angles at each joint as 1 - cosine, in [0, 2], (..., T, V, 7).

    The channels are, after Qin et al., Fusing Higher-Order Features in Graph Neural Networks for
    Skeleton-Based Action Recognition, https://arxiv.org/abs/2105.01563:

    - between the bones that meet at the joint, the mean over their pairs; zero at an end joint;
    - at the middle of the spine, between the joint and the top of the spine;
    - at the joint, between the top and the base of the spine;
    - at the joint, between the two wrists, elbows, knees, and ankles (four channels).

    Zero also stands for an angle that does not exist: an arm of no length, an unseen joint, or a
    joint that the layout lacks.
    """
    middle, middle_seen = _landmark(CENTRE, joints, seen, layout)
    top, top_seen = _landmark("spine_top", joints, seen, layout)
    base, base_seen = _landmark("spine_base", joints, seen, layout)
    channels = [
        _angle_of_bones(joints, seen, layout),
        _angle(middle, joints, top) * (seen & middle_seen & top_seen),
        _angle(joints, top, base) * (seen & top_seen & base_seen),
        *(_angle_of_pair(pair, joints, seen, layout) for pair in ANGLE_PAIRS),
    ]
    return torch.stack(channels, dim=-1)


def _angle_of_bones(joints: Tensor, seen: Tensor, layout: Layout) -> Tensor:
    at, first, second = torch.tensor(_bone_pairs(layout), device=joints.device)
    known = (seen[..., at] & seen[..., first] & seen[..., second]).to(joints.dtype)
    opening = _angle(joints[..., at, :], joints[..., first, :], joints[..., second, :])
    pairs_of = torch.nn.functional.one_hot(at, layout.num_joints).to(joints.dtype)
    return (opening * known) @ pairs_of / (known @ pairs_of).clamp(min=1)


@lru_cache(maxsize=64)
def _bone_pairs(layout: Layout) -> np.ndarray:
    """Return (3, K) int64: a joint and two of its neighbours, for all pairs of neighbours."""
    neighbours: dict[int, set[int]] = {joint: set() for joint in range(layout.num_joints)}
    for joint, other in layout.edge_indices.tolist():
        neighbours[joint].add(other)
        neighbours[other].add(joint)
    triples = [
        (joint, first, second)
        for joint, others in neighbours.items()
        for first, second in combinations(sorted(others), 2)
    ]
    return np.array(triples, dtype=np.int64).reshape(-1, 3).T.copy()


def _angle_of_pair(name: str, joints: Tensor, seen: Tensor, layout: Layout) -> Tensor:
    left, right = (layout.find(f"{side}_{name}") for side in ("left", "right"))
    if left is None or right is None:
        return torch.zeros_like(joints[..., 0])
    known = seen & seen[..., left : left + 1] & seen[..., right : right + 1]
    return _angle(joints, joints[..., left, None, :], joints[..., right, None, :]) * known


def _angle(at: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Return 1 - cosine of the angle at a point between two others; 0 where a side has no length.

    All are (..., C), broadcast against each other.
    """
    one, other = first - at, second - at
    product = torch.linalg.vector_norm(one, dim=-1) * torch.linalg.vector_norm(other, dim=-1)
    cosine = (one * other).sum(-1) / product.clamp(min=1e-12)
    return torch.where(product > 1e-12, 1 - cosine.clamp(-1, 1), 0)


def _relative_to(name: str, joints: Tensor, seen: Tensor, layout: Layout) -> Tensor:
    point, known = _landmark(name, joints, seen, layout)
    return (joints - point) * (seen & known)[..., None]


def _landmark(name: str, joints: Tensor, seen: Tensor, layout: Layout) -> tuple[Tensor, Tensor]:
    """Return a landmark (..., T, 1, C) and whether all its joints were seen (..., T, 1)."""
    positions = layout.landmark(name)
    if positions is None:
        raise LayoutError(
            f"layout '{layout.name}' does not tell where '{name}' is, which this stream needs: "
            f"name its joints under 'landmarks' in the layout's file."
        )
    chosen = list(positions)
    point = joints[..., chosen, :].mean(dim=-2, keepdim=True)
    return point, seen[..., chosen].all(dim=-1, keepdim=True)


def _three_seen(seen: Tensor) -> Tensor:
    return seen[..., 2:, :] & seen[..., 1:-1, :] & seen[..., :-2, :]


def _between_ends(change: Tensor) -> Tensor:
    """Put a frame of zeros before and after."""
    end = torch.zeros_like(change[..., :1, :, :])
    return torch.cat([end, change, end], dim=-3)
