"""Plain parts of the graph networks, channels first, and the checks of a model against its twin.

Shapes are (N, C, T, V). One convolution a branch and a subset, one BatchNorm2d each: slow, and easy
to check by eye. Each part has a method ``pairs`` that says which numbers of the fast one it shares:
the fast model's tensor, which entries of it, and the part's own tensor.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from models_helper import random_joints
from torch import Tensor, nn

from har.models.classifier import SkeletonClassifier
from har.models.cost import count_macs, parameter_count
from har.models.fusion.early import EarlyFusion
from har.models.heads import LinearHead
from har.models.temporal.average import GlobalAverage

Pair = tuple[Tensor, Any, Tensor]
EVERYTHING = slice(None)


class Unit(nn.Module):
    """Convolution along time and batch norm."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int = 1):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, (kernel, 1), (stride, 1), (kernel // 2, 0))
        self.bn = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x))

    def pairs(self, own: nn.Module) -> Iterator[Pair]:
        yield from products(getattr(own.conv, "conv", own.conv), EVERYTHING, self.conv)
        yield from norms(own.norm, EVERYTHING, self.bn)


class MultiScale(nn.Module):
    """Dilated convolutions, a max-pool and a 1x1 convolution, each with batch norms of its own."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        stride: int,
        dilations: tuple[int, ...],
        residual: bool,
    ):
        super().__init__()
        width = out_channels // (len(dilations) + 2)
        self.width = width
        operations = [
            nn.Conv2d(
                width, width, (kernel, 1), (stride, 1), (d * (kernel // 2), 0), dilation=(d, 1)
            )
            for d in dilations
        ]
        operations.append(nn.MaxPool2d((3, 1), (stride, 1), (1, 0)))
        self.branches = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(in_channels, width, 1),
                nn.BatchNorm2d(width),
                nn.ReLU(),
                operation,
                nn.BatchNorm2d(width),
            )
            for operation in operations
        )
        self.plain = Unit(in_channels, width, 1, stride)
        self.has_residual = residual
        self.down = None
        if residual and (in_channels != out_channels or stride != 1):
            self.down = Unit(in_channels, out_channels, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        out = torch.cat([*(branch(x) for branch in self.branches), self.plain(x)], dim=1)
        if self.has_residual:
            out = out + (x if self.down is None else self.down(x))
        return out

    def pairs(self, own: nn.Module) -> Iterator[Pair]:
        for number, branch in enumerate(self.branches):
            rows = slice(number * self.width, (number + 1) * self.width)
            yield from products(own.branches.open, rows, branch[0])
            yield from norms(own.branches.open_norm, rows, branch[1])
            yield from norms(own.norm, rows, branch[4])
        for conv, branch in zip(own.branches.convolutions, self.branches, strict=False):
            yield from products(conv.conv, EVERYTHING, branch[3])
        yield from products(own.branches.pointwise.conv, EVERYTHING, self.plain.conv)
        yield from norms(own.norm, slice(len(self.branches) * self.width, None), self.plain.bn)
        if self.down is not None:
            yield from self.down.pairs(own.residual)


class Block(nn.Module):
    """Spatial and temporal part, with a residual around both."""

    def __init__(self, spatial: nn.Module, temporal: nn.Module, shape: tuple[int, int, int, bool]):
        super().__init__()
        in_channels, out_channels, stride, self.has_residual = shape
        self.spatial = spatial
        self.temporal = temporal
        self.down = None
        if self.has_residual and (in_channels != out_channels or stride != 1):
            self.down = Unit(in_channels, out_channels, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        out = self.temporal(self.spatial(x))
        if self.has_residual:
            out = out + (x if self.down is None else self.down(x))
        return torch.relu(out)

    def pairs(self, own: nn.Module) -> Iterator[Pair]:
        yield from self.spatial.pairs(own.spatial)
        temporal = own.temporal[0] if isinstance(own.temporal, nn.Sequential) else own.temporal
        yield from self.temporal.pairs(temporal)
        if self.down is not None:
            yield from self.down.pairs(own.shortcut)


class Network(nn.Module):
    """Input norm and a list of blocks or stages; maps (P, T, V, C) as the fast models do."""

    def __init__(self, joints: int, in_channels: int, blocks: list[nn.Module]):
        super().__init__()
        self.data_bn = nn.BatchNorm1d(joints * in_channels)
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> Tensor:
        people, frames, joints, channels = x.shape
        x = x.permute(0, 2, 3, 1).reshape(people, joints * channels, frames)
        x = self.data_bn(x).view(people, joints, channels, frames).permute(0, 2, 3, 1)
        for block in self.blocks:
            x = block(x)
        return x.permute(0, 2, 3, 1)

    def pairs(self, own: nn.Module) -> Iterator[Pair]:
        yield from norms(own.data_norm.norm, EVERYTHING, self.data_bn)
        children = own.blocks if hasattr(own, "blocks") else own.stages
        for block, fast in zip(self.blocks, children, strict=True):
            yield from block.pairs(fast)


def shapes(blocks: int, base: int, in_channels: int, stages: tuple[int, ...]) -> list[tuple]:
    """Return (in, out, stride, residual) of each block."""
    result, channels = [], in_channels
    for number in range(1, blocks + 1):
        out = base * 2 ** sum(stage <= number for stage in stages)
        result.append((channels, out, 2 if number in stages else 1, number > 1))
        channels = out
    return result


def products(own: nn.Module, rows: Any, twin: nn.Module) -> Iterator[Pair]:
    yield own.weight, rows, twin.weight
    yield own.bias, rows, twin.bias


def norms(own: nn.Module, rows: Any, twin: nn.Module) -> Iterator[Pair]:
    for name in ("weight", "bias", "running_mean", "running_var"):
        yield getattr(own, name), rows, getattr(twin, name)


def make_twins(model: nn.Module, reference: Network) -> None:
    """Give both the same random numbers, in float64, far from where training starts."""
    rng = torch.Generator().manual_seed(1)
    model.double()
    reference.double()
    with torch.no_grad():
        for tensor in (*model.parameters(), *running_statistics(model)):
            if tensor.ndim < 2:
                tensor.copy_(0.5 + torch.rand(tensor.shape, generator=rng, dtype=tensor.dtype))
            elif not tensor.any():
                tensor.copy_(0.1 * torch.randn(tensor.shape, generator=rng, dtype=tensor.dtype))
        for own, entries, twin in reference.pairs(model):
            twin.copy_(own[entries].reshape(twin.shape))


def running_statistics(model: nn.Module) -> Iterator[Tensor]:
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            yield from (module.running_mean, module.running_var)


def check_twins(model: nn.Module, reference: Network, x: Tensor) -> None:
    """Compare outputs in evaluation and training, gradients and running statistics."""
    close = {"atol": 1e-9, "rtol": 1e-9}
    pairs = list(reference.pairs(model))
    assert {id(p) for p in model.parameters()} <= {id(own) for own, _, _ in pairs}
    assert {id(p) for p in reference.parameters()} <= {id(twin) for _, _, twin in pairs}
    with torch.no_grad():
        ours, theirs = model.eval()(x), reference.eval()(x)
    assert ours.shape[-1] == model.out_channels
    torch.testing.assert_close(ours, theirs, **close)
    ours, theirs = model.train()(x), reference.train()(x)
    torch.testing.assert_close(ours, theirs, **close)
    direction = torch.randn(ours.shape, generator=torch.Generator().manual_seed(2), dtype=x.dtype)
    (ours * direction).mean().backward()
    (theirs * direction).mean().backward()
    for own, entries, twin in pairs:
        torch.testing.assert_close(
            own[entries].reshape(twin.shape).detach(), twin.detach(), **close
        )
        if twin.requires_grad:
            assert own.grad is not None
            gradient = own.grad[entries].reshape(twin.shape)
            torch.testing.assert_close(gradient, twin.grad, **close)


def random_people(people: int, frames: int, joints: int, channels: int) -> Tensor:
    rng = torch.Generator().manual_seed(3)
    return torch.randn(people, frames, joints, channels, generator=rng, dtype=torch.float64)


def two_person_macs(backbone: nn.Module, frames: int) -> int:
    """Return the multiply-accumulates of one clip of two people with 25 joints, 60 classes."""
    classifier = sixty_classes(backbone)
    streams = {"joint": random_joints(1, people=2, frames=frames)}
    return count_macs(classifier, streams, torch.ones(1, 2, dtype=torch.bool))


def sixty_classes(backbone: nn.Module) -> SkeletonClassifier:
    pooling = GlobalAverage(backbone.out_channels)
    head = LinearHead(pooling.out_channels, 60)
    return SkeletonClassifier(EarlyFusion({"joint": 3}), backbone, pooling, head)


def check_parameters(backbone: nn.Module, millions: float) -> None:
    assert parameter_count(sixty_classes(backbone)) == pytest.approx(millions * 1e6, rel=0.01)
