"""The memory of a step-wise model, and when each of its layers is where in the stream.

Letters: P rows, each one person; K frames of one layer in one step; V joints; C channels.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

STATE, NEXT = "state.", "next."
"""How inputs that hold a state begin, and the outputs that hold it after the step."""


@dataclass(frozen=True)
class Timing:
    """Which frames of the stream a layer works on in one step.

    A convolution along time looks ahead, so a layer is behind the newest frame. A layer behind a
    stride works on every second or fourth frame only. Steps of one frame serve all phases: then
    such a layer works on each frame, and its taps are that far apart.

    Attributes:
        hop: frames of the stream that one step brings: 1, or a multiple of all strides together.
        rate: frames of the stream between two frames of the layer.
        delay: frames of the stream by which the layer is behind.
    """

    hop: int
    rate: int = 1
    delay: int = 0

    @property
    def frames(self) -> int:
        """K, how many frames of the layer one step brings."""
        return max(1, self.hop // self.rate)

    @property
    def divisor(self) -> int:
        """Frames of the stream that make one map of the layer in a step."""
        return self.hop // self.frames

    @property
    def spacing(self) -> int:
        """How many of the layer's maps lie between two frames that belong to the same phase."""
        return self.rate if self.hop == 1 else 1

    def later(self, frames: int) -> "Timing":
        """Return the timing that many frames of the layer behind."""
        return replace(self, delay=self.delay + frames * self.rate)

    def reduced(self, stride: int) -> tuple["Timing", int]:
        """Return the timing behind a stride, and how many frames it waits to be in step."""
        rate = self.rate * stride
        if self.hop == 1:
            return replace(self, rate=rate), 0
        wait = (-self.delay % rate) // self.rate
        return Timing(self.hop, rate, self.delay + wait * self.rate), wait

    def positions(self, seen: Tensor) -> Tensor:
        """Return the frame of the stream that each map of the step is, (P, K); negative before it.

        Args:
            seen: (P,) frames of the stream before this step.
        """
        places = [number * self.rate - self.delay for number in range(self.frames)]
        return seen[:, None] + torch.tensor(places, device=seen.device)

    def counted(self, seen: Tensor) -> Tensor:
        """Return how many maps of the stream came so far, with this step, (P,)."""
        step = 1 if self.hop == 1 else self.rate
        last = self.positions(seen)[:, -1]
        return (torch.div(last, step, rounding_mode="floor") + 1).clamp(min=0)


class Tape:
    """The states of one step: those that came in, and those that go out."""

    def __init__(self, seen: Tensor, states: Mapping[str, Tensor]):
        self.seen = seen
        self.states = dict(states)
        self.updated: dict[str, Tensor] = {}
        self._known: dict[tuple[Any, ...], Tensor] = {}

    def valid(self, timing: Timing, like: Tensor) -> Tensor:
        """Return 1 for the maps of a layer that lie in the stream, 0 before it; as (P, K, 1, ...).

        Args:
            timing: of the layer.
            like: (P, K, ...), gives dtype and rank.
        """
        key = ("valid", timing, like.dtype, like.dim())
        if key not in self._known:
            inside = (timing.positions(self.seen) >= 0).to(like.dtype)
            self._known[key] = inside[(..., *[None] * (like.dim() - 2))]
        return self._known[key]

    def slots(self, timing: Timing, size: int, places: np.ndarray) -> Tensor:
        """Return the slots of a ring in which maps of a layer lie, (P, *places.shape).

        Args:
            timing: of the layer.
            size: of the ring.
            places: which maps; ``size`` - 1 is the newest of this step, 0 the oldest that is kept.
        """
        key = ("slots", timing.divisor, timing.frames, size, places.shape, places.tobytes())
        if key not in self._known:
            steps = self.seen
            if timing.divisor > 1:
                steps = torch.div(steps, timing.divisor, rounding_mode="trunc")
            after = torch.from_numpy(places + timing.frames)
            self._known[key] = (steps.view(-1, *[1] * places.ndim) + after) % size
        return self._known[key]

    def places(self, timing: Timing, size: int) -> Tensor:
        """Return where in rings of a size the maps of this step go: row and slot, (P, K, 2)."""
        key = ("places", timing.divisor, timing.frames, size)
        if key not in self._known:
            slots = self.slots(timing, size, np.arange(size - timing.frames, size))
            self._known[key] = torch.stack([self.rows(timing.frames), slots], dim=-1)
        return self._known[key]

    def rows(self, maps: int) -> Tensor:
        """Return the number of each row, (P, maps)."""
        key = ("rows", maps)
        if key not in self._known:
            rows = torch.arange(self.seen.shape[0], device=self.seen.device)
            self._known[key] = rows[:, None].expand(-1, maps)
        return self._known[key]


class Stateful(nn.Module):
    """A module that keeps one tensor from step to step; ``name_states`` gives it a name.

    Args:
        shape: of the tensor for one row.
    """

    name = ""

    def __init__(self, shape: tuple[int, ...]):
        super().__init__()
        self.shape = shape


class Memory(Stateful):
    """Keeps the latest maps of a layer in a ring, so that a step writes only what is new.

    Args:
        frames: how many maps of earlier steps are needed.
        shape: of one map.
        timing: of the layer.
    """

    def __init__(self, frames: int, shape: tuple[int, ...], timing: Timing):
        self.frames, self.timing = frames, timing
        self.size = frames + timing.frames
        super().__init__((self.size if frames else 0, *shape))

    def forward(self, tape: Tape, x: Tensor) -> "Recent":
        """Take the maps of this step, (P, K, ...); return them with those before."""
        if self.frames == 0:
            return Recent(tape, self, x)
        places = tape.places(self.timing, self.size)
        ring: Tensor = _WriteRing.apply(tape.states[self.name], places, x)
        tape.updated[self.name] = ring
        return Recent(tape, self, ring)


class Recent:
    """The latest maps of a layer: those that a memory kept, and behind them those of this step."""

    def __init__(self, tape: Tape, memory: Memory, ring: Tensor):
        self._tape, self._memory, self._ring = tape, memory, ring

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one map."""
        return self._memory.shape[1:]

    def take(self, places: np.ndarray) -> Tensor:
        """Return maps (P, *places.shape, ...); 0 is the oldest, ``memory.size`` - 1 the newest."""
        memory = self._memory
        if memory.frames > 0:
            slots = self._tape.slots(memory.timing, memory.size, places)
            found: Tensor = _ReadRing.apply(self._ring, slots[..., None])
            return found
        if np.array_equal(places, np.arange(memory.size)):
            return self._ring
        return self._ring[:, torch.from_numpy(places)]

    def all(self) -> Tensor:
        """Return all maps in order, (P, size, ...)."""
        return self.take(np.arange(self._memory.size))


class _ReadRing(torch.autograd.Function):
    """Reads slots (P, ..., 1) of rings (P, F, ...)."""

    @staticmethod
    def symbolic(graph: Any, ring: Any, slots: Any) -> Any:
        return graph.op("GatherND", ring, slots, batch_dims_i=1)

    @staticmethod
    def forward(ctx: Any, ring: Tensor, slots: Tensor) -> Tensor:  # noqa: ARG004
        rows = torch.arange(len(ring)).view(-1, *[1] * (slots.dim() - 2))
        return ring[rows, slots[..., 0]]


class _WriteRing(torch.autograd.Function):
    """Writes maps (P, K, ...) in slots (P, K, 2), each a row and a place in it, of rings."""

    @staticmethod
    def symbolic(graph: Any, ring: Any, slots: Any, maps: Any) -> Any:
        return graph.op("ScatterND", ring, slots, maps)

    @staticmethod
    def forward(ctx: Any, ring: Tensor, slots: Tensor, maps: Tensor) -> Tensor:  # noqa: ARG004
        return ring.index_put((slots[..., 0], slots[..., 1]), maps)


class RunningMean(Stateful):
    """Mean over time, of all frames up to ``window``, and from then on with slow forgetting.

    A frame that comes as the n-th has the share 1 / min(n, window). Over a stream of up to
    ``window`` frames the last value is the plain mean.

    Args:
        window: in frames of the layer.
        shape: of what is averaged.
        timing: of the layer.
    """

    def __init__(self, window: int, shape: tuple[int, ...], timing: Timing):
        super().__init__(shape)
        self.window = window
        self.timing = timing
        self.frozen = False

    def forward(self, tape: Tape, x: Tensor) -> Tensor:
        """Take (P, K, ...) in and return the mean (P, ...)."""
        mean = tape.states[self.name]
        if not self.frozen:
            mean = mean + self._change(tape, x, mean)
        tape.updated[self.name] = mean
        return mean

    def _change(self, tape: Tape, x: Tensor, mean: Tensor) -> Tensor:
        inside = tape.valid(self.timing, x)
        share = (self.timing.counted(tape.seen).clamp(1, self.window)).to(x.dtype)
        change = ((x - mean[:, None]) * inside).sum(1)
        return change / share.view(-1, *[1] * (change.dim() - 1))


def name_states(model: nn.Module) -> dict[str, tuple[int, ...]]:
    """Name every state after the place of its module; return their shapes for one row."""
    shapes = {}
    for name, module in model.named_modules():
        if isinstance(module, Stateful) and 0 not in module.shape:
            module.name = name
            shapes[name] = module.shape
    return shapes
