"""Step forms of what looks along time: one convolution, and the way around a block.

The maps of all rows, frames and joints are one axis N, in the order (P, K, V), so that layers are
plain matrix products.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from har.export.stepwise.clock import Timing
from har.export.stepwise.linear import bias_of, dense, scale_and_offset, taps_of
from har.export.stepwise.state import Memory, Tape, read
from har.models.layers import TemporalConv
from har.models.temporal_modules import UnitTemporalConv


@dataclass(frozen=True)
class Window:
    """The frames that a temporal module sees in one step, and which of them it is centred on.

    Attributes:
        reach: frames of the layer to each side.
        stride: of the module.
        before: timing of what comes in.
        after: timing of what goes out.
        wait: frames that it waits to be in step with the stride.
    """

    reach: int
    stride: int
    before: Timing
    after: Timing
    wait: int

    @classmethod
    def of(cls, before: Timing, reach: int, stride: int) -> "Window":
        """Return the window of a module with that reach and stride."""
        after, wait = before.later(reach).reduced(stride)
        return cls(reach, stride, before, after, wait)

    @property
    def memory(self) -> int:
        """How many maps of earlier steps it needs."""
        return 2 * self.reach * self.before.spacing + self.wait

    def at(self, offsets: Sequence[int]) -> np.ndarray:
        """Return where the frames lie that are so far from the centres, (K', offsets)."""
        step = self.stride if self.before.hop > 1 else 1
        starts = (self.reach + np.array(offsets)) * self.before.spacing
        return np.arange(self.after.frames)[:, None] * step + starts


class StepConvolution(nn.Module):
    """Step form of a convolution along time: one matrix product of the maps under its taps.

    Args:
        module: centred, with an activation behind or none.
        pieces: pieces of a map that are convolved apart, such as its joints.
        timing: of what comes in.
    """

    def __init__(self, module: UnitTemporalConv, pieces: int, timing: Timing):
        super().__init__()
        assert isinstance(module.conv, TemporalConv)
        offsets, weight = taps_of(module.conv)
        bias = bias_of(module.conv.conv)
        scale, offset = scale_and_offset(module.norm, bias)
        self.product = dense((weight * scale).flatten(0, 1).T, bias * scale + offset)
        self.act = module.act
        window = Window.of(timing, offsets[-1], module.stride)
        self.after = window.after
        self.memory = Memory(window.memory, pieces, weight.shape[1], timing)
        places = window.at(offsets)[:, None]
        self.taps = self.memory.reader(places, np.arange(pieces)[:, None], (-1, len(offsets)))
        self.centre = len(offsets) // 2

    def forward(self, tape: Tape, x: Tensor) -> Tensor:
        """Map (N, C) to (N', C')."""
        return self.convolve(self.look(tape, x))

    def look(self, tape: Tape, x: Tensor) -> Tensor:
        """Take (N, C) in and return what lies under the taps, (N', taps, C)."""
        return read(tape, self.memory(tape, x), self.taps)

    def convolve(self, taps: Tensor) -> Tensor:
        """Map what lies under the taps to (N', C')."""
        return self.act(self.product(taps.flatten(1)))


class Delay(nn.Module):
    """Gives maps back later.

    Args:
        joints, channels: V and C.
        before: timing of the maps.
        after: timing at which they are wanted; may be of a slower rate.
    """

    def __init__(self, joints: int, channels: int, before: Timing, after: Timing):
        super().__init__()
        dense_steps = before.hop == 1
        frames = (after.delay - before.delay) // (1 if dense_steps else before.rate)
        self.memory = Memory(frames, joints, channels, before)
        step = 1 if dense_steps else after.rate // before.rate
        places = np.arange(after.frames)[:, None] * step
        self.late = self.memory.reader(places, np.arange(joints), (-1,))

    def forward(self, tape: Tape, x: Tensor) -> Tensor:
        """Map (N, C) to (N', C)."""
        return read(tape, self.memory(tape, x), self.late)
