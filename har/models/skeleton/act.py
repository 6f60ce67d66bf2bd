"""Action Transformer: A Self-Attention Model for Short-Time Pose-Based Human Action Recognition.

Mazzia et al., Pattern Recognition 2022, https://arxiv.org/abs/2107.00606

AcT is a plain encoder on purpose, small enough for live use: each frame is one token of all its
joints, positions are learned, normalisation comes after each part, and what the clip is about
gathers in a class token. The authors give it the places and the speeds of 13 joints in 2D over 30
frames (streams joint and joint_motion) and end in a head of two layers (``model/head=mlp``).
"""

import torch
from torch import Tensor, nn

from har.errors import ConfigError
from har.models.attention import EncoderLayer, SelfAttention
from har.skeleton.layout import Layout

HEAD_WIDTH = 64
EPSILON = 1e-6


class AcT(nn.Module):
    """AcT backbone.

    Args:
        layout: joints of the input.
        in_channels: C of the input.
        frames: T of the input; the learned positions fit no other.
        heads: attention heads of 64 features each; their sum is the width of the tokens.
        layers: encoder layers; their feed-forward networks are four times as wide as the tokens.
        dropout: rate inside the layers.

    The output is the class token: ``out_channels`` features a person, one frame and one joint.
    """

    def __init__(
        self,
        layout: Layout,
        in_channels: int = 3,
        frames: int = 30,
        heads: int = 1,
        layers: int = 4,
        dropout: float = 0.3,
    ):
        super().__init__()
        width = HEAD_WIDTH * heads
        self.frames = frames
        self.embed = nn.Linear(layout.num_joints * in_channels, width)
        self.class_token = nn.Parameter(torch.empty(1, 1, width))
        self.positions = nn.Parameter(torch.empty(1, frames + 1, width))
        self.layers = nn.Sequential(
            *(
                EncoderLayer(width, heads, 4 * width, dropout, norm_first=False, epsilon=EPSILON)
                for _ in range(layers)
            )
        )
        self.out_channels = width
        self._initialise()

    def _initialise(self) -> None:
        nn.init.trunc_normal_(self.class_token, std=2**0.5, a=-(8**0.5), b=8**0.5)
        nn.init.uniform_(self.positions, -0.05, 0.05)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        for module in self.modules():
            if isinstance(module, SelfAttention):  # three matrices in one
                for matrix in module.query_key_value.weight.data.chunk(3):
                    nn.init.xavier_uniform_(matrix)

    def forward(self, x: Tensor) -> Tensor:
        """Map joints (P, T, V, C) of P people to features (P, 1, 1, out_channels).

        Raises:
            ConfigError: if T is not ``frames``.
        """
        people, frames = x.shape[:2]
        if frames != self.frames:
            raise ConfigError(
                f"this AcT was built for {self.frames} frames and got {frames}. Its positions are "
                "learned for one length: set model.backbone.frames and sampling.frames alike."
            )
        tokens = torch.cat([self.class_token.expand(people, -1, -1), self.embed(x.flatten(2))], 1)
        return self.layers(tokens + self.positions)[:, :1, None]
