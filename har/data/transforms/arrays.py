"""The small sums of a transform, in NumPy on a CPU and in PyTorch elsewhere: one code for both.

What is found out about each clip (where its root is, how its spine leans) is dozens of operations
on a few numbers. A call of NumPy takes a fraction of the time of one of PyTorch, and on a CPU a
tensor and an array share their memory. Code for both keeps to what they have in common: operators,
indexing, ``reshape``, ``swapaxes``, ``sum``, ``mean`` and ``any`` with the axis as a position,
``clip``; and ``where``, ``stack``, ``isfinite``, ``cos`` and ``sin`` of ``namespace``.
"""

from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from har.samples import Batch

Array: TypeAlias = Any
"""A NumPy array where ``open_to_numpy``, else a tensor."""


def open_to_numpy(tensor: Tensor) -> bool:
    """Return whether NumPy may compute on the memory of a tensor.

    PyTorch is slow on a CPU where the last axis has only a few numbers. While a model is traced it
    has to do the work nevertheless, as the trace does not see what NumPy does.
    """
    plain = tensor.device.type == "cpu" and not tensor.requires_grad
    return plain and tensor.dtype in (torch.float32, torch.float64) and not torch.jit.is_tracing()


def arrays_of(batch: Batch) -> tuple[Array, Array]:
    """Return joints and confidence of a batch for computing; not to be written to."""
    if open_to_numpy(batch.joints):
        return batch.joints.numpy(), batch.confidence.numpy()
    return batch.joints, batch.confidence


def array_beside(batch: Batch, tensor: Tensor | Array) -> Array:
    """Return a tensor as an array of the kind that ``arrays_of`` returns for the batch."""
    return np.asarray(tensor) if open_to_numpy(batch.joints) else tensor


def namespace(array: Array) -> Any:
    """Return the module whose functions take the array: ``numpy`` or ``torch``."""
    return torch if isinstance(array, Tensor) else np


def in_double(array: Array) -> Array:
    """Return an array in double precision."""
    return array.double() if isinstance(array, Tensor) else array.astype(np.float64)


def identity_beside(array: Array, axes: int) -> Array:
    """Return the identity (axes, axes), float64, where the array is."""
    if isinstance(array, Tensor):
        return torch.eye(axes, dtype=torch.float64, device=array.device)
    return np.eye(axes)


def row_numbers(array: Array) -> Array:
    """Return 0, 1, ... for the rows of an array, to index them."""
    if isinstance(array, Tensor):
        return torch.arange(array.shape[0], device=array.device)
    return np.arange(array.shape[0])


def first_true(flags: Array) -> Array:
    """Return the first true place of each row, (N, K) -> (N,); 0 where none is true."""
    return flags.int().argmax(1) if isinstance(flags, Tensor) else flags.argmax(1)


def lengths_of(vectors: Array) -> Array:
    """Return the Euclidean lengths of vectors, (..., C) -> (...)."""
    return (vectors * vectors).sum(-1) ** 0.5
