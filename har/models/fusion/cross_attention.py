"""Fusion by cross-attention: tokens of poses look at those of video, and the other way round.

Vaswani et al., Attention Is All You Need, NeurIPS 2017, https://arxiv.org/abs/1706.03762; in both
directions as in Lu et al., ViLBERT, NeurIPS 2019, https://arxiv.org/abs/1908.02265.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from har.errors import ConfigError
from har.models.attention import FeedForward, attend, sinusoidal_positions
from har.models.fusion.base import JOINT, MODALITIES, ModalityFusion

TIME_STEPS = 100.0
"""How long a clip is for the encoding of time, whatever its number of frames."""


class CrossAttentionFusion(ModalityFusion):
    """Layers in which each modality attends to the other; the tokens of both come out.

    A token is a frame and joint, or a frame and place, with its time in the clip.

    Args:
        map_channels: C of each modality.
        channels: width of the tokens; even.
        heads: of the attention.
        layers: how many.
        dropout: rate.
        over_joints: a token for each joint and place; otherwise for each frame, the mean of them.

    Raises:
        ConfigError: the heads do not divide the channels, or these are odd.
    """

    def __init__(
        self,
        map_channels: Mapping[str, int],
        channels: int = 128,
        heads: int = 4,
        layers: int = 1,
        dropout: float = 0.0,
        over_joints: bool = True,
    ):
        super().__init__()
        if channels % heads or channels % 2:
            raise ConfigError(
                f"cross-attention: channels={channels} must be even and a multiple of heads={heads}"
            )
        self.over_joints = over_joints
        self.embed = nn.ModuleDict({n: nn.Linear(c, channels) for n, c in map_channels.items()})
        self.layers = nn.ModuleList(_Exchange(channels, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(channels)
        self.readouts = {JOINT: channels}

    def forward(self, maps: Mapping[str, Tensor], present: Tensor) -> dict[str, Tensor]:  # noqa: ARG002
        pose, video = (self._tokens(name, maps[name]) for name in MODALITIES)
        for layer in self.layers:
            pose, video = layer(pose, video)
        return {JOINT: self.norm(torch.cat([pose, video], dim=1))[:, None]}

    def _tokens(self, name: str, features: Tensor) -> Tensor:
        """Return tokens (N, L, channels) of a map (N, T, S, C)."""
        x = features if self.over_joints else features.mean(dim=2, keepdim=True)
        x = self.embed[name](x)
        frames = x.shape[1]
        times = (torch.arange(frames, device=x.device).to(x.dtype) + 0.5) * (TIME_STEPS / frames)
        return (x + sinusoidal_positions(times, x.shape[-1])[:, None]).flatten(1, 2)


class _Exchange(nn.Module):
    """One layer: both modalities look at what the other was before it."""

    def __init__(self, channels: int, heads: int, dropout: float):
        super().__init__()
        self.pose = _Look(channels, heads, dropout)
        self.video = _Look(channels, heads, dropout)

    def forward(self, pose: Tensor, video: Tensor) -> tuple[Tensor, Tensor]:
        return self.pose(pose, video), self.video(video, pose)


class _Look(nn.Module):
    """Attention to other tokens, and two layers on each token, with residuals and norms before."""

    def __init__(self, channels: int, heads: int, dropout: float):
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.own_norm, self.other_norm = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.query = nn.Linear(channels, channels)
        self.key_value = nn.Linear(channels, 2 * channels)
        self.project = nn.Linear(channels, channels)
        self.last_norm = nn.LayerNorm(channels)
        self.feed = FeedForward(channels, 2 * channels, dropout)

    def forward(self, own: Tensor, other: Tensor) -> Tensor:
        """Map tokens (N, L, C), which look at (N, L', C), to the same shape."""
        query = self.query(self.own_norm(own)).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        both = self.key_value(self.other_norm(other)).unflatten(-1, (2, self.heads, -1))
        key, value = both.permute(2, 0, 3, 1, 4)
        rate = self.dropout if self.training else 0.0
        seen = attend(query, key, value, rate)
        own = own + self.project(seen.transpose(1, 2).flatten(2))
        return own + self.feed(self.last_norm(own))
