"""Consensus of segments, as in temporal segment networks.

Wang et al., Temporal Segment Networks: Towards Good Practices for Deep Action Recognition, ECCV
2016, https://arxiv.org/abs/1608.00859. There each segment votes with its class scores. Here the
evidence of a segment is its mean feature: under a linear head the average of the votes and the vote
of the average are the same.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from har.errors import ConfigError
from har.models.temporal.attention import AttentionPooling


class SegmentConsensus(nn.Module):
    """Mean over joints and over the frames of each segment, then agreement of the segments.

    The segments are of equal length; where the frames do not divide evenly, neighbours share one,
    and where there are fewer frames than segments, segments share all of theirs.

    Args:
        in_channels: features a frame and joint.
        segments: number of stretches of the clip.
        consensus: "average", "max", or "attention", which learns how much a segment counts.
        hidden_channels: width of the attention's network.
    """

    def __init__(
        self,
        in_channels: int,
        segments: int = 3,
        consensus: Literal["average", "max", "attention"] = "average",
        hidden_channels: int = 64,
    ):
        super().__init__()
        if segments < 1:
            raise ConfigError(f"segments={segments}: give 1 or more.")
        self.segments = segments
        self.consensus = consensus
        self.attention = (
            AttentionPooling(in_channels, hidden_channels, heads=1)
            if consensus == "attention"
            else None
        )
        self.out_channels = in_channels

    def forward(self, x: Tensor) -> Tensor:
        """Map (P, T, V, C) to (P, C)."""
        frames, count = x.mean(dim=2), x.shape[1]
        evidence = torch.stack(
            [
                frames[:, i * count // self.segments : self._end(i, count)].mean(dim=1)
                for i in range(self.segments)
            ],
            dim=1,
        )
        if self.attention is not None:
            return self.attention(evidence.unsqueeze(2))
        return evidence.amax(dim=1) if self.consensus == "max" else evidence.mean(dim=1)

    def _end(self, segment: int, frames: int) -> int:
        """Return the frame behind a segment; segments share a frame where they do not fit."""
        return ((segment + 1) * frames + self.segments - 1) // self.segments
