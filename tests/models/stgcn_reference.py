"""ST-GCN written a second time, channels first and literally."""

from collections.abc import Iterator

import torch
from gcn_reference import EVERYTHING, Block, Network, Pair, Unit, norms, products, shapes
from torch import Tensor, nn


class ReferenceSpatial(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, graph: Tensor):
        super().__init__()
        self.register_buffer("A", graph.clone())
        self.importance = nn.Parameter(torch.ones_like(graph))
        self.conv = nn.Conv2d(in_channels, 3 * out_channels, 1)
        self.bn = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        n, _, t, v = x.shape
        subsets = self.conv(x).view(n, 3, -1, t, v)
        gathered = torch.einsum("nkctv,kvw->nctw", subsets, self.A * self.importance)
        return torch.relu(self.bn(gathered))

    def pairs(self, own: nn.Module) -> Iterator[Pair]:
        yield own.importance, EVERYTHING, self.importance
        yield from products(own.project, EVERYTHING, self.conv)
        yield from norms(own.norm, EVERYTHING, self.bn)


def reference_stgcn(graph: Tensor, in_channels: int, base: int, blocks: int, stages) -> Network:
    layers = [
        Block(
            ReferenceSpatial(shape[0], shape[1], graph),
            Unit(shape[1], shape[1], 9, shape[2]),
            shape,
        )
        for shape in shapes(blocks, base, in_channels, stages)
    ]
    return Network(graph.shape[1], in_channels, layers)
