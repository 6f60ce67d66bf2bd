"""HD-GCN: Hierarchically Decomposed Graph Convolutional Networks for Skeleton Action Recognition.

Lee et al., ICCV 2023, https://arxiv.org/abs/2208.10741

The body is cut into levels by distance from its centre of mass, and all joints of neighbouring
levels are joined, so that the two hands meet in one step. Each pair of levels has graphs and
features of its own; an attention weighs the pairs. The centre may be the belly, the chest or the
hip: models of different centres are good company in an ensemble.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from har.errors import ConfigError, LayoutError, did_you_mean
from har.models.checks import check_multiple
from har.models.graph_blocks import GraphBlock, JointNorm, plan_blocks, pointwise_norm
from har.models.layers import ChannelsLastBatchNorm
from har.models.temporal_modules import MultiScaleTemporal, init_fan_out
from har.skeleton.graph import hop_distance
from har.skeleton.layout import Layout

CENTERS = {"belly": "spine_mid", "chest": "spine_top", "hip": "spine_base"}
GRAPHS = 3
JOINT_NEIGHBOURS, LAYER_NEIGHBOURS = 5, 3


def hierarchy_levels(layout: Layout, center: str = "chest", levels: int = 7) -> list[np.ndarray]:
    """Return the joints of each level, from the centre outward.

    A level holds the joints that are equally many edges away from the centre; the last one holds
    all that are further, too.

    Args:
        layout: the joints. One without the landmark of the centre starts at its root.
        center: one of ``CENTERS``.
        levels: how many, at most.

    Raises:
        ConfigError: for an unknown centre, or fewer than two levels.
        LayoutError: if all joints are in the centre.
    """
    if center not in CENTERS:
        raise ConfigError(
            f"center is '{center}'; give one of {', '.join(CENTERS)}."
            f"{did_you_mean(center, CENTERS)}"
        )
    if levels < 2:
        raise ConfigError(f"levels is {levels}; give 2 or more.")
    start = layout.landmark(CENTERS[center]) or (layout.index(layout.root),)
    level = hop_distance(layout)[list(start)].min(axis=0).clip(max=levels - 1)
    if level.max() == 0:
        raise LayoutError(
            f"layout '{layout.name}' has no joint away from the {center}. Choose another center."
        )
    return [np.flatnonzero(level == number) for number in range(level.max() + 1)]


def hierarchy_graph(levels: list[np.ndarray]) -> Tensor:
    """Return the graphs of each pair of neighbouring levels.

    Three for a pair: each joint to itself, the inner joints to all outer ones, and back. Columns
    sum to 1, or to 0.

    Returns:
        (levels - 1, 3, V, V) float32, the weight of joint v in joint w at [..., w, v].
    """
    joints = sum(len(level) for level in levels)
    graph = np.zeros((len(levels) - 1, GRAPHS, joints, joints), dtype=np.float32)
    for own, inner, outer in zip(graph, levels[:-1], levels[1:], strict=True):
        both = np.concatenate([inner, outer])
        own[0, both, both] = 1.0
        own[1][np.ix_(outer, inner)] = 1.0 / len(outer)
        own[2][np.ix_(inner, outer)] = 1.0 / len(inner)
    return torch.from_numpy(graph)


class EdgeConv(nn.Module):
    """Features of each node from its nearest nodes in feature space, for L layers side by side.

    Args:
        layers: L.
        channels: C before and after.
        neighbours: how many nodes, the node itself among them; all where there are fewer.
    """

    def __init__(self, layers: int, channels: int, neighbours: int):
        super().__init__()
        self.neighbours = neighbours
        self.weight = nn.Parameter(_fan_out_normal(layers, 2 * channels, channels))
        self.norm = ChannelsLastBatchNorm(layers * channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (P, L, V, C) to the same shape.

        An edge holds the weights of (neighbour - node, node); by linearity both parts are
        projected once a node.
        """
        channels = x.shape[-1]
        of_difference, of_node = self.weight.split(channels, dim=1)
        node, near = x @ (of_node - of_difference), x @ of_difference
        nearest = self._nearest(x.detach())
        rows = nearest.flatten(2)[..., None].expand(-1, -1, -1, channels)
        edges = near.gather(2, rows).unflatten(2, nearest.shape[2:]) + node[:, :, :, None]
        normed = self.norm(edges.permute(0, 2, 3, 1, 4).flatten(3))
        strongest = F.leaky_relu(normed, 0.2).amax(dim=2)
        return strongest.unflatten(2, (-1, channels)).transpose(1, 2)

    def _nearest(self, x: Tensor) -> Tensor:
        """Return (P, L, V, k) positions of the nearest nodes."""
        count = min(self.neighbours, x.shape[2])
        if x.dtype == torch.float16:
            x = x.float()  # a CPU has no distances of half precision
        return torch.cdist(x, x).topk(count, dim=-1, largest=False).indices


class LayerAttention(nn.Module):
    """Weighs the pairs of levels by what is in them.

    Args:
        channels: C.
        levels: joints of each level.
    """

    members: Tensor

    def __init__(self, channels: int, levels: list[np.ndarray]):
        super().__init__()
        reduced = channels // 4
        self.reduce = nn.Linear(channels, reduced)
        self.norm = ChannelsLastBatchNorm(reduced)
        self.edges = EdgeConv(1, reduced, LAYER_NEIGHBOURS)
        self.expand = nn.Linear(reduced, channels)
        init_fan_out(self.reduce)
        self.register_buffer("members", hierarchy_graph(levels)[:, 0].sum(1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map features at their peak over time (P, V, L, C) to weights (P, L, C) in [0, 1]."""
        peak = F.relu(self.norm(self.reduce(x)))
        joints = self.members.sum(1, keepdim=True)
        layers = torch.einsum("pvlc,lv->plc", peak, self.members) / joints
        weights = self.expand(self.edges(layers[:, None])[:, 0])
        return torch.sigmoid(weights)


class HierarchicalModule(nn.Module):
    """Three graphs and an edge convolution for each pair of levels, weighed and summed.

    Args:
        in_channels, out_channels: C before and after; the latter a multiple of 4.
        levels: joints of each level.
        attention: weigh the pairs; else they count alike.
    """

    def __init__(
        self, in_channels: int, out_channels: int, levels: list[np.ndarray], attention: bool
    ):
        super().__init__()
        graph = hierarchy_graph(levels)
        layers, width = graph.shape[0], out_channels // (GRAPHS + 1)
        self.layers = layers
        self.adjacency = nn.Parameter(graph)
        self.reduce = nn.Linear(in_channels, layers * width)
        self.reduce_norm = ChannelsLastBatchNorm(layers * width)
        self.weight = nn.Parameter(_fan_out_normal(layers * GRAPHS, width, width))
        self.bias = nn.Parameter(torch.zeros(layers * GRAPHS * width))
        self.mix_norm = ChannelsLastBatchNorm(layers * GRAPHS * width)
        self.edges = EdgeConv(layers, width, JOINT_NEIGHBOURS)
        self.attention = LayerAttention(out_channels, levels) if attention else None
        self.norm = ChannelsLastBatchNorm(out_channels)
        self.residual = pointwise_norm(in_channels, out_channels)
        init_fan_out(self.reduce, [width] * layers)
        nn.init.constant_(self.norm.weight, 1e-6)

    def forward(self, x: Tensor) -> Tensor:
        """Map (P, T, V, in_channels) to (P, T, V, out_channels).

        What the edges tell is the same in all frames, and copied into them only at the end.
        """
        reduced = F.relu(self.reduce_norm(self.reduce(x))).unflatten(-1, (self.layers, -1))
        graphs = self._graph_features(reduced)
        edges = self.edges(reduced.mean(dim=1).transpose(1, 2)).transpose(1, 2)
        if self.attention is not None:
            # Not amax: of frames that tie the authors' gradient goes to one, not to all.
            peak = torch.cat([graphs.max(dim=1).values, edges], dim=-1)
            sizes = graphs.shape[-1], edges.shape[-1]
            of_graphs, of_edges = self.attention(peak).split(sizes, dim=-1)
            graphs, edges = graphs * of_graphs[:, None, None], edges * of_edges[:, None]
        in_all_frames = edges.sum(dim=2)[:, None].expand(-1, x.shape[1], -1, -1)
        pairs = torch.cat([graphs.sum(dim=3), in_all_frames], dim=-1)
        return F.relu(self.norm(pairs) + self.residual(x))

    def _graph_features(self, x: Tensor) -> Tensor:
        """Map (P, T, V, L, C) to the features of the three graphs, (P, T, V, L, 3*C)."""
        gathered = torch.einsum("ptvlc,lgwv->ptwlgc", x, self.adjacency).flatten(3, 4)
        mixed = torch.einsum("ptvkc,kco->ptvko", gathered, self.weight).flatten(3)
        return self.mix_norm(mixed + self.bias.to(mixed.dtype)).unflatten(-1, (self.layers, -1))


class HDGCN(nn.Module):
    """HD-GCN backbone.

    Args:
        layout: joints and bones of the input.
        in_channels: C of the input.
        base_channels: width of the first stage, a multiple of 4.
        blocks: number of blocks.
        stages: numbers of the blocks, from 2, that double the width and halve the frames.
        center: where the levels start: "belly", "chest" or "hip".
        levels: number of levels, at most; deeper joints are in the last.

    The output has ``out_channels`` features a person, frame and joint.

    Raises:
        ConfigError: sizes that no network has, or an unknown centre.
        LayoutError: if all joints are in the centre.
    """

    def __init__(
        self,
        layout: Layout,
        in_channels: int = 3,
        base_channels: int = 64,
        blocks: int = 10,
        stages: tuple[int, ...] = (5, 8),
        center: str = "chest",
        levels: int = 7,
    ):
        super().__init__()
        check_multiple(of=GRAPHS + 1, base_channels=base_channels)
        groups = hierarchy_levels(layout, center, levels)
        plans = plan_blocks(in_channels, base_channels, blocks, stages)
        self.data_norm = JointNorm(layout.num_joints, in_channels)
        self.blocks = nn.Sequential()
        for plan in plans:
            width, attention = plan.out_channels, plan.residual
            spatial = HierarchicalModule(plan.in_channels, width, groups, attention)
            temporal = MultiScaleTemporal(width, width, stride=plan.stride)
            self.blocks.append(GraphBlock(plan, spatial, temporal))
        self.out_channels = plans[-1].out_channels

    def forward(self, x: Tensor) -> Tensor:
        """Map joints (P, T, V, C) of P people to features (P, T', V, out_channels)."""
        return self.blocks(self.data_norm(x))


def _fan_out_normal(layers: int, in_channels: int, out_channels: int) -> Tensor:
    """Return weights (layers, in, out), each layer Kaiming normal of its fan-out."""
    return torch.randn(layers, in_channels, out_channels) * (2.0 / out_channels) ** 0.5
