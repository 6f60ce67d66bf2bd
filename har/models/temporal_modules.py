"""Temporal modules shared by the graph networks, on channels-last maps (P, T, V, C).

``UnitTemporalConv`` is one convolution with its normalisation. ``MultiScaleTemporal`` looks at
several time scales in parallel: MS-G3D's module, CTR-GCN's and, with ``merge``, ST-GCN++'s.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from har.errors import ConfigError
from har.models.layers import ChannelsLastBatchNorm, TemporalConv, each_nth_frame


class FoldingTemporalConv(TemporalConv):
    """Temporal convolution that is as fast on maps (P*V, T, 1, C), whose joints count as people.

    There the frames become the rows of the image, which is the direction convolutions are tuned
    for.
    """

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[2] > 1:
            return super().forward(x)
        conv = self.conv
        out = F.conv2d(
            x.permute(0, 3, 2, 1),
            conv.weight.transpose(2, 3),
            conv.bias,
            conv.stride[::-1],
            conv.padding[::-1],
            conv.dilation[::-1],
        )
        return out.permute(0, 3, 2, 1)


class UnitTemporalConv(nn.Module):
    """Convolution along T, then optionally batch norm and ReLU.

    Args:
        in_channels, out_channels: C before and after.
        kernel_size: odd number of frames; 1 is a matrix product.
        stride: step along T.
        dilation: frames between taps.
        norm: normalise the result.
        act: end with a ReLU.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 9,
        stride: int = 1,
        dilation: int = 1,
        norm: bool = True,
        act: bool = False,
    ):
        super().__init__()
        self.stride = stride
        self.pointwise = kernel_size == 1
        self.conv: nn.Module
        if self.pointwise:
            self.conv = nn.Linear(in_channels, out_channels)
            init_fan_out(self.conv)
        else:
            self.conv = TemporalConv(in_channels, out_channels, kernel_size, stride, dilation)
        self.norm: nn.Module = ChannelsLastBatchNorm(out_channels) if norm else nn.Identity()
        self.act: nn.Module = nn.ReLU() if act else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Map (P, T, V, in_channels) to (P, ceil(T / stride), V, out_channels)."""
        if self.pointwise:
            x = each_nth_frame(x, self.stride)
        return self.act(self.norm(self.conv(x)))


class TemporalBranches(nn.Module):
    """The parallel branches of a multi-scale module, side by side in one output.

    In order: a convolution for each dilation, a max-pool of 3 frames where ``max_pool``, a bare
    1x1 convolution where ``pointwise``. All branches but the last kind open with 1x1 convolution,
    batch norm and ReLU; these 1x1 convolutions are one matrix product.

    Args:
        in_channels: C of the input.
        widths: channels of each branch, in the order above.
        kernel_size: odd number of frames of the convolutions.
        stride: step along T.
        dilations: frames between taps, one convolution each.
        max_pool, pointwise: have these branches.
    """

    def __init__(
        self,
        in_channels: int,
        widths: tuple[int, ...],
        kernel_size: int = 3,
        stride: int = 1,
        dilations: tuple[int, ...] = (1, 2, 3, 4),
        max_pool: bool = True,
        pointwise: bool = True,
    ):
        super().__init__()
        self.stride = stride
        self.max_pool = max_pool
        self.out_channels = sum(widths)
        self.opened_widths = list(widths[:-1] if pointwise else widths)
        opened = sum(self.opened_widths)
        self.open = nn.Linear(in_channels, opened)
        init_fan_out(self.open, self.opened_widths)
        self.open_norm = ChannelsLastBatchNorm(opened)
        self.convolutions = nn.ModuleList(
            FoldingTemporalConv(width, width, kernel_size, stride, dilation)
            for width, dilation in zip(widths, dilations, strict=False)
        )
        self.pointwise: nn.Module | None = None
        if pointwise:
            self.pointwise = UnitTemporalConv(in_channels, widths[-1], 1, stride, norm=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (P, T, V, in_channels) to (P, ceil(T / stride), V, out_channels)."""
        parts = F.relu(self.open_norm(self.open(x))).split(self.opened_widths, dim=-1)
        branches = [conv(part) for conv, part in zip(self.convolutions, parts, strict=False)]
        if self.max_pool:
            branches.append(temporal_max_pool(parts[-1], self.stride))
        if self.pointwise is not None:
            branches.append(self.pointwise(x))
        return torch.cat(branches, dim=-1)


class MultiScaleTemporal(nn.Module):
    """Temporal module with several scales in parallel.

    Branches -> batch norm (-> ReLU -> 1x1 convolution -> batch norm where ``merge``)
    -> dropout (+ residual where ``residual``). All norms start at 1; in the authors' code of
    CTR-GCN and its descendants at random, around 1 with a standard deviation of 0.02.

    The defaults are CTR-GCN's. MS-G3D has kernel 3, dilations 1 to 4, a residual, and a ReLU
    behind; ST-GCN++ has kernel 3, dilations 1 to 4, and merges.

    Args:
        in_channels, out_channels: C before and after.
        kernel_size: odd number of frames of the dilated convolutions.
        stride: step along T.
        dilations: frames between taps, one convolution each.
        residual: add the input, by a 1x1 convolution and batch norm where the shape changes.
        max_pool: have the branch with a max-pool of 3 frames.
        pointwise: have the branch of a bare 1x1 convolution.
        merge: mix the branches by a 1x1 convolution.
        widths: channels of each branch; default equal parts of ``out_channels``, the first branch
            taking the remainder. Without ``merge`` they sum to ``out_channels``.
        dropout: rate, before the residual is added.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 5,
        stride: int = 1,
        dilations: tuple[int, ...] = (1, 2),
        residual: bool = False,
        max_pool: bool = True,
        pointwise: bool = True,
        merge: bool = False,
        widths: tuple[int, ...] | None = None,
        dropout: float = 0.0,
    ):
        super().__init__()
        widths = widths or equal_widths(out_channels, len(dilations) + max_pool + pointwise)
        self.branches = TemporalBranches(
            in_channels, widths, kernel_size, stride, dilations, max_pool, pointwise
        )
        self.norm = ChannelsLastBatchNorm(sum(widths))
        self.merge: nn.Module = nn.Identity()
        if merge:
            self.merge = nn.Sequential(
                nn.ReLU(), nn.Linear(sum(widths), out_channels), ChannelsLastBatchNorm(out_channels)
            )
        self.dropout = nn.Dropout(dropout)
        self.has_residual = residual
        self.residual: nn.Module = nn.Identity()
        if residual and (in_channels != out_channels or stride != 1):
            self.residual = UnitTemporalConv(in_channels, out_channels, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map (P, T, V, in_channels) to (P, ceil(T / stride), V, out_channels)."""
        out = self.dropout(self.merge(self.norm(self.branches(x))))
        return out + self.residual(x) if self.has_residual else out


def equal_widths(channels: int, branches: int) -> tuple[int, ...]:
    """Return the channels of each branch: equal, the first taking the remainder.

    Raises:
        ConfigError: fewer channels than branches.
    """
    width = channels // branches
    if width < 1:
        raise ConfigError(
            f"{channels} channels cannot be shared among {branches} branches along time: raise "
            "base_channels"
        )
    return (channels - width * (branches - 1), *[width] * (branches - 1))


def temporal_max_pool(x: Tensor, stride: int = 1) -> Tensor:
    """Take the maximum of three frames of (P, T, V, C), of values that are 0 or more.

    On a CPU the pooling operator is by far the faster one; on a GPU its gradient depends on the
    order of additions, so that there the maximum is written out.
    """
    if not x.is_cuda:
        pooled = F.max_pool2d(x.permute(0, 3, 1, 2), (3, 1), (stride, 1), (1, 0))
        return pooled.permute(0, 2, 3, 1)
    frames = x.shape[1]
    padded = F.pad(x, (0, 0, 0, 0, 1, 1))  # zeros do for minus infinity
    before, now, after = (padded[:, i : i + frames : stride] for i in range(3))
    return torch.maximum(torch.maximum(before, now), after)


def init_fan_out(linear: nn.Linear, widths: list[int] | None = None) -> None:
    """Initialise a 1x1 convolution as Kaiming normal of its fan-out, biases 0.

    Args:
        linear: the layer.
        widths: output channels of each convolution that is fused in it; default one.
    """
    for part in linear.weight.split(widths or [linear.out_features]):
        nn.init.kaiming_normal_(part, mode="fan_out")
    nn.init.zeros_(linear.bias)


def init_joined_inputs(linear: nn.Linear) -> None:
    """Initialise 1x1 convolutions that are added up, and joined along the inputs in one layer.

    Each starts as by the authors of 2s-AGCN and those who follow them.
    """
    nn.init.normal_(linear.weight, std=(2.0 / linear.weight.numel()) ** 0.5)
    nn.init.zeros_(linear.bias)


def init_as_torch(model: nn.Module) -> None:
    """Start all linear layers and convolutions along time from PyTorch's own initialisation."""
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            module.reset_parameters()
