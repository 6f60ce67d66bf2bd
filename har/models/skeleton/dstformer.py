"""MotionBERT: A Unified Perspective on Learning Human Motion Representations.

Zhu et al., ICCV 2023, https://arxiv.org/abs/2210.06551

Its DSTformer keeps one token for each joint and frame. A block has two streams of the same parts in
opposite order: one lets the joints of a frame see each other and then the frames of a joint, the
other does it the other way round; each token learns how to weigh the two. The authors first train
it to lift masked 2D poses to 3D, over 243 frames of 17 joints; here it starts from nothing. For
action recognition they keep the joints apart up to a head of 2048 features; here the temporal
pooling averages them.
"""

import torch
from torch import Tensor, nn

from har.errors import ConfigError
from har.models.attention import EncoderLayer
from har.skeleton.layout import Layout

EPSILON = 1e-6
INIT_STD = 0.02


class Block(nn.Module):
    """Space then time, time then space, and the weighing of the two."""

    def __init__(self, width: int, heads: int, hidden: int, dropout: float):
        super().__init__()
        self.space_first, self.time_first = (
            nn.ModuleDict(
                {
                    axis: EncoderLayer(width, heads, hidden, dropout, epsilon=EPSILON)
                    for axis in ("space", "time")
                }
            )
            for _ in range(2)
        )
        self.weigh = nn.Linear(2 * width, 2)

    def forward(self, x: Tensor) -> Tensor:
        space_first = self._over_time(self.space_first["space"](x), self.space_first["time"])
        time_first = self.time_first["space"](self._over_time(x, self.time_first["time"]))
        weights = self.weigh(torch.cat([space_first, time_first], dim=-1)).softmax(dim=-1)
        return space_first * weights[..., :1] + time_first * weights[..., 1:]

    @staticmethod
    def _over_time(x: Tensor, layer: nn.Module) -> Tensor:
        return layer(x.transpose(1, 2).contiguous()).transpose(1, 2)


class DSTformer(nn.Module):
    """DSTformer backbone.

    Args:
        layout: joints of the input.
        in_channels: C of the input; the authors give x, y and a score.
        max_frames: the largest T; shorter clips use the first of the learned positions.
        width: features of a token.
        blocks: number of blocks.
        heads: attention heads.
        feed_forward_ratio: width of the feed-forward networks, in widths of a token.
        representation: features that come out.
        dropout: rate inside the blocks.

    The output has ``out_channels`` features a person, frame and joint.

    Raises:
        ConfigError: if the heads do not divide the width.
    """

    def __init__(
        self,
        layout: Layout,
        in_channels: int = 3,
        max_frames: int = 243,
        width: int = 512,
        blocks: int = 5,
        heads: int = 8,
        feed_forward_ratio: float = 2.0,
        representation: int = 512,
        dropout: float = 0.0,
    ):
        super().__init__()
        self.embed = nn.Linear(in_channels, width)
        self.joint_positions = nn.Parameter(torch.empty(layout.num_joints, width))
        self.frame_positions = nn.Parameter(torch.empty(max_frames, 1, width))
        self.dropout = nn.Dropout(dropout)
        hidden = int(feed_forward_ratio * width)
        self.blocks = nn.Sequential(*(Block(width, heads, hidden, dropout) for _ in range(blocks)))
        self.norm = nn.LayerNorm(width, EPSILON)
        self.represent = nn.Linear(width, representation)
        self.out_channels = representation
        self._initialise()

    def _initialise(self) -> None:
        nn.init.trunc_normal_(self.joint_positions, std=INIT_STD)
        nn.init.trunc_normal_(self.frame_positions, std=INIT_STD)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=INIT_STD)
                nn.init.zeros_(module.bias)
        for module in self.modules():
            if isinstance(module, Block):  # both streams weigh the same at first
                nn.init.zeros_(module.weigh.weight)
                nn.init.constant_(module.weigh.bias, 0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Map joints (P, T, V, C) of P people to features (P, T, V, out_channels).

        Raises:
            ConfigError: if T is above ``max_frames``.
        """
        frames, longest = x.shape[1], self.frame_positions.shape[0]
        if frames > longest:
            raise ConfigError(
                f"this DSTformer has positions for {longest} frames and got {frames}: raise "
                "model.backbone.max_frames, or lower sampling.frames."
            )
        tokens = self.embed(x) + self.joint_positions + self.frame_positions[:frames]
        return torch.tanh(self.represent(self.norm(self.blocks(self.dropout(tokens)))))
