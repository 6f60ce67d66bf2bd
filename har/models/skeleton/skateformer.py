"""SkateFormer: Skeletal-Temporal Transformer for Human Action Recognition.

Do and Kim, ECCV 2024, https://arxiv.org/abs/2403.09508

Every pair of a joint and a frame is a token. A block sends part of the channels through learned
graphs and a temporal convolution, and the rest through four attentions that see few tokens each:
the joints of one body part or one joint of every part, in neighbouring frames or in frames spread
over the clip. For that the joints stand in body parts of equal size (``har.models.body_parts``).

The authors put the joints of two people side by side in one sequence; here each person is a
sequence, as in their configuration for one person. Frames are numbered from -1 to 1 over the clip.
The bias between neighbouring joints depends on the distance in frames, as the paper says; in the
authors' code a slip in the order of the tokens gives it to other pairs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from har.errors import ConfigError
from har.models.attention import DropPath, FeedForward, drop_out, sinusoidal_positions
from har.models.body_parts import body_parts, named_parts
from har.models.checks import check_least, check_odd
from har.models.layers import ChannelsLastBatchNorm, TemporalConv
from har.skeleton.layout import Layout

GROUPINGS = ((True, True), (True, False), (False, True), (False, False))
"""Of the four attentions: whether the frames, and the joints, of a window are neighbours."""

INIT_STD = 0.02


@dataclass(frozen=True)
class BlockOptions:
    """What all blocks of a model share.

    Attributes:
        joints: V, in the order of the parts.
        heads: half of them are attention heads, a quarter graphs, a quarter temporal groups.
        window: most frames an attention window has.
        near_joints: joints of a window of neighbours: one or several parts.
        far_joints: joints of a window of one joint a part.
        kernel_size: frames of the temporal convolutions.
        feed_forward_ratio: width of the feed-forward network, in widths of the block.
        attention_dropout: rate on the attention weights.
        drop_path: highest rate of leaving out a branch, that of the last block.
    """

    joints: int
    heads: int
    window: int
    near_joints: int
    far_joints: int
    kernel_size: int
    feed_forward_ratio: float
    attention_dropout: float
    drop_path: float


class PartitionAttention(nn.Module):
    """Attention inside windows of some frames and some joints.

    Neighbouring joints share one bias for each distance in frames; joints of different parts have
    one for each pair of parts too.
    """

    def __init__(self, frames: int, near_frames: bool, near_joints: bool, options: BlockOptions):
        super().__init__()
        self.frames, self.near_frames, self.near_joints = frames, near_frames, near_joints
        self.joints = options.near_joints if near_joints else options.far_joints
        self.heads = options.heads // 8
        self.dropout = options.attention_dropout
        parts = 1 if near_joints else self.joints
        self.bias = nn.Parameter(torch.empty(2 * frames - 1, parts, parts, self.heads))
        nn.init.trunc_normal_(self.bias, std=INIT_STD)

    def forward(self, x: Tensor) -> Tensor:
        """Map queries, keys and values (P, T, V, 3 * C) to (P, T, V, C)."""
        people, frames, joints = x.shape[:3]
        frame_grid = _grid(frames, self.frames, self.near_frames)
        joint_grid = _grid(joints, self.joints, self.near_joints)
        grid = x.reshape(people, *frame_grid, *joint_grid, 3, self.heads, -1)
        far_t, near_t = (1, 2) if self.near_frames else (2, 1)
        far_v, near_v = (3, 4) if self.near_joints else (4, 3)
        windows = grid.permute(5, 0, far_t, far_v, 6, near_t, near_v, 7)
        query, key, value = windows.flatten(1, 3).flatten(3, 4)
        scale = self.heads**-0.5  # by the number of heads, not their width, as the authors do
        scores = query * scale @ key.transpose(-2, -1) + self._pair_bias()
        weights = scores.softmax(dim=-1)
        if self.training:
            weights = drop_out(weights, self.dropout)
        out = weights @ value  # windows are small: faster than the fused attention
        far_t, near_t = (1, 4) if self.near_frames else (4, 1)
        far_v, near_v = (2, 5) if self.near_joints else (5, 2)
        out = out.reshape(windows.shape[1:])
        return out.permute(0, far_t, near_t, far_v, near_v, 3, 6).reshape(
            people, frames, joints, -1
        )

    def _pair_bias(self) -> Tensor:
        """Return (heads, L, L): the bias of each pair of tokens of a window."""
        step = torch.arange(self.frames, device=self.bias.device)
        pairs = self.bias[step[:, None] - step + self.frames - 1]
        pairs = pairs.expand(-1, -1, self.joints, self.joints, -1)
        return pairs.permute(4, 0, 2, 1, 3).flatten(3, 4).flatten(1, 2)


class Block(nn.Module):
    """Graphs, temporal convolution and the four attentions side by side, then feed-forward."""

    def __init__(self, channels: int, frames: int, drop_path: float, options: BlockOptions):
        super().__init__()
        groups, quarter = options.heads // 4, channels // 4
        self.widths = [quarter, quarter] + [3 * channels // 8] * len(GROUPINGS)
        self.norm = nn.LayerNorm(channels)
        self.open = nn.Linear(channels, sum(self.widths))
        self.graphs = nn.Parameter(torch.empty(groups, options.joints, options.joints))
        nn.init.trunc_normal_(self.graphs, std=INIT_STD)
        kernel, padding = (options.kernel_size, 1), (options.kernel_size // 2, 0)
        self.temporal = nn.Conv2d(quarter, quarter, kernel, padding=padding, groups=groups)
        window = largest_window(frames, options.window)
        self.attentions = nn.ModuleList(
            PartitionAttention(window, near_frames, near_joints, options)
            for near_frames, near_joints in GROUPINGS
        )
        self.merge = nn.Linear(channels, channels)
        self.feed_forward_norm = nn.LayerNorm(channels)
        self.feed_forward = FeedForward(channels, int(options.feed_forward_ratio * channels))
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop_path(self.merge(self._mix(x)))
        return x + self.drop_path(self.feed_forward(self.feed_forward_norm(x)))

    def _mix(self, x: Tensor) -> Tensor:
        spatial, temporal, *attended = self.open(self.norm(x)).split(self.widths, dim=-1)
        grouped = spatial.unflatten(-1, (self.graphs.shape[0], -1))
        gathered = torch.einsum("hvu,ptuhc->ptvhc", self.graphs, grouped).flatten(-2)
        convolved = self.temporal(temporal.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        pairs = zip(self.attentions, attended, strict=True)
        return torch.cat([gathered, convolved, *(attend(part) for attend, part in pairs)], dim=-1)


class SkateFormer(nn.Module):
    """SkateFormer backbone.

    Args:
        layout: joints of the input.
        in_channels: C of the input.
        frames: T of the input. Best is a multiple of ``window`` times 2 for every stage but the
            first: a stage whose frames ``window`` does not divide takes their largest divisor.
        channels: width of each stage, a multiple of ``heads``; stages after the first halve T.
        depths: blocks of each stage.
        heads: heads and groups of a block, a multiple of 8.
        window: frames of an attention window.
        kernel_size: frames of the temporal convolutions, odd.
        part_size: joints of a body part.
        parts: joint names of each part, equally many; by default they follow from the layout.
        parts_per_window: neighbouring parts that see each other.
        feed_forward_ratio: width of the feed-forward networks, in widths of the stage.
        attention_dropout: rate on the attention weights.
        drop_path: rate of leaving out the branches of the last block; it grows from 0.

    The output has ``out_channels`` features a person, frame and joint of the parts; ``out_joints``
    tells which joint of the layout that is.

    Raises:
        ConfigError: widths that ``heads`` does not divide, parts that do not pair up, or sizes that
            no network has.
    """

    out_joints: Tensor

    def __init__(
        self,
        layout: Layout,
        in_channels: int = 3,
        frames: int = 64,
        channels: tuple[int, ...] = (96, 192, 192, 192),
        depths: tuple[int, ...] = (2, 2, 2, 2),
        heads: int = 32,
        window: int = 8,
        kernel_size: int = 7,
        part_size: int = 4,
        parts: Sequence[Sequence[str]] | None = None,
        parts_per_window: int = 1,
        feed_forward_ratio: float = 4.0,
        attention_dropout: float = 0.5,
        drop_path: float = 0.2,
    ):
        super().__init__()
        check_odd(kernel_size=kernel_size)
        check_least(frames=frames, window=window, part_size=part_size)
        grid = named_parts(layout, parts) if parts else body_parts(layout, part_size)
        _check(channels, depths, heads, len(grid), parts_per_window)
        self.frames = frames
        self.register_buffer("out_joints", torch.tensor(grid.flatten()), persistent=False)
        width = channels[0]
        self.stem = nn.Sequential(
            nn.Linear(in_channels, 2 * in_channels),
            nn.GELU(),
            nn.Linear(2 * in_channels, 3 * in_channels),
            nn.GELU(),
            nn.Linear(3 * in_channels, width),
        )
        self.joint_embedding = nn.Parameter(torch.empty(grid.size, width))
        nn.init.trunc_normal_(self.joint_embedding, std=INIT_STD)
        options = BlockOptions(
            joints=grid.size,
            heads=heads,
            window=window,
            near_joints=parts_per_window * grid.shape[1],
            far_joints=len(grid),
            kernel_size=kernel_size,
            feed_forward_ratio=feed_forward_ratio,
            attention_dropout=attention_dropout,
            drop_path=drop_path,
        )
        self.stages = nn.Sequential(*_stages(frames, channels, depths, options))
        self.out_channels = channels[-1]

    def forward(self, x: Tensor) -> Tensor:
        """Map joints (P, T, V, C) of P people to features (P, T', V', out_channels).

        Raises:
            ConfigError: if T is not ``frames``.
        """
        frames = x.shape[1]
        if frames != self.frames:
            raise ConfigError(
                f"this SkateFormer was built for {self.frames} frames and got {frames}. Its "
                "windows fit one length: set model.backbone.frames and sampling.frames alike."
            )
        tokens = self.stem(x[:, :, self.out_joints])
        places = 2 * torch.arange(frames, device=x.device).to(x.dtype) / frames - 1
        times = sinusoidal_positions(places, tokens.shape[-1])
        return self.stages(tokens + times[:, None] * self.joint_embedding)


def largest_window(frames: int, window: int) -> int:
    """Return the largest divisor of ``frames`` that is not above ``window``."""
    return next(size for size in range(min(window, frames), 0, -1) if frames % size == 0)


def _grid(count: int, inside: int, neighbours: bool) -> tuple[int, int]:
    """Return the shape that cuts an axis into windows of neighbours, or of spread elements."""
    return (count // inside, inside) if neighbours else (inside, count // inside)


def _stages(
    frames: int, channels: Sequence[int], depths: Sequence[int], options: BlockOptions
) -> list[nn.Module]:
    """Return the blocks of all stages, with a halving convolution before each but the first."""
    rates = torch.linspace(0, options.drop_path, sum(depths), device="cpu").tolist()
    layers: list[nn.Module] = []
    for stage, (width, depth) in enumerate(zip(channels, depths, strict=True)):
        if stage > 0:
            halve = TemporalConv(channels[stage - 1], width, options.kernel_size, stride=2)
            halve.conv.reset_parameters()  # the authors start it as PyTorch does
            layers += [halve, ChannelsLastBatchNorm(width)]
            frames = -(-frames // 2)
        layers += [Block(width, frames, rates.pop(0), options) for _ in range(depth)]
    return layers


def _check(
    channels: Sequence[int], depths: Sequence[int], heads: int, parts: int, parts_per_window: int
) -> None:
    if len(channels) != len(depths):
        raise ConfigError(
            f"SkateFormer needs one depth a stage: channels has {len(channels)} values, depths "
            f"{len(depths)}."
        )
    check_least(heads=heads, parts_per_window=parts_per_window)
    if heads % 8 or any(width % heads for width in channels):
        raise ConfigError(
            f"heads is {heads} and channels are {list(channels)}; heads has to be a multiple of 8 "
            "that divides them all."
        )
    if parts % parts_per_window:
        raise ConfigError(
            f"parts_per_window is {parts_per_window}, but the joints form {parts} parts; give a "
            "divisor of that."
        )
