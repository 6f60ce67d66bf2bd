"""Maximum over frames."""

from torch import Tensor, nn


class MaxOverFrames(nn.Module):
    """Strongest response in time: mean over joints, then the maximum over frames.

    It suits actions that are short against the clip, such as a fall.

    Args:
        in_channels: features a frame and joint.
    """

    def __init__(self, in_channels: int):
        super().__init__()
        self.out_channels = in_channels

    def forward(self, x: Tensor) -> Tensor:
        """Map (P, T, V, C) to (P, C)."""
        return x.mean(dim=2).amax(dim=1)
