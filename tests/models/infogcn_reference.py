"""InfoGCN's spatial module as the paper writes it, one head at a time, in evaluation."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from har.models.skeleton.infogcn import AttentionSpatialModule


def normalise(layer: nn.BatchNorm2d, x: Tensor) -> Tensor:
    """Apply batch norm to the last axis."""
    return (x - layer.running_mean) / (layer.running_var + layer.eps).sqrt() * layer.weight + (
        layer.bias
    )


def spatial(module: AttentionSpatialModule, x: Tensor) -> Tensor:
    """Map (P, T, V, C) to (P, T, V, C')."""
    attention, channels = module.attention, x.shape[-1]
    normed = F.layer_norm(x, (channels,), attention.norm.weight, attention.norm.bias)
    width = channels // 8
    queries, keys = attention.query_key(normed).split(attention.heads * width, dim=-1)
    out = module.project.bias
    for head in range(attention.heads):
        own = slice(head * width, (head + 1) * width)
        scores = torch.einsum("ptwc,ptvc->ptwv", queries[..., own], keys[..., own]) / width**0.5
        graph = scores.softmax(dim=-1) * module.shared[head]
        gathered = torch.einsum("ptwv,ptvc->ptwc", graph, x)
        weight = module.project.weight[:, head * channels : (head + 1) * channels]
        out = out + gathered @ weight.T
    out = normalise(module.norm, out)
    if isinstance(module.residual, nn.Identity):
        return F.relu(out + x)
    return F.relu(out + normalise(module.residual.norm, module.residual.conv(x)))
