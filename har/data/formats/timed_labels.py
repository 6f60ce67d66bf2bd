"""What the parsers of timed labels share: their result, and how they read tables."""

import csv
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from har.errors import BadSampleError, did_you_mean
from har.samples import Segment


@dataclass(frozen=True, slots=True)
class SkippedEntry:
    """A label that could not be read.

    Attributes:
        source: the file.
        line: line of the file, from 1; None in files that have no lines, such as JSON.
        reason: what is wrong with it.
    """

    source: str
    line: int | None
    reason: str

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"

    @property
    def place(self) -> str:
        """File and line."""
        return self.source if self.line is None else f"{self.source}:{self.line}"

    def error(self) -> BadSampleError:
        """Return the entry as a line of ``skipped.csv`` in the making."""
        return BadSampleError(self.place, self.reason)


@dataclass(slots=True)
class Parsed:
    """The segments of an annotation file, and what of it could not be read.

    Attributes:
        segments: in the order of the file; they may overlap.
        skipped: every label that is no segment, with the reason.
    """

    segments: list[Segment] = field(default_factory=list)
    skipped: list[SkippedEntry] = field(default_factory=list)


def table_rows(
    content: str, columns: Iterable[str], source: str
) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield line number and values by column name of each row of a CSV table with a header.

    A row with too few values has "" for the missing ones.

    Raises:
        BadSampleError: the header lacks one of ``columns``.
    """
    reader = csv.reader(content.removeprefix("\ufeff").splitlines())
    header = [name.strip() for name in next(reader, [])]
    missing = [name for name in columns if name not in header]
    if missing:
        hint = did_you_mean(missing[0], header)
        raise BadSampleError(source, f"its header has no column {', '.join(missing)}.{hint}")
    for row in reader:
        if any(row):
            padded = row + [""] * (len(header) - len(row))
            yield reader.line_num, dict(zip(header, map(str.strip, padded), strict=False))


def read_number(text: str, name: str) -> float:
    """Return a finite number of 0 or more, or raise ValueError with a reason that names it."""
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{name} '{text}' is not a number") from None
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{name} {text} is not a number of 0 or more")
    return value


def read_label(text: str, count: int, first: int = 0) -> int:
    """Return the index of a class that a file gives by number.

    Args:
        text: the number.
        count: how many classes there are.
        first: number of the first class in the file.

    Raises:
        ValueError: the number is none of them; says so.
    """
    if not text.lstrip("-").isdecimal() or not first <= int(text) < first + count:
        raise ValueError(f"label '{text}' is not a number of {first} to {first + count - 1}")
    return int(text) - first


def check_order(start: float, end: float) -> None:
    """Raise ValueError where a segment would not last."""
    if end <= start:
        raise ValueError(f"end {end:g} is not after start {start:g}")
