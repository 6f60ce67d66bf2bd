"""Global average pooling over frames and joints."""

from torch import Tensor, nn


class GlobalAverage(nn.Module):
    """Mean over frames and joints, the choice of the graph convolution papers.

    Args:
        in_channels: features a frame and joint.
    """

    def __init__(self, in_channels: int):
        super().__init__()
        self.out_channels = in_channels

    def forward(self, x: Tensor) -> Tensor:
        """Map (P, T, V, C) to (P, C)."""
        return x.mean(dim=(1, 2))
