"""Transformer: Attention Is All You Need.

Vaswani et al., NeurIPS 2017, https://arxiv.org/abs/1706.03762

A baseline: each frame is one token of all its joints, and a plain encoder with normalisation
before each part lets the frames see each other. Sine and cosine positions make it fit any number
of frames.
"""

import torch
from torch import Tensor, nn

from har.errors import ConfigError
from har.models.attention import EncoderLayer, sinusoidal_positions
from har.models.layers import ChannelsLastBatchNorm
from har.skeleton.layout import Layout


class Transformer(nn.Module):
    """Transformer encoder over the frames.

    Args:
        layout: joints of the input.
        in_channels: C of the input.
        width: features a token, even.
        heads: attention heads.
        layers: encoder layers; their feed-forward networks are four times as wide as the tokens.
        dropout: rate after the embedding and inside the layers.

    The output has ``out_channels`` features a person and frame, and one joint.

    Raises:
        ConfigError: if the width is odd or the heads do not divide it.
    """

    def __init__(
        self,
        layout: Layout,
        in_channels: int = 3,
        width: int = 128,
        heads: int = 4,
        layers: int = 4,
        dropout: float = 0.1,
    ):
        super().__init__()
        if width % 2:
            raise ConfigError(f"width is {width}; sine and cosine positions need an even one.")
        channels = layout.num_joints * in_channels
        self.data_norm = ChannelsLastBatchNorm(channels)
        self.embed = nn.Linear(channels, width)
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.Sequential(
            *(EncoderLayer(width, heads, 4 * width, dropout) for _ in range(layers))
        )
        self.norm = nn.LayerNorm(width)
        self.out_channels = width

    def forward(self, x: Tensor) -> Tensor:
        """Map joints (P, T, V, C) of P people to features (P, T, 1, out_channels)."""
        tokens = self.embed(self.data_norm(x.flatten(2).unsqueeze(2))).squeeze(2)
        frames = torch.arange(x.shape[1], device=x.device).to(x.dtype)
        tokens = tokens + sinusoidal_positions(frames, tokens.shape[-1])
        return self.norm(self.layers(self.dropout(tokens))).unsqueeze(2)
