"""MAMP: Masked Motion Predictors are Strong 3D Action Representation Learners.

Mao et al., ICCV 2023, https://arxiv.org/abs/2308.07092

A plain transformer whose tokens are joints over a few frames: every token sees every other one,
and learned positions tell joint and time. It is made to be pre-trained without labels, by
predicting the motion of tokens that it does not see (``har.models.pretraining.masked_motion``);
bones and time it has to learn. The authors fine-tune with a hidden layer on the joints side by
side; here the temporal pooling averages them.
"""

import torch
from torch import Tensor, nn

from har.errors import ConfigError
from har.models.attention import EncoderLayer
from har.models.checks import check_least
from har.skeleton.layout import Layout

INIT_STD = 0.02


class Positions(nn.Module):
    """Learned positions: the sum of one vector a joint and one a segment of time."""

    def __init__(self, segments: int, joints: int, width: int):
        super().__init__()
        self.time = nn.Parameter(torch.empty(segments, 1, width))
        self.joint = nn.Parameter(torch.empty(joints, width))
        nn.init.trunc_normal_(self.time, std=INIT_STD)
        nn.init.trunc_normal_(self.joint, std=INIT_STD)

    def forward(self) -> Tensor:
        """Return (L, C), segment by segment."""
        return (self.time + self.joint).flatten(0, 1)


class MAMP(nn.Module):
    """Encoder of MAMP.

    Args:
        layout: joints of the input.
        frames: T; the positions are learned for it.
        in_channels: C of the input.
        segment: frames of one token.
        width: features a token.
        layers: encoder layers; their feed-forward networks are four times as wide as the tokens.
        heads: attention heads.
        drop_path: rate of stochastic depth in the last layer; it grows evenly from 0 in the first.
            For fine-tuning; the authors take 0.3 there.

    The output has ``out_channels`` features a person, segment and joint.

    Raises:
        ConfigError: the frames do not split into segments, or the heads do not divide the width.
    """

    def __init__(
        self,
        layout: Layout,
        frames: int,
        in_channels: int = 3,
        segment: int = 4,
        width: int = 256,
        layers: int = 8,
        heads: int = 8,
        drop_path: float = 0.0,
    ):
        super().__init__()
        check_least(frames=frames, segment=segment)
        if frames % segment:
            raise ConfigError(
                f"{frames} frames do not split into segments of {segment}: set sampling.frames to "
                f"a multiple of model.backbone.segment"
            )
        self.layout = layout
        self.frames = frames
        self.segment = segment
        self.segments = frames // segment
        self.embed = nn.Linear(segment * in_channels, width)
        self.positions = Positions(self.segments, layout.num_joints, width)
        rates = torch.linspace(0, drop_path, layers, device="cpu").tolist()
        self.layers = nn.Sequential(
            *(EncoderLayer(width, heads, 4 * width, drop_path=rate) for rate in rates)
        )
        self.norm = nn.LayerNorm(width)
        self.out_channels = width
        initialise_layers(self.layers)

    def tokens(self, x: Tensor) -> Tensor:
        """Map joints (P, T, V, C) to embedded tokens (P, L, out_channels).

        L is segments times joints, segment by segment.

        Raises:
            ConfigError: another T than the model is built for.
        """
        return self.embed(self.cut(x)) + self.positions()

    def cut(self, x: Tensor) -> Tensor:
        """Return what each token is made of: (P, T, V, C) to (P, L, segment * C)."""
        if x.shape[1] != self.frames:
            raise ConfigError(
                f"this MAMP has positions for {self.frames} frames and got {x.shape[1]}: train and "
                "test it with the same sampling.frames"
            )
        pieces = x.unflatten(1, (self.segments, self.segment))
        return pieces.transpose(2, 3).flatten(3).flatten(1, 2)

    def encode(self, tokens: Tensor) -> Tensor:
        """Let some embedded tokens (P, K, out_channels) see each other; the shape stays."""
        return self.norm(self.layers(tokens))

    def forward(self, x: Tensor) -> Tensor:
        """Map joints (P, T, V, C) of P people to features (P, segments, V, out_channels)."""
        return self.encode(self.tokens(x)).unflatten(1, (self.segments, -1))


def initialise_layers(module: nn.Module) -> None:
    """Start linear layers evenly, by Glorot's rule, with no bias, as the authors do."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
