"""CTR-GCN written a second time, channels first and literally."""

from collections.abc import Iterator

import torch
from gcn_reference import (
    EVERYTHING,
    Block,
    MultiScale,
    Network,
    Pair,
    Unit,
    norms,
    products,
    shapes,
)
from torch import Tensor, nn


class ReferenceSubset(nn.Module):
    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        relation = max(8, in_channels // 8)
        self.conv1 = nn.Conv2d(in_channels, relation, 1)
        self.conv2 = nn.Conv2d(in_channels, relation, 1)
        self.conv3 = nn.Conv2d(in_channels, out_channels, 1)
        self.conv4 = nn.Conv2d(relation, out_channels, 1)

    def forward(self, x: Tensor, graph: Tensor, alpha: Tensor) -> Tensor:
        target, source = self.conv1(x).mean(2), self.conv2(x).mean(2)
        relations = torch.tanh(target[:, :, :, None] - source[:, :, None, :])
        refined = alpha * self.conv4(relations) + graph
        return torch.einsum("ncwv,nctv->nctw", refined, self.conv3(x))


class ReferenceSpatial(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, graph: Tensor):
        super().__init__()
        self.A = nn.Parameter(graph.clone())
        self.alpha = nn.Parameter(torch.zeros(1))
        self.subsets = nn.ModuleList(ReferenceSubset(in_channels, out_channels) for _ in range(3))
        self.bn = nn.BatchNorm2d(out_channels)
        self.down = Unit(in_channels, out_channels, 1) if in_channels != out_channels else None

    def forward(self, x: Tensor) -> Tensor:
        gathered = sum(f(x, self.A[k], self.alpha) for k, f in enumerate(self.subsets))
        return torch.relu(self.bn(gathered) + (x if self.down is None else self.down(x)))

    def pairs(self, own: nn.Module) -> Iterator[Pair]:
        yield own.refined_graph.adjacency, EVERYTHING, self.A
        yield own.refined_graph.alpha, EVERYTHING, self.alpha
        for k, subset in enumerate(self.subsets):
            fused = [own.refined_graph.query, own.refined_graph.key, own.project]
            fused.append(own.refined_graph.expand)
            convs = [subset.conv1, subset.conv2, subset.conv3, subset.conv4]
            for layer, conv in zip(fused, convs, strict=True):
                rows = slice(k * conv.out_channels, (k + 1) * conv.out_channels)
                yield from products(layer, rows, conv)
        yield from norms(own.norm, EVERYTHING, self.bn)
        if self.down is not None:
            yield from self.down.pairs(own.residual)


def reference_ctrgcn(graph: Tensor, in_channels: int, base: int, blocks: int, stages) -> Network:
    layers = [
        Block(
            ReferenceSpatial(shape[0], shape[1], graph),
            MultiScale(shape[1], shape[1], 5, shape[2], (1, 2), residual=False),
            shape,
        )
        for shape in shapes(blocks, base, in_channels, stages)
    ]
    return Network(graph.shape[1], in_channels, layers)
