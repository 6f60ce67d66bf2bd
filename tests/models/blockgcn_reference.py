"""BlockGCN's spatial module and topology as the paper writes them, group by group."""

import numpy as np
import torch
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import pdist, squareform
from torch import Tensor, nn
from torch.nn import functional as F

from har.models.skeleton.blockgcn import BlockGraphConv, TopologyEncoding


def unit_columns(graph: Tensor) -> Tensor:
    """Divide the columns of (V, V) by their length."""
    return graph / (graph.square().sum(dim=0).sqrt() + 1e-4)


def normalise(layer: nn.BatchNorm2d, x: Tensor) -> Tensor:
    """Apply batch norm to (N, C, T, V) in evaluation."""
    return F.batch_norm(x, layer.running_mean, layer.running_var, layer.weight, layer.bias)


def spatial(module: BlockGraphConv, x: Tensor) -> Tensor:
    """Map (N, C, T, V) to (N, C', T, V)."""
    total = module.bias[:, None, None]
    for number in range(3):
        parts = []
        for group, own in enumerate(x.chunk(module.groups, dim=1)):
            graph = unit_columns(module.graphs[number, group])
            graph = graph + unit_columns(module.hop_weights[number, group][module.hops])
            gathered = torch.einsum("nctv,vw->nctw", own, graph)
            parts.append(torch.einsum("nctv,co->notv", gathered, module.weight[number, group]))
        total = total + torch.cat(parts, dim=1)
    out = normalise(module.norm, total)
    if isinstance(module.residual, nn.Identity):
        return F.relu(out + x)
    weight, bias = module.residual.conv.weight, module.residual.conv.bias
    shortcut = torch.einsum("nctv,oc->notv", x, weight) + bias[:, None, None]
    return F.relu(out + normalise(module.residual.norm, shortcut))


def topology(module: TopologyEncoding, joints: np.ndarray) -> np.ndarray:
    """Map the joints (T, V, C) of one person to (elements,)."""
    distances = squareform(pdist(joints.mean(axis=0)))
    profiles = distances / distances.max()
    merges = linkage(pdist(profiles), "single")[:, 2]  # where components join is where they die
    points, sharpness = (tensor.detach().numpy() for tensor in (module.points, module.sharpness))
    values = np.zeros(len(points))
    for death in merges:
        birth_part = (sharpness[:, 0] * points[:, 0]) ** 2
        death_part = (sharpness[:, 1] * (points[:, 1] - death)) ** 2
        values += np.exp(-birth_part - death_part)
    return values
