"""AAGCN and one stream of 2s-AGCN written a second time, channels first and literally.

The subsets' output convolutions are summed, so that one bias stands for all of them.
"""

from collections.abc import Iterator

import torch
from gcn_reference import EVERYTHING, Block, Network, Pair, Unit, norms, products, shapes
from torch import Tensor, nn


class ReferenceSpatial(nn.Module):
    def __init__(
        self, in_channels: int, out_channels: int, graph: Tensor, softmax: bool, attention: bool
    ):
        super().__init__()
        self.softmax = softmax
        self.width = out_channels // 4
        self.in_channels = in_channels
        self.register_buffer("A", graph.clone())
        self.B = nn.Parameter(torch.zeros_like(graph))
        if not softmax:
            self.alpha = nn.Parameter(torch.zeros(1))
        self.theta, self.phi = (
            nn.ModuleList(nn.Conv2d(in_channels, self.width, 1) for _ in range(3)) for _ in range(2)
        )
        self.out = nn.ModuleList(
            nn.Conv2d(in_channels, out_channels, 1, bias=k == 0) for k in range(3)
        )
        self.bn = nn.BatchNorm2d(out_channels)
        self.down = Unit(in_channels, out_channels, 1) if in_channels != out_channels else None
        self.attention = ReferenceAttention(out_channels, graph.shape[1]) if attention else None

    def forward(self, x: Tensor) -> Tensor:
        total = 0
        for k in range(3):
            similarity = torch.einsum("nctv,nctw->nvw", self.theta[k](x), self.phi[k](x))
            similarity = similarity / (self.width * x.shape[2])
            if self.softmax:
                graph = self.A[k] + self.B[k] + torch.softmax(similarity, dim=1)
            else:
                graph = self.B[k] + self.alpha * torch.tanh(similarity)
            total = total + self.out[k](torch.einsum("nctv,nvw->nctw", x, graph))
        y = torch.relu(self.bn(total) + (x if self.down is None else self.down(x)))
        return y if self.attention is None else self.attention(y)

    def pairs(self, own: nn.Module) -> Iterator[Pair]:
        if self.softmax:
            yield own.graph.offset, EVERYTHING, self.B
        else:
            yield own.graph.adjacency, EVERYTHING, self.B
            yield own.graph.gate, EVERYTHING, self.alpha
        for number, conv in enumerate([*self.theta, *self.phi]):
            rows = slice(number * self.width, (number + 1) * self.width)
            yield from products(own.graph.embed, rows, conv)
        for k, conv in enumerate(self.out):
            columns = slice(k * self.in_channels, (k + 1) * self.in_channels)
            yield own.project.weight, (EVERYTHING, columns), conv.weight
        yield own.project.bias, EVERYTHING, self.out[0].bias
        yield from norms(own.norm, EVERYTHING, self.bn)
        if self.down is not None:
            yield from self.down.pairs(own.residual)
        if self.attention is not None:
            yield from self.attention.pairs(own.attention)


class ReferenceAttention(nn.Module):
    def __init__(self, channels: int, joints: int):
        super().__init__()
        kernel = joints - 1 + joints % 2
        self.spatial = nn.Conv1d(channels, 1, kernel, padding=(kernel - 1) // 2)
        self.temporal = nn.Conv1d(channels, 1, 9, padding=4)
        self.fc1 = nn.Linear(channels, channels // 2)
        self.fc2 = nn.Linear(channels // 2, channels)

    def forward(self, y: Tensor) -> Tensor:
        y = y + y * torch.sigmoid(self.spatial(y.mean(2)))[:, :, None, :]
        y = y + y * torch.sigmoid(self.temporal(y.mean(3)))[:, :, :, None]
        channels = torch.sigmoid(self.fc2(torch.relu(self.fc1(y.mean((2, 3))))))
        return y + y * channels[:, :, None, None]

    def pairs(self, own: nn.Module) -> Iterator[Pair]:
        yield from products(own.joints, EVERYTHING, self.spatial)
        yield from products(own.frames, EVERYTHING, self.temporal)
        yield from products(own.squeeze, EVERYTHING, self.fc1)
        yield from products(own.excite, EVERYTHING, self.fc2)


def reference_aagcn(
    graph: Tensor, in_channels: int, base: int, blocks: int, stages, softmax: bool, attention: bool
) -> Network:
    layers = [
        Block(
            ReferenceSpatial(shape[0], shape[1], graph, softmax, attention),
            Unit(shape[1], shape[1], 9, shape[2]),
            shape,
        )
        for shape in shapes(blocks, base, in_channels, stages)
    ]
    return Network(graph.shape[1], in_channels, layers)
