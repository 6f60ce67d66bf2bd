"""BlockGCN: Redefine Topology Awareness for Skeleton-Based Action Recognition.

Zhou et al., CVPR 2024, https://arxiv.org/abs/2305.11468

Channels are cut into groups, each with graphs and 1x1 convolutions of its own, which halves the
size of the network. What the bones say is kept beside the free graphs: a learned weight for each
number of bones between two joints. What the pose says enters every block: the persistent homology
of the distances between the joints, read by learned points.

Two things differ from the published code, which reads the topology of the mean of both people,
scaled by the whole batch: here it is of each person alone, so that no clip changes another's.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from har.models.checks import check_least, check_multiple
from har.models.graph_blocks import BlockPlan, GraphBlock, JointNorm, pointwise_norm
from har.models.layers import ChannelsLastBatchNorm
from har.models.temporal_modules import MultiScaleTemporal
from har.skeleton.graph import hop_distance
from har.skeleton.layout import Layout

GRAPHS = 3
SMALLEST_NORM = 1e-4


def spanning_tree_lengths(distances: Tensor) -> Tensor:
    """Return the edge lengths of the minimum spanning trees.

    They are the distances at which the components of a growing neighbourhood graph merge: the
    persistence diagram of dimension 0 of the Vietoris-Rips complex.

    Args:
        distances: (P, V, V), symmetric.

    Returns:
        (P, V - 1), in no particular order.
    """
    people, joints, _ = distances.shape
    rows = torch.arange(people, device=distances.device)
    places = torch.arange(joints, device=distances.device)
    reached = (places == 0).expand(people, joints)
    nearest = distances[:, 0]
    lengths = []
    for _ in range(joints - 1):
        length, joint = nearest.masked_fill(reached, torch.inf).min(dim=1)
        lengths.append(length)
        reached = reached | (places == joint[:, None])
        nearest = torch.minimum(nearest, distances[rows, joint])
    return torch.stack(lengths, dim=1)


class TopologyEncoding(nn.Module):
    """Features of the shape of a body: its persistence diagram, read by learned points.

    A point counts how many components merge near it: ``sum exp(-|sharpness * (point - pair)|^2)``
    over the pairs (0, merging distance).

    Args:
        elements: number of points.
    """

    def __init__(self, elements: int = 64):
        super().__init__()
        self.points = nn.Parameter(torch.rand(elements, 2))
        self.sharpness = nn.Parameter(torch.full((elements, 2), 3.0))

    def forward(self, x: Tensor) -> Tensor:
        """Map joints (P, T, V, C) to features (P, elements)."""
        with torch.no_grad():
            exact = x.to(torch.promote_types(x.dtype, torch.float32))
            deaths = spanning_tree_lengths(_profile_distances(exact)).to(self.points.dtype)
        births = torch.zeros_like(deaths)
        pairs = torch.stack([births, deaths], dim=-1)[:, :, None]
        spread = ((pairs - self.points) * self.sharpness).square().sum(dim=-1)
        return torch.exp(-spread).sum(dim=1)


class TopologyShift(nn.Module):
    """What the topology adds to the input of one block."""

    def __init__(self, elements: int, channels: int):
        super().__init__()
        self.project = nn.Linear(elements, channels)
        self.norm = ChannelsLastBatchNorm(channels)

    def forward(self, topology: Tensor) -> Tensor:
        """Map (P, elements) to (P, 1, 1, channels)."""
        projected = self.project(topology)[:, None, None]
        if self.training and len(projected) == 1:  # one row has no variance
            scale = self.norm.weight * (self.norm.running_var + self.norm.eps).rsqrt()
            return F.relu((projected - self.norm.running_mean) * scale + self.norm.bias)
        return F.relu(self.norm(projected))


class BlockGraphConv(nn.Module):
    """Graph convolution by groups of channels, with a residual.

    Args:
        in_channels, out_channels: C before and after, multiples of ``groups``.
        hops: (V, V) number of bones between two joints.
        groups: H, number of groups.
    """

    hops: Tensor

    def __init__(self, in_channels: int, out_channels: int, hops: Tensor, groups: int):
        super().__init__()
        self.groups = groups
        identity = torch.eye(hops.shape[0])
        self.register_buffer("hops", hops, persistent=False)
        self.graphs = nn.Parameter(identity.repeat(GRAPHS, groups, 1, 1))
        self.hop_weights = nn.Parameter(torch.zeros(GRAPHS, groups, int(hops.max()) + 1))
        shape = (GRAPHS, groups, in_channels // groups, out_channels // groups)
        self.weight = nn.Parameter(torch.randn(shape) * (2.0 / out_channels) ** 0.5)
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.norm = ChannelsLastBatchNorm(out_channels)
        self.residual = pointwise_norm(in_channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (P, T, V, in_channels) to (P, T, V, out_channels)."""
        grouped = x.unflatten(-1, (self.groups, -1))
        gathered = torch.einsum("ptvhc,khvw->ptwhkc", grouped, self.weighted_graphs())
        mixed = torch.einsum("ptwhkc,khco->ptwho", gathered, self.weight).flatten(3)
        mixed = mixed + self.bias.to(mixed.dtype)
        return F.relu(self.norm(mixed) + self.residual(x))

    def weighted_graphs(self) -> Tensor:
        """Return the graphs (3, H, V, V), the weight of joint v in joint w at [..., v, w]."""
        by_bones = self.hop_weights[..., self.hops]
        return _unit_columns(self.graphs) + _unit_columns(by_bones)


class BlockGCN(nn.Module):
    """BlockGCN backbone.

    Args:
        layout: joints and bones of the input.
        in_channels: C of the input.
        base_channels: width of the first blocks, a multiple of ``groups``.
        blocks: number of blocks.
        widening: number of the block that doubles the width.
        stages: numbers of the blocks that halve the frames.
        groups: groups of channels.
        elements: learned points that read the topology.

    The output has ``out_channels`` features a person, frame and joint.

    Raises:
        ConfigError: sizes that no network has.
    """

    def __init__(
        self,
        layout: Layout,
        in_channels: int = 3,
        base_channels: int = 128,
        blocks: int = 10,
        widening: int = 5,
        stages: tuple[int, ...] = (5, 8),
        groups: int = 8,
        elements: int = 64,
    ):
        super().__init__()
        check_least(blocks=blocks, groups=groups, elements=elements)
        check_multiple(of=groups, base_channels=base_channels)
        joints, hops = layout.num_joints, torch.from_numpy(hop_distance(layout))
        self.embed = nn.Linear(in_channels, base_channels)
        self.position = nn.Parameter(torch.randn(joints, base_channels))
        self.data_norm = JointNorm(joints, base_channels)
        self.topology = TopologyEncoding(elements)
        self.shifts, self.blocks = nn.ModuleList(), nn.ModuleList()
        widths = [base_channels * (1 + (number >= widening)) for number in range(blocks + 1)]
        for number, (before, width) in enumerate(pairwise(widths), start=1):
            stride = 2 if number in stages else 1
            plan = BlockPlan(before, width, stride, residual=True)
            spatial = BlockGraphConv(before, width, hops, groups)
            temporal = MultiScaleTemporal(width, width, stride=stride)
            self.shifts.append(TopologyShift(elements, before))
            self.blocks.append(GraphBlock(plan, spatial, temporal))
        self.out_channels = widths[-1]

    def forward(self, x: Tensor) -> Tensor:
        """Map joints (P, T, V, C) of P people to features (P, T', V, out_channels)."""
        topology = self.topology(x)
        embedded = self.embed(x)
        features = self.data_norm(embedded + self.position.to(embedded.dtype))
        for shift, block in zip(self.shifts, self.blocks, strict=True):
            features = block(features + shift(topology))
        return features


def _profile_distances(x: Tensor) -> Tensor:
    """Return how differently two joints lie to all others, (P, V, V), for joints (P, T, V, C).

    A joint's profile is its distances to all joints, in their mean positions over time and in units
    of the largest; the result is the Euclidean distance of two profiles.
    """
    mean = x.mean(dim=1)
    distances = torch.cdist(mean, mean, compute_mode="donot_use_mm_for_euclid_dist")
    largest = distances.amax(dim=(1, 2), keepdim=True)
    profiles = distances / largest.clamp(min=torch.finfo(distances.dtype).tiny)
    return torch.cdist(profiles, profiles, compute_mode="donot_use_mm_for_euclid_dist")


def _unit_columns(graphs: Tensor) -> Tensor:
    norm = torch.linalg.vector_norm(graphs, dim=-2, keepdim=True)
    return graphs / (norm + SMALLEST_NORM)
