"""Early fusion: the streams are stacked along the channels before one backbone."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class EarlyFusion(nn.Module):
    """Concatenates streams along channels.

    Args:
        stream_channels: C of each stream by name, in the order of concatenation.
    """

    def __init__(self, stream_channels: Mapping[str, int]):
        super().__init__()
        self.names = tuple(stream_channels)
        self.out_channels = sum(stream_channels.values())

    def forward(self, streams: Mapping[str, Tensor]) -> Tensor:
        """Map streams of (N, M, T, V, C) each to (N, M, T, V, sum of C)."""
        if len(self.names) == 1:
            return streams[self.names[0]]
        return torch.cat([streams[name] for name in self.names], dim=-1)
