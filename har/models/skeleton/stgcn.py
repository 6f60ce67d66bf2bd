"""ST-GCN: Spatial Temporal Graph Convolutional Networks for Skeleton-Based Action Recognition.

Yan, Xiong, Lin, AAAI 2018, https://arxiv.org/abs/1801.07455

The first graph network for skeletons. The neighbours of a joint fall into three sets with weights
of their own: the joint itself, those as far from the root or farther, and those nearer to it.
Every edge of every block has a learned importance. A convolution over nine frames follows.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from har.models.graph_blocks import GraphBlock, JointNorm, plan_blocks
from har.models.layers import ChannelsLastBatchNorm, aggregate
from har.models.temporal_modules import UnitTemporalConv
from har.skeleton.graph import hop_distance
from har.skeleton.layout import Layout

TEMPORAL_KERNEL = 9


class SpatialModule(nn.Module):
    """1x1 convolution to one feature set a graph, aggregation with edge importance, norm, ReLU."""

    adjacency: Tensor

    def __init__(self, in_channels: int, out_channels: int, graph: Tensor):
        super().__init__()
        self.register_buffer("adjacency", graph.clone())
        self.importance = nn.Parameter(torch.ones_like(graph))
        self.project = nn.Linear(in_channels, out_channels * graph.shape[0])
        self.norm = ChannelsLastBatchNorm(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        gathered = aggregate(self.project(x), self.adjacency * self.importance)
        return F.relu(self.norm(gathered))


class STGCN(nn.Module):
    """ST-GCN backbone with learned edge importance.

    Args:
        layout: joints and bones of the input.
        in_channels: C of the input.
        base_channels: width of the first stage.
        blocks: number of blocks.
        stages: numbers of the blocks, from 2, that double the width and halve the frames.
        dropout: rate after each temporal convolution but the first.

    The output has ``out_channels`` features a person, frame and joint.
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
        graph = distance_graph(layout)
        self.data_norm = JointNorm(layout.num_joints, in_channels)
        plans = plan_blocks(in_channels, base_channels, blocks, stages)
        self.blocks = nn.Sequential(
            *(
                GraphBlock(
                    plan,
                    SpatialModule(plan.in_channels, plan.out_channels, graph),
                    nn.Sequential(
                        UnitTemporalConv(
                            plan.out_channels, plan.out_channels, TEMPORAL_KERNEL, plan.stride
                        ),
                        nn.Dropout(dropout if plan.residual else 0.0),
                    ),
                )
                for plan in plans
            )
        )
        self.out_channels = plans[-1].out_channels

    def forward(self, x: Tensor) -> Tensor:
        """Map joints (P, T, V, C) of P people to features (P, T', V, out_channels)."""
        return self.blocks(self.data_norm(x))


def distance_graph(layout: Layout) -> Tensor:
    """Return the graph of the paper's spatial partition.

    ``graph[k, v, w]`` is the weight of joint v in joint w. Part 0 holds the joint itself, part 1
    the neighbours as far from the root or farther, part 2 those nearer to it; the weights that
    come to a joint from all parts sum to 1. The authors' code, and PYSKL's, tell near from far at
    the root's own neighbours only and put all others in part 1.

    Returns:
        (3, V, V) float32.
    """
    distance = torch.from_numpy(hop_distance(layout))
    from_root = distance[layout.index(layout.root)]
    weights = (distance <= 1).double()
    weights /= weights.sum(0)
    itself = distance == 0
    nearer = from_root[:, None] < from_root[None, :]
    parts = torch.stack([itself, ~itself & ~nearer, ~itself & nearer])
    return (parts * weights).float()
