"""ST-GCN++ written a second time, channels first and as literally as the paper describes it.

Shapes are (N, C, T, V). One convolution a branch, one einsum a graph, one BatchNorm2d each: slow,
and easy to check by eye. ``pairs`` says which numbers of the fast model it shares.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from har.models.skeleton.stgcnpp import STGCNPP, Block

Pair = tuple[Tensor, slice, Tensor]
EVERYTHING = slice(None)


class ReferenceSpatial(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, joints: int):
        super().__init__()
        self.A = nn.Parameter(torch.zeros(3, joints, joints))
        self.conv = nn.Conv2d(in_channels, 3 * out_channels, 1)
        self.bn = nn.BatchNorm2d(out_channels)
        self.down = None
        if in_channels != out_channels:
            self.down = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1), nn.BatchNorm2d(out_channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        n, _, t, v = x.shape
        residual = x if self.down is None else self.down(x)
        subsets = self.conv(x).view(n, 3, -1, t, v)
        gathered = torch.einsum("nkctv,kvw->nctw", subsets, self.A)
        return torch.relu(self.bn(gathered) + residual)


class ReferenceTemporal(nn.Module):
    def __init__(self, channels: int, stride: int):
        super().__init__()
        width = channels // 6
        first = channels - 5 * width
        self.dilated = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(channels, w, 1),
                nn.BatchNorm2d(w),
                nn.ReLU(),
                nn.Conv2d(w, w, (3, 1), (stride, 1), (dilation, 0), (dilation, 1)),
            )
            for w, dilation in zip([first, width, width, width], [1, 2, 3, 4], strict=True)
        )
        self.pool = nn.Sequential(
            nn.Conv2d(channels, width, 1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.MaxPool2d((3, 1), (stride, 1), (1, 0)),
        )
        self.plain = nn.Conv2d(channels, width, 1, (stride, 1))
        self.transform = nn.Sequential(
            nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, channels, 1)
        )
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        branches = [branch(x) for branch in [*self.dilated, self.pool, self.plain]]
        return self.bn(self.transform(torch.cat(branches, dim=1)))


class ReferenceBlock(nn.Module):
    def __init__(self, block: Block, joints: int):
        super().__init__()
        subsets, in_channels = block.spatial.project.weight.shape
        channels = subsets // 3
        self.spatial = ReferenceSpatial(in_channels, channels, joints)
        self.temporal = ReferenceTemporal(channels, block.stride)
        self.has_residual = block.has_residual
        self.down = None
        if self.has_residual and (in_channels != channels or block.stride != 1):
            self.down = nn.Sequential(
                nn.Conv2d(in_channels, channels, 1, (block.stride, 1)), nn.BatchNorm2d(channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        out = self.temporal(self.spatial(x))
        if self.has_residual:
            out = out + (x if self.down is None else self.down(x))
        return torch.relu(out)


class ReferenceSTGCNPP(nn.Module):
    """A model of the shape of ``model``, with its own copy of the weights."""

    def __init__(self, model: STGCNPP, joints: int):
        super().__init__()
        self.data_bn = nn.BatchNorm1d(model.data_norm.num_features)
        self.blocks = nn.ModuleList(ReferenceBlock(block, joints) for block in model.blocks)
        with torch.no_grad():
            for own, rows, reference in pairs(model, self):
                reference.copy_(own[rows].reshape(reference.shape))

    def forward(self, x: Tensor) -> Tensor:
        """Map (P, T, V, C) to (P, T', V, C'), as the fast model does."""
        people, frames, joints, channels = x.shape
        x = x.permute(0, 2, 3, 1).reshape(people, joints * channels, frames)
        x = self.data_bn(x).view(people, joints, channels, frames).permute(0, 2, 3, 1)
        for block in self.blocks:
            x = block(x)
        return x.permute(0, 2, 3, 1)


def pairs(model: STGCNPP, reference: ReferenceSTGCNPP) -> Iterator[Pair]:
    """Yield each tensor of the model, the rows of it that count, and its twin."""
    yield from _norms(model.data_norm, EVERYTHING, reference.data_bn)
    for own, twin in zip(model.blocks, reference.blocks, strict=True):
        yield own.spatial.adjacency, EVERYTHING, twin.spatial.A
        yield from _products(own.spatial.project, EVERYTHING, twin.spatial.conv)
        yield from _norms(own.spatial.norm, EVERYTHING, twin.spatial.bn)
        yield from _shortcuts(own.spatial.residual, twin.spatial.down)
        yield from _shortcuts(own.shortcut, twin.down)
        yield from _temporal(own.temporal, twin.temporal)


def _temporal(own: nn.Module, twin: ReferenceTemporal) -> Iterator[Pair]:
    start = 0
    for branch in [*twin.dilated, twin.pool]:
        rows = slice(start, start + branch[0].out_channels)
        yield from _products(own.reduce, rows, branch[0])
        yield from _norms(own.reduce_norm, rows, branch[1])
        start = rows.stop
    yield from _products(own.reduce, slice(start, None), twin.plain)
    for convolution, branch in zip(own.convolutions, twin.dilated, strict=True):
        yield from _products(convolution.conv, EVERYTHING, branch[3])
    yield from _norms(own.merge_norm, EVERYTHING, twin.transform[0])
    yield from _products(own.merge, EVERYTHING, twin.transform[2])
    yield from _norms(own.norm, EVERYTHING, twin.bn)


def _shortcuts(own: nn.Module, twin: nn.Sequential | None) -> Iterator[Pair]:
    if twin is not None:
        yield from _products(own[0], EVERYTHING, twin[0])
        yield from _norms(own[1], EVERYTHING, twin[1])


def _products(own: nn.Module, rows: slice, twin: nn.Module) -> Iterator[Pair]:
    yield own.weight, rows, twin.weight
    yield own.bias, rows, twin.bias


def _norms(own: nn.Module, rows: slice, twin: nn.Module) -> Iterator[Pair]:
    for name in ("weight", "bias", "running_mean", "running_var"):
        yield getattr(own, name), rows, getattr(twin, name)
