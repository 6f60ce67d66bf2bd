"""Parts of transformers, on tokens (..., L, C): L tokens that see each other, C features each."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from har.errors import ConfigError
from har.models.checks import check_least

# On a processor the fused attention of PyTorch has a slow gradient for few tokens: two matrix
# products and a softmax take less (benchmarks/attention_speed.py). Up to so many tokens do, and
# where it is slower still: in half precision, and with dropout.
PLAIN_TOKENS, PLAIN_TOKENS_IF_SLOW = 32, 128

DROPOUT_STEPS = 2**16


def drop_out(x: Tensor, rate: float) -> Tensor:
    """Set elements to 0 at a rate and scale the others up, as ``F.dropout``.

    On a processor that one draws a number an element, which takes longer than many a layer. Here
    16 random bits decide on an element; the rate is rounded to as many steps.
    """
    if x.device.type != "cpu" or not 0 < rate < 1:
        return F.dropout(x, rate)
    drawn = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
    bits = drawn.view(torch.int16)[: x.numel()].view(x.shape)
    threshold = min(round(rate * DROPOUT_STEPS), DROPOUT_STEPS - 1) - DROPOUT_STEPS // 2
    kept = bits >= threshold
    return x * kept * (1 / (1 - rate))


def attend(query: Tensor, key: Tensor, value: Tensor, dropout: float = 0.0) -> Tensor:
    """Return what queries see: scaled dot products, softmax over the keys, sum of their values.

    Args:
        query: (..., L, C) for L tokens that look.
        key: (..., K, C) for K tokens that are looked at.
        value: (..., K, C) of the same tokens.
        dropout: rate on the attention weights.

    Returns:
        (..., L, C)
    """
    half = query.dtype in (torch.bfloat16, torch.float16)
    most = PLAIN_TOKENS_IF_SLOW if half or dropout > 0 else PLAIN_TOKENS
    few = max(query.shape[-2], key.shape[-2]) <= most
    if torch.is_grad_enabled() and query.device.type == "cpu" and few:
        scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)
        weights = scores.softmax(-1, torch.float32 if half else None)
        return drop_out(weights, dropout).to(value.dtype) @ value
    return F.scaled_dot_product_attention(query, key, value, dropout_p=dropout)


class SelfAttention(nn.Module):
    """Multi-head self-attention with scaled dot products.

    Args:
        channels: C, split evenly over the heads.
        heads: number of heads.
        dropout: rate on the attention weights.

    Raises:
        ConfigError: no head, or heads that do not divide the channels.
    """

    def __init__(self, channels: int, heads: int, dropout: float = 0.0):
        super().__init__()
        check_least(heads=heads)
        if channels % heads:
            raise ConfigError(f"{channels} channels cannot be split over {heads} attention heads.")
        self.heads = heads
        self.dropout = dropout
        self.query_key_value = nn.Linear(channels, 3 * channels)
        self.project = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., L, C) to the same shape; only the L tokens of one row see each other."""
        rows = x.reshape(-1, *x.shape[-2:])
        split = self.query_key_value(rows).unflatten(-1, (3, self.heads, -1))
        query, key, value = split.permute(2, 0, 3, 1, 4)
        rate = self.dropout if self.training else 0.0
        out = attend(query, key, value, rate)
        return self.project(out.transpose(1, 2).reshape(x.shape))


class FeedForward(nn.Sequential):
    """Two linear layers with a GELU between them, and dropout after the second.

    Args:
        channels: C before and after.
        hidden: C between the layers.
        dropout: rate.
        hidden_dropout: rate after the GELU.
    """

    def __init__(
        self, channels: int, hidden: int, dropout: float = 0.0, hidden_dropout: float = 0.0
    ):
        super().__init__(
            nn.Linear(channels, hidden),
            nn.GELU(),
            nn.Dropout(hidden_dropout),
            nn.Linear(hidden, channels),
            nn.Dropout(dropout),
        )


class EncoderLayer(nn.Module):
    """Self-attention and a feed-forward network, each with a residual.

    Args:
        channels: C of the tokens.
        heads: attention heads.
        hidden: width of the feed-forward network.
        dropout: rate after the attention and after the network.
        norm_first: normalise before each part (pre-norm), not after each residual (post-norm).
        epsilon: of the layer norms.
        drop_path: rate at which each of the two parts is left out in training, row by row.
    """

    def __init__(
        self,
        channels: int,
        heads: int,
        hidden: int,
        dropout: float = 0.0,
        norm_first: bool = True,
        epsilon: float = 1e-5,
        drop_path: float = 0.0,
    ):
        super().__init__()
        self.norm_first = norm_first
        self.attention_norm = nn.LayerNorm(channels, epsilon)
        self.attention = SelfAttention(channels, heads)
        self.attention_dropout = nn.Dropout(dropout)
        self.feed_forward_norm = nn.LayerNorm(channels, epsilon)
        self.feed_forward = FeedForward(channels, hidden, dropout)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """Map tokens (..., L, C) to tokens of the same shape."""
        if self.norm_first:
            x = x + self.drop_path(self.attention_dropout(self.attention(self.attention_norm(x))))
            return x + self.drop_path(self.feed_forward(self.feed_forward_norm(x)))
        x = self.attention_norm(x + self.drop_path(self.attention_dropout(self.attention(x))))
        return self.feed_forward_norm(x + self.drop_path(self.feed_forward(x)))


class DropPath(nn.Module):
    """Stochastic depth: in training, leaves a branch out for whole people at random.

    Args:
        rate: share of people whose branch is left out, under 1; the others are scaled up to make up
            for it.

    Raises:
        ConfigError: another rate.
    """

    def __init__(self, rate: float):
        super().__init__()
        if not 0 <= rate < 1:
            raise ConfigError(f"drop_path is {rate}; give a rate of at least 0 and under 1.")
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """Map (P, ...) to the same shape."""
        if not self.training or self.rate == 0:
            return x
        shape = (x.shape[0],) + (1,) * (x.ndim - 1)
        return x * (x.new_empty(shape).bernoulli_(1 - self.rate) / (1 - self.rate))


def sinusoidal_positions(positions: Tensor, channels: int) -> Tensor:
    """Return the encoding of "Attention Is All You Need": sine and cosine by turns.

    Args:
        positions: (L,) of any real numbers.
        channels: C, even.

    Returns:
        (L, C) on the device and in the precision of ``positions``.
    """
    steps = torch.arange(0, channels, 2, device=positions.device).to(positions.dtype)
    angles = positions[:, None] * torch.pow(10000.0, -steps / channels)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)
