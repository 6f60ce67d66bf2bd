"""Fusion by embedding: each stream is brought to a common width by a network of its own and added.

Zhang et al., Semantics-Guided Neural Networks for Efficient Skeleton-Based Human Action
Recognition, CVPR 2020, https://arxiv.org/abs/1904.01189, join positions and velocities so.
"""

from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional as F


class StreamEmbedding(nn.Module):
    """Two linear layers a stream and ReLU after each.

    Args:
        channels: width after the first layer and after the second.
    """

    def __init__(self, in_channels: int, channels: int):
        super().__init__()
        self.widen = nn.Linear(in_channels, channels)
        self.mix = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.mix(F.relu(self.widen(x))))


class EmbeddingFusion(nn.Module):
    """Adds up the embeddings of the streams, joint by joint.

    The input of the backbone has the same width for any streams, and streams of different scale do
    not have to share its first layer.

    Args:
        stream_channels: C of each stream by name.
        channels: width of the embeddings.
    """

    def __init__(self, stream_channels: Mapping[str, int], channels: int = 32):
        super().__init__()
        self.embeddings = nn.ModuleDict(
            {name: StreamEmbedding(width, channels) for name, width in stream_channels.items()}
        )
        self.out_channels = channels

    def forward(self, streams: Mapping[str, Tensor]) -> Tensor:
        """Map streams of (N, M, T, V, C) each to (N, M, T, V, channels)."""
        embedded = [embed(streams[name]) for name, embed in self.embeddings.items()]
        total = embedded[0]
        for one in embedded[1:]:
            total = total + one
        return total
