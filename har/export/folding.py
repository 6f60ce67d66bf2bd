"""Batch norms folded away, or written as what they are in evaluation: a scale and an offset."""

import torch
from torch import Tensor, nn

from har.models.fuse import fuse_for_inference
from har.models.layers import ChannelsLastBatchNorm


class ScaleOffset(nn.Module):
    """Multiplies each channel, the last axis, by a number and adds another."""

    scale: Tensor
    offset: Tensor

    def __init__(self, scale: Tensor, offset: Tensor):
        super().__init__()
        self.register_buffer("scale", scale)
        self.register_buffer("offset", offset)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., C) to (..., C)."""
        return x * self.scale + self.offset


@torch.no_grad()
def fold_norms(model: nn.Module) -> nn.Module:
    """Return a copy in evaluation, its channels-last batch norms in layers or as scales.

    A graph then has none of the permutations that a batch norm of images would bring.
    """
    folded = fuse_for_inference(model)
    for parent in list(folded.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, ChannelsLastBatchNorm):
                setattr(parent, name, _as_scale(child))
    return folded


def _as_scale(norm: ChannelsLastBatchNorm) -> ScaleOffset:
    scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
    return ScaleOffset(scale.detach().clone(), (norm.bias - norm.running_mean * scale).detach())
