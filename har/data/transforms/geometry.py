"""Linear maps of joints: rotations and other matrices, one a clip."""

import numpy as np
import torch
from torch import Tensor

from har.data.transforms.masking import open_to_numpy

_SHORTEST = 1e-6
_NEARLY_OPPOSITE = -1 + 1e-8


def apply_matrices(joints: Tensor, matrices: Tensor) -> Tensor:
    """Multiply each joint, as a column, by the matrix of its clip; zeros stay zeros.

    On a CPU NumPy's product of many rows with a small matrix is the fastest. Elsewhere sums of
    products keep full precision, where autocast or TF32 would round the factors of a matrix
    product.

    Args:
        joints: (N, M, T, V, C).
        matrices: (N, C, C).
    """
    matrices = matrices.to(joints.dtype).transpose(1, 2)
    if open_to_numpy(joints):
        rows = joints.flatten(1, 3).numpy()
        return torch.from_numpy(rows @ np.ascontiguousarray(matrices.numpy())).view_as(joints)
    columns = matrices[:, None, None, None]
    product = joints[..., :1] * columns[..., 0, :]
    for axis in range(1, joints.shape[-1]):
        product.addcmul_(joints[..., axis : axis + 1], columns[..., axis, :])
    return product


def identity_where(keep: Tensor, matrices: Tensor) -> Tensor:
    """Return (N, C, C) matrices with the identity where ``keep``, (N,) bool, is true."""
    identity = torch.eye(matrices.shape[-1], dtype=matrices.dtype, device=matrices.device)
    return torch.where(keep[:, None, None], identity, matrices)


def has_length(vectors: Tensor) -> Tensor:
    """Return which vectors, (N, C), are finite and long enough to have a direction."""
    lengths = vectors.norm(dim=-1)
    return lengths.isfinite() & (lengths > _SHORTEST)


def shortest_rotation(vectors: Tensor, axis: int) -> Tensor:
    """Return the rotation that turns each vector onto a coordinate axis by the least angle.

    Args:
        vectors: (N, 3).
        axis: 0, 1 or 2 for x, y or z.

    Returns:
        (N, 3, 3) float64; the identity for a vector without a direction. A vector that points the
        opposite way is turned half around about another coordinate axis.
    """
    identity = torch.eye(3, dtype=torch.float64, device=vectors.device)
    target = identity[axis]
    units = torch.where(has_length(vectors)[:, None], vectors.double(), target)
    units = units / units.norm(dim=-1, keepdim=True)
    between = units + target
    cosine = units[:, axis]
    away = _outer(between, between / (1 + cosine).clamp(min=1e-12)[:, None])
    rotation = identity - away + _outer(target[None], 2 * units)
    half_turn = identity * (2 * identity[(axis + 1) % 3] - 1)
    return torch.where((cosine < _NEARLY_OPPOSITE)[:, None, None], half_turn, rotation)


def rotation_about(axis: int, cosines: Tensor, sines: Tensor) -> Tensor:
    """Return right-handed rotations about a coordinate axis, (N, 3, 3).

    Args:
        axis: 0, 1 or 2 for x, y or z.
        cosines: (N,) of the angles.
        sines: (N,) of the angles.
    """
    first, second = (axis + 1) % 3, (axis + 2) % 3
    rotation = cosines.new_zeros(cosines.shape[0], 3, 3)
    rotation[:, axis, axis] = 1
    rotation[:, first, first] = rotation[:, second, second] = cosines
    rotation[:, first, second] = -sines
    rotation[:, second, first] = sines
    return rotation


def scaling(factors: Tensor) -> Tensor:
    """Return matrices (N, C, C) that multiply each axis by its factor, (N, C)."""
    identity = torch.eye(factors.shape[1], dtype=factors.dtype, device=factors.device)
    return factors[:, :, None] * identity


def _outer(columns: Tensor, rows: Tensor) -> Tensor:
    """Return the outer products of vectors, (N, C) and (N, C) or (1, C) -> (N, C, C)."""
    return columns[:, :, None] * rows[:, None]
