"""Which joints are seen, and taking some of them away."""

from dataclasses import replace

import torch
from torch import Tensor

from har.samples import Batch


def seen(batch: Batch) -> Tensor:
    """Return (N, M, T, V, 1) bool: true for a joint with confidence above 0."""
    return (batch.confidence > 0).unsqueeze(-1)


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
