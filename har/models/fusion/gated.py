"""Fusion by gates: streams stacked as in early fusion, each scaled by how useful it looks.

The gates follow Hu et al., Squeeze-and-Excitation Networks, CVPR 2018,
https://arxiv.org/abs/1709.01507, with one gate a stream in place of one a channel.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class GatedFusion(nn.Module):
    """Concatenates streams along channels, each times a gate in (0, 2) of its person.

    A small network sees how much each channel varies, its mean square over frames and joints, and
    gives the gates. They start at 1, where this is early fusion.

    Args:
        stream_channels: C of each stream by name, in the order of concatenation.
        hidden_channels: width of the network.
    """

    stream_of_channel: Tensor

    def __init__(self, stream_channels: Mapping[str, int], hidden_channels: int = 16):
        super().__init__()
        self.names = tuple(stream_channels)
        self.out_channels = sum(stream_channels.values())
        self.squeeze = nn.Linear(self.out_channels, hidden_channels)
        self.excite = nn.Linear(hidden_channels, len(self.names))
        nn.init.zeros_(self.excite.weight)
        nn.init.zeros_(self.excite.bias)
        widths = torch.tensor([stream_channels[name] for name in self.names])
        stream_of_channel = torch.arange(len(self.names)).repeat_interleave(widths)
        self.register_buffer("stream_of_channel", stream_of_channel, persistent=False)

    def forward(self, streams: Mapping[str, Tensor]) -> Tensor:
        """Map streams of (N, M, T, V, C) each to (N, M, T, V, sum of C)."""
        stacked = torch.cat([streams[name] for name in self.names], dim=-1)
        gates = 2 * torch.sigmoid(self._score(stacked))
        return stacked * gates[..., self.stream_of_channel][:, :, None, None]

    def _score(self, stacked: Tensor) -> Tensor:
        variation = torch.log1p(stacked.square().mean(dim=(2, 3)))
        return self.excite(F.relu(self.squeeze(variation)))
