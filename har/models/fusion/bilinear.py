"""Low-rank bilinear fusion: the product of one projection of each stream.

Kim et al., Hadamard Product for Low-rank Bilinear Pooling, ICLR 2017,
https://arxiv.org/abs/1610.04325
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class BilinearFusion(nn.Module):
    """Multiplies projections of the streams, and projects the product.

    Args:
        stream_channels: C of each stream by name.
        rank: width of the projections.
        channels: C of the output.
    """

    def __init__(self, stream_channels: Mapping[str, int], rank: int = 128, channels: int = 128):
        super().__init__()
        self.projections = nn.ModuleDict(
            {name: nn.Linear(width, rank) for name, width in stream_channels.items()}
        )
        self.join = nn.Linear(rank, channels)
        self.out_channels = channels

    def forward(self, streams: Mapping[str, Tensor]) -> Tensor:
        """Map streams of (N, M, T, V, C) each to (N, M, T, V, channels)."""
        factors = [torch.tanh(project(streams[name])) for name, project in self.projections.items()]
        product = factors[0]
        for factor in factors[1:]:
            product = product * factor
        return self.join(product)
