"""A long short-term memory over frames.

Hochreiter and Schmidhuber, Long Short-Term Memory, Neural Computation 9(8), 1997
"""

from torch import nn

from har.models.temporal.recurrent import RecurrentPooling


class LSTMPooling(RecurrentPooling):
    """Last hidden state of an LSTM; the parameters are those of ``RecurrentPooling``."""

    network_class = nn.LSTM
