"""The memory of a step-wise model, and when each of its layers is where in the stream.

Letters: P rows, each one person; K frames of one layer in one step; V joints; C channels.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

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

    def valid(self, timing: Timing, like: Tensor) -> Tensor:
        """Return 1 for the maps of a layer that lie in the stream, 0 before it; as (P, K, 1, ...).

        Args:
            timing: of the layer.
            like: (P, K, ...), gives dtype and rank.
        """
        inside = (timing.positions(self.seen) >= 0).to(like.dtype)
        return inside[(..., *[None] * (like.dim() - 2))]


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
    """Hands on the maps of a step behind the latest ones of the steps before.

    Args:
        frames: how many of the latest maps it keeps.
        shape: of one map.
    """

    def __init__(self, frames: int, shape: tuple[int, ...]):
        super().__init__((frames, *shape))
        self.frames = frames

    def forward(self, tape: Tape, x: Tensor) -> Tensor:
        """Map (P, K, ...) to (P, frames + K, ...)."""
        if self.frames == 0:
            return x
        window = torch.cat([tape.states[self.name], x], dim=1)
        tape.updated[self.name] = window[:, -self.frames :]
        return window


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
