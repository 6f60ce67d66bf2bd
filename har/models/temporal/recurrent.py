"""What the recurrent networks over frames share."""

from typing import ClassVar

import torch
from torch import Tensor, nn


class RecurrentPooling(nn.Module):
    """Reads the frames in order, joints averaged, and hands on the last state.

    Args:
        in_channels: features a frame and joint.
        hidden_channels: size of the state in each direction.
        layers: stacked networks.
        bidirectional: read backwards too; the two last states are concatenated.
        dropout: rate between the layers; has no effect with one.
    """

    network_class: ClassVar[type[nn.LSTM] | type[nn.GRU]]

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int = 256,
        layers: int = 1,
        bidirectional: bool = True,
        dropout: float = 0.0,
    ):
        super().__init__()
        self.network = self.network_class(
            in_channels,
            hidden_channels,
            layers,
            batch_first=True,
            bidirectional=bidirectional,
            dropout=dropout if layers > 1 else 0.0,
        )
        self.directions = 2 if bidirectional else 1
        self.out_channels = hidden_channels * self.directions

    def forward(self, x: Tensor) -> Tensor:
        """Map (P, T, V, C) to (P, out_channels)."""
        _, state = self.network(x.mean(dim=2))
        last = state[0] if isinstance(state, tuple) else state
        return torch.cat(last[-self.directions :].unbind(0), dim=-1)
