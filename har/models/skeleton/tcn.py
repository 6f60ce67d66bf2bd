"""TCN: Interpretable 3D Human Action Analysis with Temporal Convolutional Networks.

Kim and Reiter, CVPR Workshops 2017, https://arxiv.org/abs/1704.04516; the dilations as in Bai et
al., 2018, https://arxiv.org/abs/1803.01271

A baseline: each frame is one vector of all its joints, and residual blocks of two dilated
convolutions look along time, to both sides of a frame. Normalisation and activation come before
each convolution.
"""

from torch import Tensor, nn
from torch.nn import functional as F

from har.models.checks import check_odd
from har.models.layers import ChannelsLastBatchNorm, TemporalConv
from har.skeleton.layout import Layout


class Block(nn.Module):
    """Two dilated convolutions with a residual around them."""

    def __init__(self, width: int, kernel_size: int, dilation: int, dropout: float):
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(2):
            layers += [
                ChannelsLastBatchNorm(width),
                nn.ReLU(),
                nn.Dropout(dropout),
                TemporalConv(width, width, kernel_size, dilation=dilation, bias=False),
            ]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class TCN(nn.Module):
    """Temporal convolutional network over the frames.

    Args:
        layout: joints of the input.
        in_channels: C of the input.
        width: features a frame.
        kernel_size: odd number of frames a convolution sees.
        dilations: of the two convolutions of each block.
        dropout: rate before each convolution.

    The output has ``out_channels`` features a person and frame, and one joint.

    Raises:
        ConfigError: an even kernel.
    """

    def __init__(
        self,
        layout: Layout,
        in_channels: int = 3,
        width: int = 192,
        kernel_size: int = 3,
        dilations: tuple[int, ...] = (1, 2, 4, 8),
        dropout: float = 0.2,
    ):
        super().__init__()
        check_odd(kernel_size=kernel_size)
        channels = layout.num_joints * in_channels
        self.data_norm = ChannelsLastBatchNorm(channels)
        self.embed = nn.Linear(channels, width)
        self.blocks = nn.Sequential(*(Block(width, kernel_size, d, dropout) for d in dilations))
        self.norm = ChannelsLastBatchNorm(width)
        self.out_channels = width

    def forward(self, x: Tensor) -> Tensor:
        """Map joints (P, T, V, C) of P people to features (P, T, 1, out_channels)."""
        frames = self.embed(self.data_norm(x.flatten(2).unsqueeze(2)))
        return F.relu(self.norm(self.blocks(frames)))
