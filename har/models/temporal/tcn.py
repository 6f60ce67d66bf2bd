"""Dilated temporal convolutions over frames.

Bai et al., An Empirical Evaluation of Generic Convolutional and Recurrent Networks for Sequence
Modeling, 2018, https://arxiv.org/abs/1803.01271. Here they look both ways in time, since the whole
clip is known, and layer normalisation keeps every clip independent of its batch.
"""

from torch import Tensor, nn
from torch.nn import functional as F

from har.models.checks import check_odd
from har.models.layers import TemporalConv


class TCNPooling(nn.Module):
    """Residual convolutions with dilation 1, 2, 4, ..., joints averaged; then the mean over frames.

    Args:
        in_channels: features a frame and joint.
        hidden_channels: width of the convolutions.
        levels: number of convolutions; the last sees ``kernel_size * 2**(levels - 1)`` frames
            around its own, or more.
        kernel_size: odd number of frames.
        dropout: rate after each convolution.
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int = 256,
        levels: int = 3,
        kernel_size: int = 3,
        dropout: float = 0.0,
    ):
        super().__init__()
        check_odd(kernel_size=kernel_size)
        self.reduce = nn.Linear(in_channels, hidden_channels)
        self.norms = nn.ModuleList(nn.LayerNorm(hidden_channels) for _ in range(levels))
        self.convolutions = nn.ModuleList(
            TemporalConv(hidden_channels, hidden_channels, kernel_size, dilation=2**level)
            for level in range(levels)
        )
        self.dropout = nn.Dropout(dropout)
        self.out_channels = hidden_channels

    def forward(self, x: Tensor) -> Tensor:
        """Map (P, T, V, C) to (P, out_channels)."""
        frames = self.reduce(x.mean(dim=2, keepdim=True))
        for norm, convolution in zip(self.norms, self.convolutions, strict=True):
            frames = frames + self.dropout(convolution(F.relu(norm(frames))))
        return frames.mean(dim=(1, 2))
