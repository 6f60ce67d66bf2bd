"""DG-STGCN: Dynamic Spatial-Temporal Modeling for Skeleton-based Action Recognition.

Duan et al., 2022, https://arxiv.org/abs/2210.05895

No graph is given: each block learns eight from random starts, one a group of channels, and adds to
them two graphs of the clip at hand, made from the joints' features averaged over time: one a
channel, from differences, and one a group, from products. The temporal module carries the mean of
all joints along as one joint more, and gives each joint its learned share of it.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from har.errors import ConfigError
from har.models.checks import check_least
from har.models.graph_blocks import GraphBlock, JointNorm, plan_blocks, pointwise_norm
from har.models.layers import ChannelsLastBatchNorm
from har.models.temporal_modules import MultiScaleTemporal, init_as_torch
from har.skeleton.layout import Layout

START_MEAN, START_STD = 0.04, 0.02


class DynamicSpatialModule(nn.Module):
    """Aggregation over learned graphs and graphs of the clip, with a residual.

    Args:
        in_channels, out_channels: C before and after.
        joints: V.
        groups: K, number of learned graphs.
        ratio: channels of a group, as a share of ``out_channels``.
    """

    def __init__(self, in_channels: int, out_channels: int, joints: int, groups: int, ratio: float):
        super().__init__()
        self.groups = groups
        width = groups * int(ratio * out_channels)
        start = START_MEAN + START_STD * torch.randn(groups, joints, joints)
        self.adjacency = nn.Parameter(start)
        self.channel_scale = nn.Parameter(torch.zeros(1))
        self.group_scale = nn.Parameter(torch.zeros(1))
        self.project = nn.Linear(in_channels, width)
        self.project_norm = ChannelsLastBatchNorm(width)
        self.senders = nn.Linear(in_channels, width)
        self.receivers = nn.Linear(in_channels, width)
        self.merge = nn.Linear(width, out_channels)
        self.norm = ChannelsLastBatchNorm(out_channels)
        self.residual = pointwise_norm(in_channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (P, T, V, in_channels) to (P, T, V, out_channels)."""
        graphs = self.clip_graphs(x)
        graphs = graphs + self.adjacency[:, None].to(graphs.dtype)
        features = F.relu(self.project_norm(self.project(x)))
        gathered = torch.einsum("ptvc,pcvw->ptwc", features, graphs.flatten(1, 2))
        return F.relu(self.norm(self.merge(gathered)) + self.residual(x))

    def clip_graphs(self, x: Tensor) -> Tensor:
        """Return the graphs that are added to the learned ones for the people of (P, T, V, C).

        They are (P, K, W, V, V) for K groups of W channels, the weight of joint v in joint w at
        [..., v, w].

        The mean over time comes first: it commutes with the 1x1 convolutions and is far cheaper.
        """
        over_time = x.mean(dim=1)
        senders, receivers = (
            self._by_group(layer(over_time)) for layer in (self.senders, self.receivers)
        )
        differences = torch.tanh(senders[..., :, None] - receivers[..., None, :])
        products = torch.einsum("pkcv,pkcw->pkvw", senders, receivers).softmax(dim=-2)
        weighted = (products * self.group_scale)[:, :, None].to(differences.dtype)
        return differences * self.channel_scale.to(differences.dtype) + weighted

    def _by_group(self, x: Tensor) -> Tensor:
        """Return (P, V, K*W) as (P, K, W, V)."""
        return x.transpose(1, 2).unflatten(1, (self.groups, -1))


class BodyTemporalModule(MultiScaleTemporal):
    """Multi-scale temporal module that also follows the mean of all joints.

    Args:
        channels: C before and after.
        joints: V.
        stride: step along T.
        dropout: rate at the end.
    """

    def __init__(self, channels: int, joints: int, stride: int, dropout: float):
        super().__init__(
            channels,
            channels,
            kernel_size=3,
            stride=stride,
            dilations=(1, 2, 3, 4),
            merge=True,
            dropout=dropout,
        )
        self.body_share = nn.Parameter(torch.zeros(joints))

    def forward(self, x: Tensor) -> Tensor:
        """Map (P, T, V, C) to (P, ceil(T / stride), V, C)."""
        joints = x.shape[2]
        with_body = torch.cat([x, x.mean(dim=2, keepdim=True)], dim=2)
        single, body = self.branches(with_body).split([joints, 1], dim=2)
        shared = single + body * self.body_share[:, None].to(body.dtype)
        return self.dropout(self.merge(self.norm(shared)))


class DGSTGCN(nn.Module):
    """DG-STGCN backbone.

    Args:
        layout: joints of the input; its bones are not used.
        in_channels: C of the input.
        base_channels: width of the first stage.
        blocks: number of blocks.
        stages: numbers of the blocks, from 2, that double the width and halve the frames.
        groups: learned graphs a block.
        ratio: channels of a group, as a share of the block's.
        dropout: rate after each temporal module but the first.

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
        groups: int = 8,
        ratio: float = 0.125,
        dropout: float = 0.0,
    ):
        super().__init__()
        check_least(groups=groups)
        if int(ratio * base_channels) < 1:
            raise ConfigError(
                f"ratio is {ratio}: no channel of {base_channels} is left for a group."
            )
        joints = layout.num_joints
        plans = plan_blocks(in_channels, base_channels, blocks, stages)
        self.data_norm = JointNorm(joints, in_channels)
        self.blocks = nn.Sequential()
        for plan in plans:
            width, rate = plan.out_channels, dropout if plan.residual else 0.0
            spatial = DynamicSpatialModule(plan.in_channels, width, joints, groups, ratio)
            temporal = BodyTemporalModule(width, joints, plan.stride, rate)
            self.blocks.append(GraphBlock(plan, spatial, temporal))
        self.out_channels = plans[-1].out_channels
        init_as_torch(self)  # as the published training does

    def forward(self, x: Tensor) -> Tensor:
        """Map joints (P, T, V, C) of P people to features (P, T', V, out_channels)."""
        return self.blocks(self.data_norm(x))
