"""MLP: a baseline that sees how the joints are spread in each part of a clip.

No paper. The clip is cut into a few equal parts; the mean and the standard deviation of every
coordinate in each part go through fully connected layers. What it does not reach says how much
the order of single frames and the bones matter.
"""

import torch
from torch import Tensor, nn

from har.errors import ConfigError
from har.models.checks import check_least
from har.models.layers import ChannelsLastBatchNorm
from har.skeleton.layout import Layout

SMALLEST_VARIANCE = 1e-8
"""Added so that a joint that rests has a gradient."""


class MLP(nn.Module):
    """Multi-layer perceptron on pooled joints.

    Args:
        layout: joints of the input.
        in_channels: C of the input.
        segments: equal parts of the clip; short clips fill several parts with one frame.
        width: features of each hidden layer.
        depth: number of hidden layers.
        dropout: rate after each hidden layer.

    The output has ``out_channels`` features a person, one frame and one joint.

    Raises:
        ConfigError: no segment.
    """

    def __init__(
        self,
        layout: Layout,
        in_channels: int = 3,
        segments: int = 4,
        width: int = 512,
        depth: int = 2,
        dropout: float = 0.3,
    ):
        super().__init__()
        check_least(segments=segments)
        self.segments = segments
        channels = 2 * segments * layout.num_joints * in_channels
        layers: list[nn.Module] = [ChannelsLastBatchNorm(channels)]
        for _ in range(depth):
            layers += [nn.Linear(channels, width), ChannelsLastBatchNorm(width)]
            layers += [nn.GELU(), nn.Dropout(dropout)]
            channels = width
        self.layers = nn.Sequential(*layers)
        self.out_channels = channels

    def forward(self, x: Tensor) -> Tensor:
        """Map joints (P, T, V, C) of P people to features (P, 1, 1, out_channels).

        Raises:
            ConfigError: a single person to train on.
        """
        if self.training and len(x) == 1:
            raise ConfigError(
                "the MLP normalises over the people of a batch, and this one has a single person: "
                "raise data.batch_size"
            )
        return self.layers(self.pooled(x)[:, None, None])

    def pooled(self, x: Tensor) -> Tensor:
        """Return (P, 2 * segments * V * C): means, then standard deviations, of each part."""
        tracks, frames = x.flatten(2), x.shape[1]
        bounds = [
            (i * frames // self.segments, ((i + 1) * frames + self.segments - 1) // self.segments)
            for i in range(self.segments)
        ]
        parts = [torch.var_mean(tracks[:, a:b], dim=1, correction=0) for a, b in bounds]
        spreads = [(variance + SMALLEST_VARIANCE).sqrt() for variance, _ in parts]
        return torch.cat([*(mean for _, mean in parts), *spreads], dim=1)
