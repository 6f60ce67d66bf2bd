"""What a step needs to know of the time: where maps lie in the rings, how much a frame counts.

All of it follows from the frames seen so far, for all layers at once in a few operations on tables.
Letters: P rows, each one person; K frames of one layer in one step; V joints; C channels.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

NEVER_BEFORE = 1 << 40
"""Added to a position, it lies in the stream whatever was seen."""


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

    @property
    def offsets(self) -> list[int]:
        """Which frame of the stream each map of a step is, without the frames before the step."""
        return [number * self.rate - self.delay for number in range(self.frames)]

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
        return seen[:, None] + torch.tensor(self.offsets, device=seen.device)


@dataclass(frozen=True)
class Writing:
    """Where the maps of a step go in a ring.

    Attributes:
        timing: of the maps.
        size: of the ring. Behind its places is one that nobody reads, for maps from before the
            stream.
    """

    timing: Timing
    size: int


@dataclass(frozen=True)
class Reading:
    """Pieces of the maps in a ring.

    Attributes:
        divisor: see ``Timing``.
        size: of the ring.
        entries: of each piece, place of its map after the steps so far, and which of the map.
        shape: of what is read, the rows in its first axis; empty for (P, entries).
    """

    divisor: int
    size: int
    entries: tuple[tuple[int, int], ...]
    shape: tuple[int, ...] = ()


@dataclass(frozen=True)
class Share:
    """How much each map of a step counts in a mean: 1 / min(maps so far, window), 0 before all.

    Attributes:
        offsets: see ``Timing``; of the maps, the last the newest.
        step: frames of the stream between two maps that count.
        window: the most maps that count.
    """

    offsets: tuple[int, ...]
    step: int
    window: int


@dataclass(frozen=True)
class Due:
    """When graphs that follow the frames are made anew: at first in each step, then seldom.

    Attributes:
        timing: of the layer.
        every: steps between two times.
        phase: the step of them.
    """

    timing: Timing
    every: int
    phase: int


Moment = Writing | Reading | Share | Due


class Clock(nn.Module):
    """Works out what all layers ask for from the frames seen.

    Args:
        moments: what the layers ask for.
        hop: frames a step.
    """

    places: Tensor
    entries: Tensor
    shares: Tensor
    dues: Tensor

    def __init__(self, moments: Iterable[Moment], hop: int):
        super().__init__()
        known, self.hop = list(dict.fromkeys(moments)), hop
        self.writings = [moment for moment in known if isinstance(moment, Writing)]
        self.readings = [moment for moment in known if isinstance(moment, Reading)]
        self.counted = [moment for moment in known if isinstance(moment, Share)]
        self.renewed = [moment for moment in known if isinstance(moment, Due)]
        places = [
            (w.timing.divisor, w.size + k, w.size, offset)
            for w in self.writings
            for k, offset in enumerate(w.timing.offsets)
        ]
        self.written = len(places)
        numbers: dict[tuple[int, ...], int] = {}
        entries = []
        for reading in self.readings:
            for place, piece in reading.entries:
                key = (reading.divisor, place, reading.size, NEVER_BEFORE)
                entries.append((numbers.setdefault(key, len(numbers)), piece))
        shares = [(o, s.offsets[-1], s.step, s.window) for s in self.counted for o in s.offsets]
        dues = [(_first_step(d.timing), d.every, d.phase) for d in self.renewed]
        tables = {"places": [*places, *numbers], "entries": entries, "shares": shares, "dues": dues}
        for name, rows in tables.items():
            table = torch.tensor(rows, dtype=torch.int64).T if rows else torch.zeros(4, 0)
            self.register_buffer(name, table, persistent=False)

    def forward(self, seen: Tensor, dtype: torch.dtype) -> dict[Moment, Tensor]:
        """Return where to write (P, K, 2) and read (*shape, 3), shares (P, K, 1, 1), dues (P, 1).

        Args:
            seen: (P,) int64, frames of the stream before this step.
            dtype: of the shares.
        """
        seen = seen[:, None]
        found = {**self._rings(seen), **self._shares(seen, dtype)}
        return {**found, **self._dues(seen)} if self.renewed else found

    def _rings(self, seen: Tensor) -> dict[Moment, Tensor]:
        divisors, places, sizes, offsets = self.places
        slots = torch.where(seen + offsets >= 0, (_divided(seen, divisors) + places) % sizes, sizes)
        counts = [writing.timing.frames for writing in self.writings]
        written = _with_rows(slots[:, : self.written]).split(counts, 1)
        which, pieces = self.entries
        found = slots[:, self.written :][:, which]
        read = _with_rows(found, pieces.expand_as(found))
        parts = read.split([len(reading.entries) for reading in self.readings], 1)
        return {
            **dict(zip(self.writings, written, strict=True)),
            **{
                reading: part.reshape(*reading.shape, 3) if reading.shape else part
                for reading, part in zip(self.readings, parts, strict=True)
            },
        }

    def _shares(self, seen: Tensor, dtype: torch.dtype) -> dict[Moment, Tensor]:
        offsets, newest, steps, windows = self.shares
        counts = _divided((seen + (newest + steps)).clamp(min=0), steps)
        counts = torch.minimum(counts.clamp(min=1), windows)
        found = (seen + offsets >= 0).to(dtype) / counts.to(dtype)
        parts = found[..., None, None].split([len(s.offsets) for s in self.counted], 1)
        return dict(zip(self.counted, parts, strict=True))

    def _dues(self, seen: Tensor) -> dict[Moment, Tensor]:
        first, every, phase = self.dues
        steps = torch.div(seen, self.hop, rounding_mode="trunc")
        now = ((steps + phase) % every == 0) | (steps < first + every)
        parts = (now & (steps >= first)).long().split(1, 1)
        return dict(zip(self.renewed, parts, strict=True))


def _first_step(timing: Timing) -> int:
    """Return the first step that brings a map of the stream."""
    wait = -timing.offsets[-1]
    return max(0, -(-wait // timing.hop))


def _divided(numbers: Tensor, divisors: Tensor) -> Tensor:
    """Divide numbers of 0 or more, rounding down."""
    if bool((divisors == 1).all()):
        return numbers
    return torch.div(numbers, divisors, rounding_mode="trunc")


def _with_rows(*columns: Tensor) -> Tensor:
    """Put columns (P, n) side by side behind the number of the row, (P, n, 1 + columns)."""
    rows = torch.arange(columns[0].shape[0], device=columns[0].device)[:, None]
    return torch.stack([rows.expand_as(columns[0]), *columns], dim=-1)
