"""Reordering the frames of a batch."""

from dataclasses import replace

import torch
from torch import Tensor

from har.samples import Batch


def take_frames(batch: Batch, order: Tensor) -> Batch:
    """Return the batch with frames in another order, the same for all people of a clip.

    Args:
        batch: the clips.
        order: (N, T) int64, the old frame at each new place.
    """
    N, M, T = batch.joints.shape[:3]
    person_starts = torch.arange(N * M, device=order.device).view(N, M, 1) * T
    rows = (person_starts + order[:, None]).flatten()
    joints = batch.joints.flatten(0, 2).flatten(1).index_select(0, rows)
    confidence = batch.confidence.flatten(0, 2).index_select(0, rows).view_as(batch.confidence)
    return replace(
        batch,
        joints=joints.view_as(batch.joints),
        confidence=confidence,
        person_mask=batch.person_mask & (confidence > 0).flatten(2).any(2),
    )


def last_true(flags: Tensor) -> Tensor:
    """Return the latest true place so far, (N, T) -> (N, T); before any, the first true one."""
    places = torch.arange(flags.shape[1], device=flags.device).expand_as(flags)
    latest = torch.where(flags, places, -1).cummax(1).values
    return torch.where(latest < 0, flags.int().argmax(1, keepdim=True), latest)
