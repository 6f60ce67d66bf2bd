"""Linear maps of joints: rotations and other matrices, one a clip."""

import numpy as np
import torch
from torch import Tensor

from har.data.transforms.arrays import (
    Array,
    identity_beside,
    in_double,
    lengths_of,
    namespace,
    open_to_numpy,
)

_SHORTEST = 1e-6
_NEARLY_OPPOSITE = -1 + 1e-8


def apply_matrices(joints: Tensor, matrices: Array) -> Tensor:
    """Multiply each joint, as a column, by the matrix of its clip; zeros stay zeros.

    On a CPU NumPy's product of many rows with a small matrix is the fastest. Elsewhere sums of
    products keep full precision, where autocast or TF32 would round the factors of a matrix
    product.

    Args:
        joints: (N, M, T, V, C).
        matrices: (N, C, C).
    """
    if open_to_numpy(joints):
        rows = joints.flatten(1, 3).numpy()
        factors = np.asarray(matrices).swapaxes(1, 2).astype(rows.dtype, order="C")
        return torch.from_numpy(rows @ factors).view_as(joints)
    columns = matrices.to(joints.dtype).transpose(1, 2)[:, None, None, None]
    product = joints[..., :1] * columns[..., 0, :]
    for axis in range(1, joints.shape[-1]):
        product.addcmul_(joints[..., axis : axis + 1], columns[..., axis, :])
    return product


def identity_where(keep: Array, matrices: Array) -> Array:
    """Return (N, C, C) matrices, float64, with the identity where ``keep``, (N,) bool, is true."""
    identity = identity_beside(matrices, matrices.shape[-1])
    return namespace(matrices).where(keep[:, None, None], identity, in_double(matrices))


def has_length(vectors: Array) -> Array:
    """Return which vectors, (N, C), are finite and long enough to have a direction."""
    lengths = lengths_of(vectors)
    return namespace(lengths).isfinite(lengths) & (lengths > _SHORTEST)


def shortest_rotation(vectors: Array, axis: int) -> Array:
    """Return the rotation that turns each vector onto a coordinate axis by the least angle.

    Args:
        vectors: (N, 3).
        axis: 0, 1 or 2 for x, y or z.

    Returns:
        (N, 3, 3) float64; the identity for a vector without a direction. A vector that points the
        opposite way is turned half around about another coordinate axis.
    """
    identity, where = identity_beside(vectors, 3), namespace(vectors).where
    target = identity[axis]
    units = where(has_length(vectors)[:, None], in_double(vectors), target)
    units = units / lengths_of(units)[:, None]
    between = units + target
    cosine = units[:, axis]
    away = _outer(between, between / (1 + cosine).clip(1e-12)[:, None])
    rotation = identity - away + _outer(target[None], 2 * units)
    half_turn = identity * (2 * identity[(axis + 1) % 3] - 1)
    return where((cosine < _NEARLY_OPPOSITE)[:, None, None], half_turn, rotation)


def rotation_about(axis: int, cosines: Array, sines: Array) -> Array:
    """Return right-handed rotations about a coordinate axis, (N, 3, 3) float64.

    Args:
        axis: 0, 1 or 2 for x, y or z.
        cosines: (N,) of the angles.
        sines: (N,) of the angles.
    """
    basis = identity_beside(cosines, 3)
    first, second = basis[(axis + 1) % 3], basis[(axis + 2) % 3]
    still = basis[axis][:, None] * basis[axis]
    turn = second[:, None] * first - first[:, None] * second
    return still + cosines[:, None, None] * (basis - still) + sines[:, None, None] * turn


def scaling(factors: Array, axes: int) -> Array:
    """Return matrices (N, C, C) float64 that multiply each axis by its factor, (N, C) or (N, 1)."""
    return in_double(factors)[:, :, None] * identity_beside(factors, axes)


def _outer(columns: Array, rows: Array) -> Array:
    """Return the outer products of vectors, (N, C) and (N, C) or (1, C) -> (N, C, C)."""
    return columns[:, :, None] * rows[:, None]
