"""A head with one hidden layer."""

from typing import Literal

from torch import Tensor, nn

from har.errors import ConfigError

ACTIVATIONS = {"none": nn.Identity, "relu": nn.ReLU, "gelu": nn.GELU}


class MLPHead(nn.Module):
    """Two linear layers: the head of AcT.

    Args:
        in_channels: features a clip.
        num_classes: scores a clip.
        hidden: features between the layers.
        activation: between the layers. AcT's own code has none.
        dropout: rate before each layer.

    Raises:
        ConfigError: if there is no such activation.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        hidden: int = 256,
        activation: Literal["none", "relu", "gelu"] = "none",
        dropout: float = 0.0,
    ):
        super().__init__()
        if activation not in ACTIVATIONS:
            raise ConfigError(
                f"unknown activation '{activation}'. Known: {', '.join(ACTIVATIONS)}."
            )
        self.layers = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(in_channels, hidden),
            ACTIVATIONS[activation](),
            nn.Dropout(dropout),
            nn.Linear(hidden, num_classes),
        )
        for module in self.layers:
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C) to logits (N, num_classes)."""
        return self.layers(x)
