"""ST-GCN++: PYSKL: Towards Good Practices for Skeleton Action Recognition.

Duan et al., ACM Multimedia 2022, https://arxiv.org/abs/2205.09443

It keeps the ten blocks of ST-GCN and differs in three places: the three graphs are free
parameters that start at the body's own (identity, inward, outward), the spatial module has a
residual of its own, and the temporal module has six parallel branches (four dilated convolutions,
a max-pool and a 1x1 convolution).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from har.models.checks import check_least
from har.models.layers import (
    ChannelsLastBatchNorm,
    TemporalConv,
    aggregate,
    aggregate_apart,
    each_nth_frame,
)
from har.models.temporal_modules import equal_widths, temporal_max_pool
from har.skeleton.graph import spatial_graph
from har.skeleton.layout import Layout

DILATIONS = (1, 2, 3, 4)
BRANCHES = len(DILATIONS) + 2


class SpatialModule(nn.Module):
    """1x1 convolution to one feature set a graph, aggregation, normalisation, residual.

    Convolution and aggregation are linear and change places where the features grow in number.
    """

    def __init__(self, in_channels: int, out_channels: int, graph: Tensor):
        super().__init__()
        self.adjacency = nn.Parameter(graph.clone())
        self.project = nn.Linear(in_channels, out_channels * graph.shape[0])
        self.norm = ChannelsLastBatchNorm(out_channels)
        self.residual: nn.Module = nn.Identity()
        if in_channels != out_channels:
            self.residual = nn.Sequential(
                nn.Linear(in_channels, out_channels), ChannelsLastBatchNorm(out_channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self._gather(x)) + self.residual(x))

    def _gather(self, x: Tensor) -> Tensor:
        graphs, channels = self.adjacency.shape[0], x.shape[-1]
        weight = self.project.weight.view(graphs, -1, channels)
        if weight.shape[1] <= channels:
            return aggregate(self.project(x), self.adjacency)
        weight = weight.transpose(0, 1).flatten(1)
        bias = (self.adjacency.sum(1)[..., None] * self.project.bias.view(graphs, 1, -1)).sum(0)
        out = F.linear(aggregate_apart(x, self.adjacency), weight)
        return out + bias.to(out.dtype)  # a bias in float32 would lift the whole map to it


class TemporalModule(nn.Module):
    """Six branches along time: kernel 3 at dilations 1 to 4, max-pool of 3, and a 1x1 convolution.

    The 1x1 convolutions that open all branches are one matrix product.
    """

    def __init__(self, channels: int, stride: int, dropout: float):
        super().__init__()
        self.widths = list(equal_widths(channels, BRANCHES))
        self.stride = stride
        self.reduce = nn.Linear(channels, channels)
        self.reduce_norm = ChannelsLastBatchNorm(sum(self.widths[:-1]))
        self.convolutions = nn.ModuleList(
            TemporalConv(w, w, kernel_size=3, stride=stride, dilation=dilation)
            for w, dilation in zip(self.widths, DILATIONS, strict=False)
        )
        self.merge_norm = ChannelsLastBatchNorm(channels)
        self.merge = nn.Linear(channels, channels)
        self.norm = ChannelsLastBatchNorm(channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        *opened, plain = self._open_branches(x)
        branches = [conv(b) for conv, b in zip(self.convolutions, opened, strict=False)]
        branches += [temporal_max_pool(opened[-1], self.stride), each_nth_frame(plain, self.stride)]
        merged = F.relu(self.merge_norm(torch.cat(branches, dim=-1)))
        return self.dropout(self.norm(self.merge(merged)))

    def _open_branches(self, x: Tensor) -> list[Tensor]:
        *widths, plain_width = self.widths
        opened, plain = self.reduce(x).split((sum(widths), plain_width), dim=-1)
        # Batch norm takes a copy of the slice several times faster than the slice itself.
        active = F.relu(self.reduce_norm(opened.contiguous()))
        return [*active.split(widths, dim=-1), plain]


class Block(nn.Module):
    """Spatial then temporal module, with a residual around both."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        graph: Tensor,
        stride: int,
        residual: bool,
        dropout: float,
    ):
        super().__init__()
        self.spatial = SpatialModule(in_channels, out_channels, graph)
        self.temporal = TemporalModule(out_channels, stride, dropout)
        self.stride = stride
        self.has_residual = residual
        self.shortcut: nn.Module = nn.Identity()
        if residual and (in_channels != out_channels or stride != 1):
            self.shortcut = nn.Sequential(
                nn.Linear(in_channels, out_channels), ChannelsLastBatchNorm(out_channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        out = self.temporal(self.spatial(x))
        if self.has_residual:
            out = out + self.shortcut(each_nth_frame(x, self.stride))
        return F.relu(out)


class STGCNPP(nn.Module):
    """ST-GCN++ backbone.

    Args:
        layout: joints and bones of the input.
        in_channels: C of the input.
        base_channels: width of the first stage.
        stages: index of the blocks, from 2, that double the width and halve the frames.
        blocks: number of blocks.
        dropout: rate after each temporal module.

    The output has ``out_channels`` features a person, frame and joint.

    Raises:
        ConfigError: no block, or fewer channels than branches along time.
    """

    def __init__(
        self,
        layout: Layout,
        in_channels: int = 3,
        base_channels: int = 64,
        blocks: int = 10,
        stages: tuple[int, ...] = (5, 8),
        dropout: float = 0.0,
    ):
        super().__init__()
        check_least(BRANCHES, base_channels=base_channels)
        check_least(blocks=blocks)
        graph = spatial_graph(layout)
        self.data_norm = ChannelsLastBatchNorm(layout.num_joints * in_channels)
        layers: list[nn.Module] = []
        channels, width = in_channels, base_channels
        for number in range(1, blocks + 1):
            stride = 2 if number in stages else 1
            width *= stride
            layers.append(Block(channels, width, graph, stride, number > 1, dropout))
            channels = width
        self.blocks = nn.Sequential(*layers)
        self.out_channels = channels
        _initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map joints (P, T, V, C) of P people to features (P, T', V, out_channels)."""
        people, frames, joints, channels = x.shape
        normed = self.data_norm(x.reshape(people, frames, 1, joints * channels))
        return self.blocks(normed.reshape(people, frames, joints, channels))


def _initialise(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.kaiming_uniform_(module.weight, a=5**0.5)
            bound = module.in_features**-0.5
            nn.init.uniform_(module.bias, -bound, bound)
