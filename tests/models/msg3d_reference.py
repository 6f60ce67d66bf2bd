"""MS-G3D written a second time, channels first and literally.

Nodes of a window are numbered frame by frame here; the fast model numbers them joint by joint.
"""

from collections.abc import Iterator

import numpy as np
import torch
from gcn_reference import EVERYTHING, MultiScale, Network, Pair, Unit, norms, products
from torch import Tensor, nn

from har.skeleton.layout import Layout


def reference_graph(layout: Layout, scales: int, window: int) -> Tensor:
    """Return (K, window*V, window*V) by powers of the tiled adjacency, as in the paper."""
    joints = layout.num_joints
    adjacency = np.eye(joints)
    for a, b in layout.edge_indices:
        adjacency[a, b] = adjacency[b, a] = 1
    nodes = window * joints
    reach = np.minimum(np.tile(adjacency, (window, window)) + np.eye(nodes), 1)
    graphs = [np.eye(nodes)]
    for k in range(1, scales):
        within = [np.minimum(np.linalg.matrix_power(reach, power), 1) for power in (k, k - 1)]
        joined = within[0] - within[1] + np.eye(nodes)
        degree = joined.sum(1)
        graphs.append(joined / np.sqrt(np.outer(degree, degree)))
    return torch.from_numpy(np.stack(graphs)).float()


class ReferenceGraphConv(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, graph: Tensor, window: int):
        super().__init__()
        self.register_buffer("A", graph)
        self.B = nn.Parameter(torch.zeros_like(graph))
        self.window = window
        self.unit = Unit(in_channels * graph.shape[0], out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        gathered = torch.einsum("kwv,nctv->nkctw", self.A + self.B, x).flatten(1, 2)
        return torch.relu(self.unit(gathered))

    def pairs(self, own: nn.Module) -> Iterator[Pair]:
        order = torch.arange(self.A.shape[1]).view(-1, self.window).T.flatten()
        yield own.offset, (EVERYTHING, order[:, None], order), self.B
        yield from products(own.project, EVERYTHING, self.unit.conv)
        yield from norms(own.norm, EVERYTHING, self.unit.bn)


class ReferenceWindowPath(nn.Module):
    def __init__(self, shape: tuple[int, int, int, int], graph: Tensor, window: int):
        super().__init__()
        in_channels, hidden, out_channels, self.stride = shape
        self.window = window
        self.graph_conv = ReferenceGraphConv(in_channels, hidden, graph, window)
        self.collapse = nn.Parameter(torch.zeros(out_channels, window, hidden))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.bn = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        n, c, _, v = x.shape
        padding, stride = (self.window // 2, 0), (self.stride, 1)
        windows = nn.functional.unfold(x, (self.window, 1), padding=padding, stride=stride)
        windows = windows.view(n, c, self.window, -1, v).transpose(2, 3).flatten(3)
        mixed = self.graph_conv(windows).unflatten(3, (self.window, v))
        collapsed = torch.einsum("nctav,oac->notv", mixed, self.collapse)
        return self.bn(collapsed + self.bias[:, None, None])

    def pairs(self, own: nn.Module) -> Iterator[Pair]:
        yield from self.graph_conv.pairs(own.graph_conv)
        yield own.collapse.weight, EVERYTHING, self.collapse
        yield own.collapse.bias, EVERYTHING, self.bias
        yield from norms(own.norm, EVERYTHING, self.bn)


class ReferenceStage(nn.Module):
    def __init__(self, shape: tuple[int, int, int, int], layout: Layout, scales: tuple[int, int]):
        super().__init__()
        in_channels, hidden, out, stride = shape
        dilations = (1, 2, 3, 4)
        self.spatial = ReferenceGraphConv(
            in_channels, hidden, reference_graph(layout, scales[0], 1), 1
        )
        self.temporal = nn.ModuleList(
            MultiScale(before, out, 3, step, dilations, residual=True)
            for before, step in [(hidden, stride), (out, 1), (out, 1)]
        )
        self.unified = nn.ModuleList(
            ReferenceWindowPath(shape, reference_graph(layout, scales[1], window), window)
            for window in (3, 5)
        )

    def forward(self, x: Tensor) -> Tensor:
        first, second, last = self.temporal
        factorised = second(torch.relu(first(self.spatial(x))))
        unified = sum(path(x) for path in self.unified)
        return torch.relu(last(torch.relu(factorised + unified)))

    def pairs(self, own: nn.Module) -> Iterator[Pair]:
        yield from self.spatial.pairs(own.factorised[0])
        first, second, last = self.temporal
        yield from first.pairs(own.factorised[1].module)
        yield from second.pairs(own.factorised[2])
        yield from last.pairs(own.temporal.module)
        for path, fast in zip(self.unified, own.unified, strict=True):
            yield from path.pairs(fast)


def reference_msg3d(
    layout: Layout, in_channels: int, base: int, scales: tuple[int, int]
) -> Network:
    widths = [
        (in_channels, base, base, 1),
        (base, base, 2 * base, 2),
        (2 * base, 2 * base, 4 * base, 2),
    ]
    stages = [ReferenceStage(shape, layout, scales) for shape in widths]
    return Network(layout.num_joints, in_channels, stages)
