"""AAGCN: Skeleton-Based Action Recognition with Multi-Stream Adaptive Graph Convolutional Networks.

Shi, Zhang, Cheng, Lu, IEEE Transactions on Image Processing 2020, https://arxiv.org/abs/1912.06971

ST-GCN with graphs that adapt: to the data set, because they are free parameters, and to the clip,
because the similarity of embedded joints is added to them. A gate, 0 at first, weighs the
similarity. After each graph convolution, joints, frames and channels get attention in turn.

With ``similarity="softmax"`` and ``attention=False`` it is one stream of its predecessor 2s-AGCN:
Two-Stream Adaptive Graph Convolutional Networks for Skeleton-Based Action Recognition, Shi, Zhang,
Cheng, Lu, CVPR 2019, https://arxiv.org/abs/1805.07694
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from har.errors import ConfigError
from har.models.checks import check_least
from har.models.graph_blocks import GraphBlock, JointNorm, plan_blocks, pointwise_norm
from har.models.layers import ChannelsLastBatchNorm
from har.models.temporal_modules import UnitTemporalConv, init_fan_out, init_joined_inputs
from har.skeleton.graph import spatial_graph
from har.skeleton.layout import Layout

Similarity = Literal["tanh", "softmax"]
SIMILARITIES = ("tanh", "softmax")
TEMPORAL_KERNEL = 9
EMBEDDING_REDUCTION = 4
CHANNEL_REDUCTION = 2
INITIAL_SCALE = 1e-6
INITIAL_OFFSET = 1e-6


class AdaptiveGraph(nn.Module):
    """The graphs of each person.

    ``tanh`` adds the gated similarity to learned graphs that start at the body's. ``softmax`` adds
    the similarity, without a gate, and a learned offset to the body's.
    """

    body: Tensor

    def __init__(self, in_channels: int, width: int, graph: Tensor, similarity: Similarity):
        super().__init__()
        self.subsets = graph.shape[0]
        self.similarity = similarity
        self.embed = nn.Linear(in_channels, 2 * self.subsets * width)
        init_fan_out(self.embed, [width] * (2 * self.subsets))
        if similarity == "tanh":
            self.adjacency = nn.Parameter(graph.clone())
            self.gate = nn.Parameter(torch.zeros(1))
        else:
            self.register_buffer("body", graph.clone())
            self.offset = nn.Parameter(torch.full_like(graph, INITIAL_OFFSET))

    def forward(self, x: Tensor) -> Tensor:
        """Map (P, T, V, C) to (P, K, V, W): the weights of joint v in joint w."""
        embedded = self.embed(x).view(*x.shape[:3], 2, self.subsets, -1)
        sources, targets = embedded.permute(3, 0, 4, 2, 1, 5).flatten(-2)
        similarity = sources @ targets.transpose(-1, -2) / sources.shape[-1]
        if self.similarity == "tanh":
            return self.adjacency + self.gate * torch.tanh(similarity)
        return self.body + self.offset + torch.softmax(similarity, dim=-2)


class Attention(nn.Module):
    """Weigh joints, then frames, then channels; a weight of 0 leaves the features as they are."""

    def __init__(self, channels: int, joints: int):
        super().__init__()
        kernel = joints if joints % 2 else joints - 1
        self.joints = nn.Conv1d(channels, 1, kernel, padding=kernel // 2)
        self.frames = nn.Conv1d(channels, 1, TEMPORAL_KERNEL, padding=TEMPORAL_KERNEL // 2)
        self.squeeze = nn.Linear(channels, channels // CHANNEL_REDUCTION)
        self.excite = nn.Linear(channels // CHANNEL_REDUCTION, channels)
        nn.init.xavier_normal_(self.joints.weight)
        nn.init.kaiming_normal_(self.squeeze.weight)
        nn.init.zeros_(self.frames.weight)
        nn.init.zeros_(self.excite.weight)
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        joints = torch.sigmoid(self.joints(x.mean(1).transpose(1, 2)))
        x = x * (1 + joints[:, 0, None, :, None])
        frames = torch.sigmoid(self.frames(x.mean(2).transpose(1, 2)))
        x = x * (1 + frames[:, 0, :, None, None])
        channels = torch.sigmoid(self.excite(F.relu(self.squeeze(x.mean((1, 2))))))
        return x * (1 + channels[:, None, None])


class SpatialModule(nn.Module):
    """Aggregation over adaptive graphs, 1x1 convolution of all subsets, norm, residual."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        graph: Tensor,
        similarity: Similarity,
        attention: bool,
    ):
        super().__init__()
        subsets, joints, _ = graph.shape
        embedding = out_channels // EMBEDDING_REDUCTION
        self.graph = AdaptiveGraph(in_channels, embedding, graph, similarity)
        self.project = nn.Linear(subsets * in_channels, out_channels)
        init_joined_inputs(self.project)
        self.norm = ChannelsLastBatchNorm(out_channels)
        nn.init.constant_(self.norm.weight, INITIAL_SCALE)
        self.residual = pointwise_norm(in_channels, out_channels)
        self.attention: nn.Module = Attention(out_channels, joints) if attention else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        graphs = self.graph(x).permute(0, 3, 1, 2).flatten(1, 2)
        gathered = torch.matmul(graphs[:, None], x).view(*x.shape[:3], -1)
        out = F.relu(self.norm(self.project(gathered)) + self.residual(x))
        return self.attention(out)


class AAGCN(nn.Module):
    """AAGCN backbone, or one stream of 2s-AGCN.

    Args:
        layout: joints and bones of the input.
        in_channels: C of the input.
        base_channels: width of the first stage.
        blocks: number of blocks.
        stages: numbers of the blocks, from 2, that double the width and halve the frames.
        similarity: how the similarity of joints enters the graphs: "tanh" (AAGCN) or "softmax"
            (2s-AGCN), see ``AdaptiveGraph``.
        attention: weigh joints, frames and channels after each graph convolution.
        person_slots: people of a clip with an input norm of their own each, as in the authors'
            code; more than 1 needs ``skip_absent_people=false``.

    The output has ``out_channels`` features a person, frame and joint.

    Raises:
        ConfigError: if the similarity is neither of the two, or sizes that no network has.
    """

    def __init__(
        self,
        layout: Layout,
        in_channels: int = 3,
        base_channels: int = 64,
        blocks: int = 10,
        stages: tuple[int, ...] = (5, 8),
        similarity: Similarity = "tanh",
        attention: bool = True,
        person_slots: int = 1,
    ):
        super().__init__()
        if similarity not in SIMILARITIES:
            raise ConfigError(f"similarity is '{similarity}'; give {' or '.join(SIMILARITIES)}.")
        check_least(EMBEDDING_REDUCTION, base_channels=base_channels)
        graph = spatial_graph(layout)
        self.person_slots = person_slots
        self.data_norm = JointNorm(layout.num_joints, in_channels, person_slots)
        plans = plan_blocks(in_channels, base_channels, blocks, stages)
        self.blocks = nn.Sequential(
            *(
                GraphBlock(
                    plan,
                    SpatialModule(
                        plan.in_channels, plan.out_channels, graph, similarity, attention
                    ),
                    UnitTemporalConv(
                        plan.out_channels, plan.out_channels, TEMPORAL_KERNEL, plan.stride
                    ),
                )
                for plan in plans
            )
        )
        self.out_channels = plans[-1].out_channels

    def forward(self, x: Tensor) -> Tensor:
        """Map joints (P, T, V, C) of P people to features (P, T', V, out_channels)."""
        return self.blocks(self.data_norm(x))
