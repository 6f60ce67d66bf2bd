"""CTR-GCN: Channel-wise Topology Refinement Graph Convolution for Skeleton-Based Action Recognition.

Chen et al., ICCV 2021, https://arxiv.org/abs/2107.12213

Three learned graphs are shared by all channels; each person refines them for every channel from
the differences of its joints' features, averaged over time. The temporal module has two dilated
convolutions, a max-pool and a 1x1 convolution in parallel.

Here ``adjacency[k, w, v]`` is the weight of joint v in joint w, as in the authors' code; PYSKL's
code sums over the other index, so that its graphs are the transposes of these.
"""  # noqa: E501

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from har.models.checks import check_odd
from har.models.graph_blocks import GraphBlock, JointNorm, plan_blocks, pointwise_norm
from har.models.layers import ChannelsLastBatchNorm, expand_over
from har.models.temporal_modules import MultiScaleTemporal, init_fan_out
from har.skeleton.graph import spatial_graph
from har.skeleton.layout import Layout

REDUCTION = 8
FEWEST_RELATION_CHANNELS = 8
INITIAL_SCALE = 1e-6


class RefinedGraph(nn.Module):
    """The graphs of each person and channel: shared graphs plus a scaled refinement.

    Args:
        in_channels: C of the features that the refinement looks at.
        out_channels: channels that get graphs of their own.
        graph: (K, V, V), where the shared graphs start.
    """

    def __init__(self, in_channels: int, out_channels: int, graph: Tensor):
        super().__init__()
        subsets = graph.shape[0]
        relation = max(in_channels // REDUCTION, FEWEST_RELATION_CHANNELS)
        self.adjacency = nn.Parameter(graph.clone())
        self.alpha = nn.Parameter(torch.zeros(1))
        self.query = nn.Linear(in_channels, subsets * relation)
        self.key = nn.Linear(in_channels, subsets * relation)
        self.expand = nn.Linear(relation, subsets * out_channels)
        init_fan_out(self.query, [relation] * subsets)
        init_fan_out(self.key, [relation] * subsets)
        init_fan_out(self.expand, [out_channels] * subsets)

    def forward(self, x: Tensor) -> Tensor:
        """Map features averaged over time (P, V, C) to graphs (P, out_channels, W, K, V)."""
        people, joints, _ = x.shape
        subsets = self.adjacency.shape[0]
        query, key = (
            project(x).view(people, joints, subsets, -1).permute(0, 2, 3, 1)
            for project in (self.query, self.key)
        )
        relations = torch.tanh(query[..., None] - key[..., None, :]).flatten(3)
        weight = self.alpha * self.expand.weight.view(subsets, -1, relations.shape[2])
        refinement = (weight @ relations).view(people, subsets, -1, joints, joints)
        # Under autocast a sum in float32: measured on a CPU, one in half precision is slower.
        return self._shared() + refinement.permute(0, 2, 3, 1, 4)

    def _shared(self) -> Tensor:
        """Return the part that all people share, (out_channels, W, K, V)."""
        subsets = self.adjacency.shape[0]
        bias = (self.alpha * self.expand.bias).view(subsets, -1).T
        return (self.adjacency.transpose(0, 1) + bias[:, None, :, None]).contiguous()


class SpatialModule(nn.Module):
    """Graph convolution with graphs of each channel, on maps (P*V, T, 1, C).

    The 1x1 convolutions of the subsets are one matrix product, written channels first; there the
    sum over subsets and joints is one matrix product a channel.
    """

    def __init__(self, in_channels: int, out_channels: int, graph: Tensor):
        super().__init__()
        self.subsets, self.joints, _ = graph.shape
        self.out_channels = out_channels
        self.refined_graph = RefinedGraph(in_channels, out_channels, graph)
        self.project = nn.Linear(in_channels, out_channels * self.subsets)
        init_fan_out(self.project, [out_channels] * self.subsets)
        self.norm = ChannelsLastBatchNorm(out_channels)
        nn.init.constant_(self.norm.weight, INITIAL_SCALE)
        self.residual = pointwise_norm(in_channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        features = x.reshape(-1, self.joints, x.shape[1], x.shape[3])
        graphs = self.refined_graph(features.mean(2))
        out = self._aggregate(features, graphs).view(*x.shape[:3], -1)
        return F.relu(self.norm(out) + self.residual(x))

    def _aggregate(self, x: Tensor, graphs: Tensor) -> Tensor:
        """Map features (P, V, T, C) and graphs (P, C', W, K, V) to (P, W, T, C')."""
        people, joints, frames, channels = x.shape
        weight = self.project.weight.view(self.subsets, self.out_channels, channels)
        rows = x.reshape(people, joints * frames, channels).transpose(1, 2)
        weight = weight.transpose(0, 1).reshape(-1, channels)
        projected = torch.bmm(expand_over(weight, rows), rows)
        bias = self.project.bias.view(self.subsets, -1).T
        out = torch.baddbmm(
            (graphs.sum(-1) * bias[:, None]).sum(-1).view(-1, joints, 1),
            graphs.reshape(people * self.out_channels, joints, self.subsets * joints),
            projected.view(people * self.out_channels, self.subsets * joints, frames),
        )
        return out.view(people, self.out_channels, joints, frames).permute(0, 2, 3, 1).contiguous()


class ActiveTemporal(MultiScaleTemporal):
    """The temporal module with a ReLU behind."""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(super().forward(x))


class CTRGCN(nn.Module):
    """CTR-GCN backbone.

    Args:
        layout: joints and bones of the input.
        in_channels: C of the input.
        base_channels: width of the first stage.
        blocks: number of blocks.
        stages: numbers of the blocks, from 2, that double the width and halve the frames.
        kernel_size: odd number of frames of the temporal convolutions.
        dilations: frames between their taps, one convolution each.
        person_slots: people of a clip with an input norm of their own each, as in the authors'
            code; more than 1 needs ``skip_absent_people=false``.
        temporal_relu: end each temporal module with a ReLU, as PYSKL's code does, not the authors'.

    The output has ``out_channels`` features a person, frame and joint.

    Raises:
        ConfigError: sizes that no network has.
    """

    def __init__(
        self,
        layout: Layout,
        in_channels: int = 3,
        base_channels: int = 64,
        blocks: int = 10,
        stages: tuple[int, ...] = (5, 8),
        kernel_size: int = 5,
        dilations: tuple[int, ...] = (1, 2),
        person_slots: int = 1,
        temporal_relu: bool = False,
    ):
        super().__init__()
        check_odd(kernel_size=kernel_size)
        graph = spatial_graph(layout)
        temporal = ActiveTemporal if temporal_relu else MultiScaleTemporal
        self.person_slots = person_slots
        self.data_norm = JointNorm(layout.num_joints, in_channels, person_slots)
        plans = plan_blocks(in_channels, base_channels, blocks, stages)
        self.blocks = nn.Sequential(
            *(
                GraphBlock(
                    plan,
                    SpatialModule(plan.in_channels, plan.out_channels, graph),
                    temporal(
                        plan.out_channels, plan.out_channels, kernel_size, plan.stride, dilations
                    ),
                )
                for plan in plans
            )
        )
        self.out_channels = plans[-1].out_channels

    def forward(self, x: Tensor) -> Tensor:
        """Map joints (P, T, V, C) of P people to features (P, T', V, out_channels).

        Inside, joints count as people: the blocks work on maps (P*V, T, 1, C).
        """
        people, frames, joints, channels = x.shape
        by_joint = self.data_norm(x).transpose(1, 2).contiguous().view(-1, frames, 1, channels)
        out = self.blocks(by_joint)
        return out.reshape(people, joints, -1, self.out_channels).transpose(1, 2)
