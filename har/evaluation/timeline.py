"""Scores and segments of many streams, and one time line to hold them all.

A stream is a recording of one camera. The streams lie on the line one after the other, so far apart
that nothing reaches from one into the next; so one pass over arrays serves them all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from har.errors import HarError

_SPARE_SEC = 1.0


class Timed(Protocol):
    """A table of intervals in streams: columns of one length."""

    @property
    def stream(self) -> np.ndarray:
        """(E,) str."""

    @property
    def start_sec(self) -> np.ndarray:
        """(E,)."""

    @property
    def end_sec(self) -> np.ndarray:
        """(E,)."""


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Scores of F windows or frames. With several people in a window, give the highest score.

    Attributes:
        stream: (F,) str, the recording of one camera that each window is of.
        start_sec, end_sec: (F,) time of each window in its stream.
        probability: (F,) of a fall, or of a fall or fallen, in [0, 1].

    Raises:
        HarError: shapes that differ, values that are no numbers or no probabilities, windows that
            do not end after they start, or two of a stream that end at the same time.
    """

    stream: np.ndarray
    start_sec: np.ndarray
    end_sec: np.ndarray
    probability: np.ndarray

    def __post_init__(self) -> None:
        _set_columns(self, "Windows", ("start_sec", "end_sec", "probability"))
        if ((self.probability < 0) | (self.probability > 1)).any():
            raise HarError("Scores of windows must be probabilities, in [0, 1]; apply softmax.")
        _, number = number_streams(self.stream)
        order = np.lexsort((self.end_sec, number))
        for name in ("stream", "start_sec", "end_sec", "probability"):
            object.__setattr__(self, name, getattr(self, name)[order])
        same = (self.stream[1:] == self.stream[:-1]) & (np.diff(self.end_sec) == 0)
        if same.any():
            first = int(np.flatnonzero(same)[0])
            raise HarError(
                f"Two windows of stream '{self.stream[first]}' end at {self.end_sec[first]} s; "
                "give one score a time, such as the highest of the people."
            )


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """True segments of E events; those of one stream may overlap.

    Attributes:
        stream: (E,) str.
        start_sec, end_sec: (E,).

    Raises:
        HarError: as for ``Scores``.
    """

    stream: np.ndarray
    start_sec: np.ndarray
    end_sec: np.ndarray

    def __post_init__(self) -> None:
        _set_columns(self, "Segments", ("start_sec", "end_sec"))

    @classmethod
    def none(cls) -> Self:
        """Return no segments."""
        return cls(np.array([]), np.array([]), np.array([]))


@dataclass(frozen=True, slots=True, eq=False)
class TimeLine:
    """Streams one after the other.

    Attributes:
        streams: (R,) names, sorted.
        offset_sec: (R,) where the time 0 of each stream lies.
    """

    streams: np.ndarray
    offset_sec: np.ndarray

    @classmethod
    def of(cls, tables: Sequence[Timed], reach_sec: float) -> Self:
        """Lay out the streams of all tables, over ``reach_sec`` apart."""
        streams, row = number_streams(np.concatenate([t.stream for t in tables]))
        first, last = np.full(len(streams), np.inf), np.full(len(streams), -np.inf)
        np.minimum.at(first, row, np.concatenate([t.start_sec for t in tables]))
        np.maximum.at(last, row, np.concatenate([t.end_sec for t in tables]))
        lengths = last - first + reach_sec + _SPARE_SEC
        return cls(streams, np.cumsum(lengths) - lengths - first)

    def offset_of(self, streams: np.ndarray) -> np.ndarray:
        """Return where time 0 of each stream lies, same shape as ``streams``."""
        names, number = number_streams(streams)
        return self.offset_sec[np.searchsorted(self.streams, names)][number]

    def place(self, table: Timed) -> tuple[np.ndarray, np.ndarray]:
        """Return start and end on the time line."""
        offset = self.offset_of(table.stream)
        return table.start_sec + offset, table.end_sec + offset

    def score_intervals(self, scores: Scores) -> tuple[np.ndarray, np.ndarray]:
        """Return start and end of the time that each score stands for; they do not overlap."""
        offset = self.offset_of(scores.stream)
        start, end = scores.start_sec + offset, scores.end_sec + offset
        start[1:] = np.maximum(start[1:], end[:-1])
        return start, end


def number_streams(stream: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the different names, sorted, and (F,) int positions among them.

    As ``np.unique`` does, but fast where the rows of a stream stand together.
    """
    is_first = np.ones(len(stream), dtype=bool)
    is_first[1:] = stream[1:] != stream[:-1]
    names, number = np.unique(stream[is_first], return_inverse=True)
    return names, number[np.cumsum(is_first) - 1]


def _set_columns(table: Scores | Segments, what: str, numbers: Sequence[str]) -> None:
    """Make the columns of a table arrays, and check them."""
    object.__setattr__(table, "stream", np.asarray(table.stream, dtype=np.str_))
    for name in numbers:
        values = np.asarray(getattr(table, name), dtype=np.float64)
        object.__setattr__(table, name, values)
        if values.ndim != 1 or values.shape != table.stream.shape:
            raise HarError(
                f"{what} need columns of one length; {name} has shape {values.shape}, stream "
                f"{table.stream.shape}."
            )
        if not np.isfinite(values).all():
            raise HarError(f"{what} have values of {name} that are NaN or infinite.")
    backwards = np.flatnonzero(table.end_sec <= table.start_sec)
    if len(backwards):
        row = int(backwards[0])
        raise HarError(
            f"{what} must end after they start; row {row} of stream '{table.stream[row]}' lasts "
            f"from {table.start_sec[row]} to {table.end_sec[row]} s."
        )
