"""A gated recurrent unit over frames.

Cho et al., Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine
Translation, EMNLP 2014, https://arxiv.org/abs/1406.1078
"""

from torch import nn

from har.models.temporal.recurrent import RecurrentPooling


class GRUPooling(RecurrentPooling):
    """Last hidden state of a GRU; the parameters are those of ``RecurrentPooling``."""

    network_class = nn.GRU
