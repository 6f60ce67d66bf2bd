"""The memory of a step-wise model: rings of the latest maps, and means that run along.

Letters: P rows, each one person; K frames of one layer in one step; V joints; C channels.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from har.export.stepwise.clock import Clock, Moment, Reading, Share, Timing, Writing

STATE, NEXT = "state.", "next."
"""How inputs that hold a state begin, and the outputs that hold it after the step."""


class Tape:
    """The states of one step: those that came in, those that go out, and what the time says.

    Args:
        states: by name.
        moments: what the clock of the model says.
    """

    def __init__(self, states: Mapping[str, Tensor], moments: Mapping[Moment, Tensor]):
        self.states = dict(states)
        self.updated: dict[str, Tensor] = {}
        self.moments = moments


class Stateful(nn.Module):
    """Keeps one tensor from step to step; ``name_states`` gives it a name.

    Args:
        shape: of the tensor for one row.
        in_place: a step only writes to it, so that one memory serves before and after.

    Attributes:
        moments: what it asks the clock for.
    """

    name = ""

    def __init__(self, shape: tuple[int, ...], in_place: bool = False):
        super().__init__()
        self.shape, self.in_place = shape, in_place
        self.moments: list[Moment] = []


class Memory(Stateful):
    """Keeps the latest maps of a layer in a ring, so that a step writes only what is new.

    Maps from before the stream are not written: there the ring has the zeros that it began with.

    Args:
        frames: how many maps of earlier steps are needed.
        pieces: of a map that can be read apart, such as its joints.
        channels: of a piece.
        timing: of the layer.
    """

    def __init__(self, frames: int, pieces: int, channels: int, timing: Timing):
        self.size, self.timing = frames + timing.frames, timing
        super().__init__((self.size + 1, pieces, channels), in_place=True)
        self.written = Writing(timing, self.size)
        self.moments.append(self.written)

    def reader(
        self, places: np.ndarray, pieces: np.ndarray, shape: tuple[int, ...] = ()
    ) -> Reading:
        """Return what ``read`` needs to read some pieces.

        Args:
            places: which maps; 0 is the oldest that is kept, ``size`` - 1 the newest.
            pieces: which of each; broadcasts with ``places`` to all that is read.
            shape: of what is read but for the channels, the rows in its first axis; default
                (P, all).
        """
        steps, which = np.broadcast_arrays(places + self.timing.frames, pieces)
        entries = tuple(zip(steps.ravel().tolist(), which.ravel().tolist(), strict=True))
        reading = Reading(self.timing.divisor, self.size, entries, shape)
        self.moments.append(reading)
        return reading

    def forward(self, tape: Tape, x: Tensor) -> Tensor:
        """Take the maps of this step, of any shape in the order (P, K, pieces, C).

        Returns:
            The ring, for ``read``.
        """
        maps = x.reshape(-1, self.timing.frames, *self.shape[1:])
        ring: Tensor = WriteAt.apply(tape.states[self.name], tape.moments[self.written], maps)
        tape.updated[self.name] = ring
        return ring


def read(tape: Tape, ring: Tensor, reading: Reading) -> Tensor:
    """Return pieces of a ring, (*reading.shape, C)."""
    found: Tensor = ReadAt.apply(ring, tape.moments[reading])
    return found


class ReadAt(torch.autograd.Function):
    """Reads a tensor at places (..., n), each the indices of its first n axes."""

    @staticmethod
    def symbolic(graph: Any, kept: Any, places: Any) -> Any:
        """Return the node of the graph."""
        return graph.op("GatherND", kept, places, batch_dims_i=0)

    @staticmethod
    def forward(ctx: Any, kept: Tensor, places: Tensor) -> Tensor:  # noqa: ARG004
        """Return what is there, (..., *rest)."""
        return kept[tuple(places.unbind(-1))]


class WriteAt(torch.autograd.Function):
    """Writes new values in a tensor at places (..., n), each the indices of its first n axes."""

    @staticmethod
    def symbolic(graph: Any, kept: Any, places: Any, new: Any) -> Any:
        """Return the node of the graph."""
        return graph.op("ScatterND", kept, places, new)

    @staticmethod
    def forward(ctx: Any, kept: Tensor, places: Tensor, new: Tensor) -> Tensor:  # noqa: ARG004
        """Return the tensor with the new values (..., *rest)."""
        return kept.index_put(tuple(places.unbind(-1)), new)


class RunningMean(Stateful):
    """Mean over time, of all frames up to ``window``, and from then on with slow forgetting.

    A frame that comes as the n-th has the share 1 / min(n, window). Over a stream of up to
    ``window`` frames the last value is the plain mean.

    Args:
        window: in frames of the layer.
        shape: (A, B) of what is averaged.
        timing: of the layer.
    """

    def __init__(self, window: int, shape: tuple[int, int], timing: Timing):
        super().__init__((1, *shape))
        step = 1 if timing.hop == 1 else timing.rate
        self.share = Share(tuple(timing.offsets), step, window)
        self.moments.append(self.share)
        self.frozen = False

    def forward(self, tape: Tape, x: Tensor) -> Tensor:
        """Take (P, K, A, B) in and return the mean (P, 1, A, B)."""
        mean = tape.states[self.name]
        if not self.frozen:
            change = (x - mean) * tape.moments[self.share]
            if len(self.share.offsets) > 1:
                change = change.sum(1, keepdim=True)
            mean = mean + change
        tape.updated[self.name] = mean
        return mean


def name_states(model: nn.Module) -> dict[str, tuple[int, ...]]:
    """Name every state after the place of its module; return their shapes for one row."""
    shapes = {}
    for name, module in model.named_modules():
        if isinstance(module, Stateful):
            module.name = name
            shapes[name] = module.shape
    return shapes


def clock_of(model: nn.Module, hop: int) -> Clock:
    """Return the clock that says all that the parts of a model ask for."""
    parts = [module for module in model.modules() if isinstance(module, Stateful)]
    return Clock([moment for part in parts for moment in part.moments], hop)
