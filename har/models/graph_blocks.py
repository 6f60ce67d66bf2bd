"""What the graph networks that descend from ST-GCN share: input norm, block plan, block."""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from har.errors import ConfigError
from har.models.checks import check_least
from har.models.layers import ChannelsLastBatchNorm
from har.models.temporal_modules import UnitTemporalConv


@dataclass(frozen=True)
class BlockPlan:
    """Shape of one block.

    Attributes:
        in_channels, out_channels: C before and after.
        stride: step along T.
        residual: whether the input is added to the output.
    """

    in_channels: int
    out_channels: int
    stride: int
    residual: bool


def plan_blocks(
    in_channels: int, base_channels: int, blocks: int, stages: tuple[int, ...]
) -> list[BlockPlan]:
    """Return the shapes of the blocks of ST-GCN and its descendants.

    Args:
        in_channels: C of the input.
        base_channels: width of the first stage.
        blocks: number of blocks. The first has no residual.
        stages: numbers of the blocks, from 2, that double the width and halve the frames; there
            need not be so many blocks.

    Raises:
        ConfigError: no block, no width, or a stage under 2.
    """
    check_least(base_channels=base_channels, blocks=blocks)
    if stages and min(stages) < 2:
        raise ConfigError(f"stages is {list(stages)}; give numbers of blocks, from 2.")
    plans: list[BlockPlan] = []
    channels, width = in_channels, base_channels
    for number in range(1, blocks + 1):
        stride = 2 if number in stages else 1
        width *= stride
        plans.append(BlockPlan(channels, width, stride, residual=number > 1))
        channels = width
    return plans


class JointNorm(nn.Module):
    """Batch norm of each coordinate of each joint of (P, T, V, C), over people and frames.

    Args:
        joints, channels: V and C.
        person_slots: M; the first person of a clip has statistics of its own, the second too, and
            so on. The input then holds all M people of every clip in order, present or not.
    """

    def __init__(self, joints: int, channels: int, person_slots: int = 1):
        super().__init__()
        self.person_slots = person_slots
        self.norm = ChannelsLastBatchNorm(person_slots * joints * channels)

    def forward(self, x: Tensor) -> Tensor:
        people, frames, joints, channels = x.shape
        if self.person_slots == 1:
            return self.norm(x.reshape(people, frames, 1, joints * channels)).view(x.shape)
        check_slots(people, self.person_slots)
        clips = x.unflatten(0, (-1, self.person_slots)).transpose(1, 2)
        normed = self.norm(clips.reshape(*clips.shape[:2], 1, -1)).view(clips.shape)
        return normed.transpose(1, 2).flatten(0, 1)


def check_slots(people: int, person_slots: int) -> None:
    """Check that a batch can hold so many people of every clip.

    Raises:
        ConfigError: it cannot.
    """
    if people % person_slots:
        raise ConfigError(
            f"person_slots is {person_slots}, and the batch has {people} people: clips need "
            f"{person_slots} each. Set data.people={person_slots}"
        )


class GraphBlock(nn.Module):
    """Spatial then temporal module, with a residual around both and a ReLU behind.

    Args:
        plan: shape of the block.
        spatial: maps (P, T, V, in_channels) to (P, T, V, out_channels).
        temporal: maps that to (P, T', V, out_channels).
    """

    def __init__(self, plan: BlockPlan, spatial: nn.Module, temporal: nn.Module):
        super().__init__()
        self.spatial = spatial
        self.temporal = temporal
        self.has_residual = plan.residual
        self.shortcut: nn.Module = nn.Identity()
        if plan.residual and (plan.in_channels != plan.out_channels or plan.stride != 1):
            self.shortcut = UnitTemporalConv(plan.in_channels, plan.out_channels, 1, plan.stride)

    def forward(self, x: Tensor) -> Tensor:
        out = self.temporal(self.spatial(x))
        if self.has_residual:
            out = out + self.shortcut(x)
        return F.relu(out)


def pointwise_norm(in_channels: int, out_channels: int) -> nn.Module:
    """Return the shortcut of a spatial module: identity, or 1x1 convolution and batch norm."""
    if in_channels == out_channels:
        return nn.Identity()
    return UnitTemporalConv(in_channels, out_channels, kernel_size=1)
