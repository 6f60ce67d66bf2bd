"""Stands where a backbone would, for clips whose features were computed before."""

from torch import Tensor, nn


class PrecomputedFeatures(nn.Module):
    """Has no weights.

    Args:
        channels: C of the features.
    """

    mean = (0.0, 0.0, 0.0)
    std = (1.0, 1.0, 1.0)

    def __init__(self, channels: int):
        super().__init__()
        self.out_channels = channels

    def forward(self, x: Tensor) -> Tensor:
        return x
