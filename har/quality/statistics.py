"""Numbers by group, and lengths of vectors, without loops."""

from typing import Any

import numpy as np

_SIGN = np.uint32(0x80000000)


def quantile_by(values: np.ndarray, group: np.ndarray, groups: int, q: float) -> np.ndarray:
    """Return the (groups,) quantile of the values of each group, NaN for a group without any.

    Args:
        values: (K,) numbers.
        group: (K,) int, the group of each.
        groups: how many there are.
        q: in [0, 1]; between two values the nearest is taken, in single precision.
    """
    count = np.bincount(group, minlength=groups)
    first = np.cumsum(count) - count
    found = np.full(groups, np.nan)
    filled = count > 0
    at = first[filled] + np.rint(q * (count[filled] - 1)).astype(np.int64)
    found[filled] = _sorted_by(values, group)[at]
    return found


def _sorted_by(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Sort values within their groups, the groups in order; one sort of whole numbers.

    The upper half of each number is the group, the lower half the float32 bits in the order of the
    values.
    """
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    negative = bits >> 31 == 1
    ordered = np.where(negative, ~bits, bits | _SIGN)
    keys = np.sort((group.astype(np.uint64) << np.uint64(32)) | ordered)
    ordered = keys.astype(np.uint32)
    bits = np.where(ordered & _SIGN, ordered ^ _SIGN, ~ordered)
    return bits.view(np.float32)


def norm(vectors: np.ndarray) -> np.ndarray:
    """Return the lengths of vectors (..., C); for small C much faster than NumPy's own."""
    return np.sqrt(np.einsum("...c,...c->...", vectors, vectors))


def divide(number: Any, by: Any) -> np.ndarray:
    """Divide, with NaN where the divisor is 0 or NaN."""
    by = np.asarray(by, dtype=np.float64)
    usable = np.isfinite(by) & (by != 0)
    quotient = np.full(np.broadcast(number, by).shape, np.nan)
    return np.divide(number, by, out=quotient, where=usable)
