"""Recurrent: LSTM and GRU baselines that read a clip frame by frame.

Hochreiter and Schmidhuber, Neural Computation 1997; Cho et al., EMNLP 2014,
https://arxiv.org/abs/1406.1078

Each frame is one vector of all its joints. Every step gives a feature, and the temporal pooling
takes their mean, which trains more easily than the last state alone. With ``bidirectional`` off,
a frame's feature depends on the frames before it only, as live use needs.
"""

from typing import Literal

from torch import Tensor, nn

from har.errors import ConfigError, did_you_mean
from har.models.layers import ChannelsLastBatchNorm
from har.skeleton.layout import Layout

CELLS = {"lstm": nn.LSTM, "gru": nn.GRU}


class Recurrent(nn.Module):
    """LSTM or GRU over the frames.

    Args:
        layout: joints of the input.
        in_channels: C of the input.
        cell: "lstm" or "gru".
        width: features of the embedding and of each direction.
        layers: stacked recurrent layers.
        bidirectional: read from both ends.
        dropout: rate after the embedding, between the layers and after the last.

    The output has ``out_channels`` features a person and frame, and one joint.

    Raises:
        ConfigError: if there is no such cell.
    """

    def __init__(
        self,
        layout: Layout,
        in_channels: int = 3,
        cell: Literal["lstm", "gru"] = "lstm",
        width: int = 128,
        layers: int = 2,
        bidirectional: bool = True,
        dropout: float = 0.3,
    ):
        super().__init__()
        if cell not in CELLS:
            raise ConfigError(
                f"unknown cell '{cell}'. Known: {', '.join(CELLS)}.{did_you_mean(cell, CELLS)}"
            )
        channels = layout.num_joints * in_channels
        self.data_norm = ChannelsLastBatchNorm(channels)
        self.embed = nn.Sequential(nn.Linear(channels, width), nn.GELU(), nn.Dropout(dropout))
        self.recurrent = CELLS[cell](
            width,
            width,
            layers,
            batch_first=True,
            bidirectional=bidirectional,
            dropout=dropout if layers > 1 else 0.0,
        )
        self.dropout = nn.Dropout(dropout)
        self.out_channels = width * (2 if bidirectional else 1)
        _initialise(self.recurrent)

    def forward(self, x: Tensor) -> Tensor:
        """Map joints (P, T, V, C) of P people to features (P, T, 1, out_channels)."""
        frames = self.embed(self.data_norm(x.flatten(2).unsqueeze(2))).squeeze(2)
        return self.dropout(self.recurrent(frames)[0]).unsqueeze(2)


def _initialise(recurrent: nn.RNNBase) -> None:
    """Start the step from state to state orthogonal, and an LSTM's forget gate open."""
    for name, parameter in recurrent.named_parameters():
        if name.startswith("weight_hh"):
            for gate in parameter.data.chunk(parameter.shape[0] // recurrent.hidden_size):
                nn.init.orthogonal_(gate)
        elif name.startswith("weight_ih"):
            nn.init.xavier_uniform_(parameter)
        else:
            nn.init.zeros_(parameter)
            if isinstance(recurrent, nn.LSTM) and name.startswith("bias_ih"):
                nn.init.ones_(parameter.data[recurrent.hidden_size : 2 * recurrent.hidden_size])
