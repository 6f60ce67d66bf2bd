"""Which joints are seen, and taking some of them away."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from har.data.transforms.arrays import Array, open_to_numpy
from har.samples import Batch


def seen(batch: Batch) -> Tensor:
    """Return (N, M, T, V, 1) bool: true for a joint with confidence above 0."""
    return (batch.confidence > 0).unsqueeze(-1)


def seen_from(batch: Batch, origin: Array) -> Tensor:
    """Return joints as differences from an origin, zeros where none is seen.

    Args:
        batch: the clips.
        origin: (N, 1, T or 1, 1, C).
    """
    if not open_to_numpy(batch.joints):
        return (batch.joints - origin) * seen(batch)
    joints, visible = batch.joints.numpy(), batch.confidence.numpy() > 0
    # A row of numbers for all joints of a frame subtracts faster than a few for each of them.
    moved = joints - np.tile(origin, (joints.shape[3], 1))
    _clear(moved, visible)
    return torch.from_numpy(moved)


def _clear(joints: np.ndarray, visible: np.ndarray) -> None:
    """Set joints (N, M, T, V, C) to zero where they are not visible, (N, M, T, V)."""
    whole, some = visible.all(axis=(2, 3)), visible.any(axis=(2, 3))
    if (whole == some).all():  # people are seen in full, or not at all
        joints[~whole] = 0
        return
    for axis in range(joints.shape[-1]):
        np.multiply(joints[..., axis], visible, out=joints[..., axis])


def hide(batch: Batch, kept: Tensor) -> Batch:
    """Set joints to zero with confidence 0, and update who is still in the clip.

    Args:
        batch: the clips.
        kept: bool that broadcasts to (N, M, T, V), false for the joints to hide. A clip in which
            nothing would be left stays as it is.
    """
    confidence = batch.confidence * kept
    emptied = ~(confidence > 0).flatten(1).any(1)
    confidence = torch.where(emptied[:, None, None, None], batch.confidence, confidence)
    visible = confidence > 0
    return replace(
        batch,
        joints=batch.joints * visible.unsqueeze(-1),
        confidence=confidence,
        person_mask=batch.person_mask & visible.flatten(2).any(2),
    )
