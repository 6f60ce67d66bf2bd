"""HD-GCN's spatial module as the paper writes it: channels first, one pair of levels at a time."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from har.models.skeleton.hdgcn import EdgeConv, HierarchicalModule


def normalise(layer: nn.BatchNorm2d, x: Tensor, part: slice = slice(None)) -> Tensor:
    """Apply some channels of a batch norm to (N, C, ...) in evaluation."""
    mean, variance, weight, bias = (
        tensor[part] for tensor in (layer.running_mean, layer.running_var, layer.weight, layer.bias)
    )
    return F.batch_norm(x, mean, variance, weight, bias)


def convolve(weight: Tensor, x: Tensor, bias: Tensor | None = None) -> Tensor:
    """Apply a 1x1 convolution with weights (O, C) to (N, C, A, B)."""
    out = torch.einsum("oc,ncab->noab", weight, x)
    return out if bias is None else out + bias[:, None, None]


def edge_convolution(module: EdgeConv, layer: int, x: Tensor) -> Tensor:
    """Map the nodes (N, C, V) of one layer: concatenate (neighbour - node, node) for each edge."""
    channels = x.shape[1]
    distance = (x[:, :, :, None] - x[:, :, None, :]).square().sum(1)
    nearest = distance.argsort(dim=-1)[..., : module.neighbours]
    neighbours = torch.stack([row[:, places] for row, places in zip(x, nearest, strict=True)])
    node = x[..., None].expand_as(neighbours)
    edges = torch.cat([neighbours - node, node], dim=1)
    part = slice(layer * channels, (layer + 1) * channels)
    out = normalise(module.norm, convolve(module.weight[layer].T, edges), part)
    return F.leaky_relu(out, 0.2).max(dim=-1).values


def spatial(module: HierarchicalModule, levels: list, x: Tensor) -> Tensor:
    """Map (N, C, T, V) to (N, C', T, V)."""
    width = module.weight.shape[-1]
    pairs = []
    for layer in range(module.layers):
        part = slice(layer * width, (layer + 1) * width)
        reduced = convolve(module.reduce.weight[part], x, module.reduce.bias[part])
        reduced = F.relu(normalise(module.reduce_norm, reduced, part))
        subsets = []
        for graph in range(3):
            number = layer * 3 + graph
            own = slice(number * width, (number + 1) * width)
            gathered = torch.einsum("nctu,vu->nctv", reduced, module.adjacency[layer, graph])
            mixed = convolve(module.weight[number].T, gathered, module.bias[own])
            subsets.append(normalise(module.mix_norm, mixed, own))
        edges = edge_convolution(module.edges, layer, reduced.mean(dim=2))
        subsets.append(edges[:, :, None].expand_as(subsets[0]))
        pairs.append(torch.cat(subsets, dim=1))
    stacked = torch.stack(pairs, dim=2)
    if module.attention is not None:
        stacked = stacked * attention(module, levels, stacked)
    out = normalise(module.norm, stacked.sum(dim=2))
    if isinstance(module.residual, nn.Identity):
        return F.relu(out + x)
    shortcut = convolve(module.residual.conv.weight, x, module.residual.conv.bias)
    return F.relu(out + normalise(module.residual.norm, shortcut))


def attention(module: HierarchicalModule, levels: list, x: Tensor) -> Tensor:
    """Return the weights (N, C, L, 1, 1) of features (N, C, L, T, V)."""
    own = module.attention
    reduced = convolve(own.reduce.weight, x.max(dim=3).values, own.reduce.bias)
    reduced = F.relu(normalise(own.norm, reduced))
    means = []
    for layer in range(module.layers):
        joints = [*levels[layer], *levels[layer + 1]]
        means.append(reduced[:, :, layer, joints].mean(dim=-1))
    nodes = edge_convolution(own.edges, 0, torch.stack(means, dim=2))
    weights = torch.einsum("oc,ncl->nol", own.expand.weight, nodes) + own.expand.bias[:, None]
    return weights.sigmoid()[..., None, None]
