"""InfoGCN: Representation Learning for Human Skeleton-based Action Recognition.

Chi et al., CVPR 2022

Its graphs are those of self-attention between the joints of a frame, times a shared matrix that
starts at the identity: no bones are given. Joints are embedded and told apart by learned
positions. The input may be taken relative to an ancestor k bones up the body: k = 1 are bones. The
head that squeezes the clip's features through a noisy bottleneck is ``model/head=bottleneck``; its
extra loss draws the mean of each class to a fixed random direction.
Paper: https://openaccess.thecvf.com/content/CVPR2022/html/Chi_InfoGCN_Representation_Learning_for_Human_Skeleton-Based_Action_Recognition_CVPR_2022_paper.html
"""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from har.errors import ConfigError
from har.models.checks import check_least
from har.models.graph_blocks import GraphBlock, JointNorm, plan_blocks, pointwise_norm
from har.models.layers import ChannelsLastBatchNorm
from har.models.temporal_modules import MultiScaleTemporal, init_joined_inputs
from har.skeleton.layout import Layout

ATTENTION_REDUCTION = 8


def relative_matrix(layout: Layout, hops: int) -> Tensor:
    """Return the matrix that takes each joint relative to its ancestor ``hops`` bones up.

    A joint that has no such ancestor stays as it is; so do all for ``hops`` 0.

    Returns:
        (V, V) float32, to be multiplied with (V, C).

    Raises:
        ConfigError: if ``hops`` is negative.
    """
    if hops < 0:
        raise ConfigError(f"hops is {hops}; give 0 (joints as they are) or more.")
    identity = np.eye(layout.num_joints)
    if hops == 0:
        return torch.tensor(identity, dtype=torch.float32)
    to_parent = identity[layout.bone_parents] * (1 - identity)
    ancestor = np.linalg.matrix_power(to_parent, hops)
    return torch.tensor(identity - ancestor, dtype=torch.float32)


class JointAttention(nn.Module):
    """Self-attention weights between the joints of each frame.

    Args:
        channels: C.
        heads: H.
    """

    def __init__(self, channels: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(channels)
        self.query_key = nn.Linear(channels, 2 * heads * (channels // ATTENTION_REDUCTION))
        nn.init.normal_(self.query_key.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map (P, T, V, C) to (P*T, H, V, V): [..., w, v] is what joint w takes from joint v."""
        query, key = (
            half.unflatten(-1, (self.heads, -1)).flatten(0, 1).transpose(1, 2)
            for half in self.query_key(self.norm(x)).chunk(2, dim=-1)
        )
        scores = query @ key.transpose(2, 3) * query.shape[-1] ** -0.5
        return scores.softmax(dim=-1)


class AttentionSpatialModule(nn.Module):
    """Aggregation over graphs of attention times a shared matrix, with a residual.

    Args:
        in_channels, out_channels: C before and after.
        joints: V.
        heads: H, number of graphs.
    """

    def __init__(self, in_channels: int, out_channels: int, joints: int, heads: int):
        super().__init__()
        self.attention = JointAttention(in_channels, heads)
        self.shared = nn.Parameter(torch.eye(joints).repeat(heads, 1, 1))
        self.project = nn.Linear(heads * in_channels, out_channels)
        self.norm = ChannelsLastBatchNorm(out_channels)
        self.residual = pointwise_norm(in_channels, out_channels)
        init_joined_inputs(self.project)
        nn.init.constant_(self.norm.weight, 1e-6)

    def forward(self, x: Tensor) -> Tensor:
        """Map (P, T, V, in_channels) to (P, T, V, out_channels).

        Rows of the graphs are ordered by joint, then head, so that what a joint gathers by all
        heads is one row, and all heads are projected in one matrix product.
        """
        graphs = self.attention(x)
        graphs = graphs * self.shared.to(graphs.dtype)
        gathered = graphs.transpose(1, 2).flatten(1, 2) @ x.flatten(0, 1)
        projected = self.project(gathered.view(*x.shape[:3], -1))
        return F.relu(self.norm(projected) + self.residual(x))


class InfoGCN(nn.Module):
    """InfoGCN backbone; with ``model/head=bottleneck`` it is the model of the paper.

    Args:
        layout: joints and bones of the input.
        in_channels: C of the input.
        base_channels: width of the first stage, a multiple of 8.
        blocks: number of blocks.
        stages: numbers of the blocks, from 2, that double the width and halve the frames.
        heads: graphs a block.
        hops: take joints relative to their ancestor so many bones up; 0 takes them as they are.

    The output has ``out_channels`` features a person, frame and joint.

    Raises:
        ConfigError: sizes that no network has.
    """

    relative: Tensor

    def __init__(
        self,
        layout: Layout,
        in_channels: int = 3,
        base_channels: int = 64,
        blocks: int = 9,
        stages: tuple[int, ...] = (4, 7),
        heads: int = 3,
        hops: int = 0,
    ):
        super().__init__()
        check_least(heads=heads)
        check_least(ATTENTION_REDUCTION, base_channels=base_channels)
        joints = layout.num_joints
        self.register_buffer("relative", relative_matrix(layout, hops), persistent=False)
        self.embed = nn.Linear(in_channels, base_channels)
        self.position = nn.Parameter(torch.randn(joints, base_channels))
        self.data_norm = JointNorm(joints, base_channels)
        plans = plan_blocks(base_channels, base_channels, blocks, stages)
        self.blocks = nn.Sequential()
        for plan in plans:
            width = plan.out_channels
            spatial = AttentionSpatialModule(plan.in_channels, width, joints, heads)
            temporal = MultiScaleTemporal(width, width, stride=plan.stride)
            block = GraphBlock(
                replace(plan, residual=True), spatial, nn.Sequential(temporal, nn.ReLU())
            )
            self.blocks.append(block)
        self.out_channels = plans[-1].out_channels

    def forward(self, x: Tensor) -> Tensor:
        """Map joints (P, T, V, C) of P people to features (P, T', V, out_channels)."""
        embedded = self.embed(self.relative @ x)
        embedded = embedded + self.position.to(embedded.dtype)
        return self.blocks(self.data_norm(embedded))
