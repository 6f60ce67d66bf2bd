"""Heads: from one feature vector a clip to class scores."""

from torch import Tensor, nn


class LinearHead(nn.Module):
    """Dropout and one linear layer.

    Args:
        in_channels: features a clip.
        num_classes: scores a clip.
        dropout: rate before the layer.
        init_std: standard deviation of the initial weights.
    """

    def __init__(
        self, in_channels: int, num_classes: int, dropout: float = 0.0, init_std: float = 0.01
    ):
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(in_channels, num_classes)
        nn.init.normal_(self.linear.weight, std=init_std)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C) to logits (N, num_classes)."""
        return self.linear(self.dropout(x))
