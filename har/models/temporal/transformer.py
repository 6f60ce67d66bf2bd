"""A transformer over frames, read out at a class token.

Vaswani et al., Attention Is All You Need, NeurIPS 2017, https://arxiv.org/abs/1706.03762; the class
token is that of Devlin et al., BERT, NAACL 2019, https://arxiv.org/abs/1810.04805
"""

import torch
from torch import Tensor, nn

from har.errors import ConfigError
from har.models.attention import EncoderLayer, sinusoidal_positions
from har.models.checks import check_least


class TransformerPooling(nn.Module):
    """Self-attention over the frames, joints averaged, and one class token that is handed on.

    Sine and cosine positions let it take any number of frames.

    Args:
        in_channels: features a frame and joint.
        hidden_channels: width of the tokens; even, and a multiple of ``heads``.
        layers: encoder layers; their feed-forward networks are four times as wide as the tokens.
        heads: of the attention.
        dropout: rate after each part of a layer.
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int = 128,
        layers: int = 2,
        heads: int = 4,
        dropout: float = 0.1,
    ):
        super().__init__()
        check_least(heads=heads)
        if hidden_channels % heads or hidden_channels % 2:
            raise ConfigError(
                f"a temporal transformer with hidden_channels={hidden_channels} and heads={heads} "
                "cannot be built: the channels must be even and a multiple of the heads."
            )
        self.embed = nn.Linear(in_channels, hidden_channels)
        self.class_token = nn.Parameter(0.02 * torch.randn(hidden_channels))
        self.layers = nn.Sequential(
            *(
                EncoderLayer(hidden_channels, heads, 4 * hidden_channels, dropout)
                for _ in range(layers)
            )
        )
        self.norm = nn.LayerNorm(hidden_channels)
        self.out_channels = hidden_channels

    def forward(self, x: Tensor) -> Tensor:
        """Map (P, T, V, C) to (P, out_channels)."""
        frames = self.embed(x.mean(dim=2))
        positions = torch.arange(x.shape[1], device=x.device).to(self.class_token.dtype)
        frames = frames + sinusoidal_positions(positions, self.out_channels)
        token = self.class_token.expand(frames.shape[0], 1, -1)
        tokens = torch.cat([token.to(frames.dtype), frames], dim=1)
        return self.norm(self.layers(tokens)[:, 0])
