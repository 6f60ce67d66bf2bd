"""Random numbers of the transforms: drawn on the CPU, then moved to the device of the batch."""

import torch
from torch import Tensor

from har.samples import Batch


def chosen_clips(batch: Batch, p: float, rng: torch.Generator) -> Tensor:
    """Return which clips a transform changes, (N,) bool, each true with probability ``p``."""
    return (torch.rand(len(batch), generator=rng) < p).to(batch.joints.device)


def uniform(
    batch: Batch, shape: tuple[int, ...], low: float, high: float, rng: torch.Generator
) -> Tensor:
    """Return float32 numbers of a uniform distribution over [low, high)."""
    draws = torch.rand(shape, generator=rng) * (high - low) + low
    return draws.to(batch.joints.device)
