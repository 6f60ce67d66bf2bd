"""Gated attention pooling over frames.

Ilse et al., Attention-based Deep Multiple Instance Learning, ICML 2018,
https://arxiv.org/abs/1802.04712
"""

import torch
from torch import Tensor, nn

from har.errors import ConfigError
from har.models.checks import check_least


class AttentionPooling(nn.Module):
    """Weighted mean over frames; a small gated network gives the weights.

    Each head weighs its own share of the channels. At the start all weights are nearly equal.

    Args:
        in_channels: features a frame and joint; a multiple of ``heads``.
        hidden_channels: width of the network that scores.
        heads: sets of weights.
        over_joints: weigh each joint of each frame; otherwise the joints are averaged first.
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int = 64,
        heads: int = 4,
        over_joints: bool = False,
    ):
        super().__init__()
        check_least(heads=heads)
        if in_channels % heads:
            raise ConfigError(
                f"attention pooling cannot share {in_channels} channels among heads={heads}: "
                "choose a number of heads that divides them."
            )
        self.heads = heads
        self.over_joints = over_joints
        self.content = nn.Linear(in_channels, hidden_channels)
        self.gate = nn.Linear(in_channels, hidden_channels)
        self.score = nn.Linear(hidden_channels, heads, bias=False)
        nn.init.normal_(self.score.weight, std=0.01)
        self.out_channels = in_channels

    def forward(self, x: Tensor) -> Tensor:
        """Map (P, T, V, C) to (P, C)."""
        tokens = x.flatten(1, 2) if self.over_joints else x.mean(dim=2)
        weights = self.weights(tokens).unsqueeze(-1)
        return (weights * tokens.unflatten(-1, (self.heads, -1))).sum(dim=1).flatten(1)

    def weights(self, tokens: Tensor) -> Tensor:
        """Return the weights of tokens (P, L, C), (P, L, heads); they sum to 1 over L."""
        scores = self.score(torch.tanh(self.content(tokens)) * torch.sigmoid(self.gate(tokens)))
        return scores.softmax(dim=1)
