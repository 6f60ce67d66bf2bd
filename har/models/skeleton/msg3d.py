"""MS-G3D: Disentangling and Unifying Graph Convolutions for Skeleton-Based Action Recognition.

Liu et al., CVPR 2020, https://arxiv.org/abs/2003.14111

Each of three stages adds two pathways. One factorised: a graph convolution over many scales, where
scale k joins joints exactly k edges apart, then multi-scale temporal convolutions. One unified:
graph convolutions over windows of 3 and 5 frames, whose graph joins joints across all frames of
the window. Every graph has a learned offset.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from har.errors import ConfigError
from har.models.graph_blocks import JointNorm
from har.models.layers import ChannelsLastBatchNorm, expand_over
from har.models.temporal_modules import MultiScaleTemporal, init_as_torch
from har.skeleton.graph import hop_distance, multi_scale_graph
from har.skeleton.layout import Layout

WINDOWS = (3, 5)
DILATIONS = (1, 2, 3, 4)
KERNEL = 3
INITIAL_OFFSET = 1e-6


class MultiScaleGraphConv(nn.Module):
    """Aggregation over a graph a scale, then one 1x1 convolution of all scales, norm, ReLU.

    Args:
        in_channels, out_channels: C before and after.
        graph: (K, V, V), ``graph[k, w, v]`` is the weight of node v in node w.
    """

    graph: Tensor

    def __init__(self, in_channels: int, out_channels: int, graph: Tensor):
        super().__init__()
        self.register_buffer("graph", graph.clone())
        self.offset = nn.Parameter(torch.empty_like(graph))
        nn.init.uniform_(self.offset, -INITIAL_OFFSET, INITIAL_OFFSET)
        self.project = nn.Linear(graph.shape[0] * in_channels, out_channels)
        self.norm = ChannelsLastBatchNorm(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (P, T, V, in_channels) to (P, T, V, out_channels)."""
        people, frames, nodes, channels = x.shape
        weights = (self.graph + self.offset).transpose(0, 1).reshape(-1, nodes)
        rows = x.reshape(people * frames, nodes, channels)
        gathered = torch.bmm(expand_over(weights, rows), rows)
        return F.relu(self.norm(self.project(gathered.view(people, frames, nodes, -1))))


class WindowPath(nn.Module):
    """Graph convolution over the joints of a window of frames, then collapse of the window.

    Args:
        in_channels, out_channels: C before and after.
        hidden_channels: C between graph convolution and collapse.
        graph: (K, V*window, V*window) of ``window_graph``.
        window: odd number of frames.
        stride: frames between windows.
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        graph: Tensor,
        window: int,
        stride: int,
    ):
        super().__init__()
        self.window = window
        self.stride = stride
        self.graph_conv = MultiScaleGraphConv(in_channels, hidden_channels, graph)
        self.collapse = nn.Linear(window * hidden_channels, out_channels)
        self.norm = ChannelsLastBatchNorm(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (P, T, V, in_channels) to (P, ceil(T / stride), V, out_channels)."""
        people, frames, joints, channels = x.shape
        margin = self.window // 2
        padded = F.pad(x, (0, 0, 0, 0, margin, margin))
        taps = [padded[:, start : start + frames : self.stride] for start in range(self.window)]
        windows = torch.stack(taps, dim=3)
        nodes = windows.reshape(people, -1, joints * self.window, channels)
        mixed = self.graph_conv(nodes).view(people, nodes.shape[1], joints, -1)
        return self.norm(self.collapse(mixed))


class TemporalUnit(nn.Module):
    """Multi-scale temporal module with residual, ReLU and dropout behind it."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1, dropout: float = 0.0):
        super().__init__()
        self.module = MultiScaleTemporal(
            in_channels, out_channels, KERNEL, stride, DILATIONS, residual=True
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(F.relu(self.module(x)))


class Stage(nn.Module):
    """Sum of the factorised and the unified pathway, ReLU, and a temporal module.

    Args:
        in_channels, hidden_channels, out_channels: C before, after the first graph convolution of
            either pathway, and after the stage.
        layout: joints and bones.
        stride: step along T.
        graph_scales, window_scales: scales of the spatial and of the windowed graphs.
        dropout: rate after the temporal module.
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        layout: Layout,
        stride: int,
        graph_scales: int,
        window_scales: int,
        dropout: float,
    ):
        super().__init__()
        graph = multi_scale_graph(layout, graph_scales)
        self.factorised = nn.Sequential(
            MultiScaleGraphConv(in_channels, hidden_channels, graph),
            TemporalUnit(hidden_channels, out_channels, stride),
            MultiScaleTemporal(out_channels, out_channels, KERNEL, 1, DILATIONS, residual=True),
        )
        self.unified = nn.ModuleList(
            WindowPath(
                in_channels,
                hidden_channels,
                out_channels,
                window_graph(layout, window_scales, window),
                window,
                stride,
            )
            for window in WINDOWS
        )
        self.temporal = TemporalUnit(out_channels, out_channels, dropout=dropout)

    def forward(self, x: Tensor) -> Tensor:
        out = self.factorised(x)
        for path in self.unified:
            out = out + path(x)
        return self.temporal(F.relu(out))


class MSG3D(nn.Module):
    """MS-G3D backbone.

    Args:
        layout: joints and bones of the input.
        in_channels: C of the input.
        base_channels: width of the first stage; the second and third have twice and four times it.
        graph_scales: scales of the spatial graphs; scale k joins joints k edges apart.
        window_scales: scales of the graphs over windows.
        dropout: rate after each stage.
        person_slots: people of a clip with an input norm of their own each, as in the authors'
            code; more than 1 needs ``skip_absent_people=false``.

    The output has ``out_channels`` features a person, frame and joint.
    """

    def __init__(
        self,
        layout: Layout,
        in_channels: int = 3,
        base_channels: int = 96,
        graph_scales: int = 13,
        window_scales: int = 6,
        dropout: float = 0.0,
        person_slots: int = 1,
    ):
        super().__init__()
        self.person_slots = person_slots
        self.data_norm = JointNorm(layout.num_joints, in_channels, person_slots)
        first, second, third = base_channels, 2 * base_channels, 4 * base_channels
        shapes = [  # in, after the graph convolution, out, stride
            (in_channels, first, first, 1),
            (first, first, second, 2),
            (second, second, third, 2),
        ]
        self.stages = nn.Sequential(
            *(
                Stage(before, hidden, after, layout, stride, graph_scales, window_scales, dropout)
                for before, hidden, after, stride in shapes
            )
        )
        self.out_channels = third
        init_as_torch(self)  # which is what the authors trained from

    def forward(self, x: Tensor) -> Tensor:
        """Map joints (P, T, V, C) of P people to features (P, T', V, out_channels)."""
        return self.stages(self.data_norm(x))


def window_graph(layout: Layout, scales: int, window: int) -> Tensor:
    """Return the disentangled multi-scale graph of the joints of all frames of a window.

    A joint is one edge from itself and from its neighbours in every other frame. Scale k joins
    each node with itself and with those exactly k edges away; scale 0 is the identity. The
    weights are divided by the square roots of both degrees.

    Returns:
        (scales, V*window, V*window) float32; node v*window + t is joint v in frame t.

    Raises:
        ConfigError: if ``scales`` is under 1 or ``window`` is not odd.
    """
    if scales < 1 or window < 1 or window % 2 == 0:
        raise ConfigError(
            f"scales is {scales}, window is {window}; give 1 or more scales and an odd window."
        )
    hops = torch.from_numpy(hop_distance(layout))
    distance = hops.repeat_interleave(window, 0).repeat_interleave(window, 1)
    same_node = torch.eye(len(distance), dtype=torch.bool)
    distance = torch.where(same_node, 0, distance.clamp(min=1))
    joined = (distance == torch.arange(scales)[:, None, None]) | same_node
    inverse_root = joined.sum(-1, keepdim=True).double().rsqrt()
    return (joined * inverse_root * inverse_root.transpose(1, 2)).float()
