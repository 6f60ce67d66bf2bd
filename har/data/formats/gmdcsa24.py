"""GMDCSA24: a CSV table for each subject and kind of video, with timed classes of each video.

A row is ``File Name,Length,Time of Recording,Attire,Description,Classes``. Descriptions hold
commas without quotes, classes never do, so the last comma divides the two. Classes are written
``Sitting[0 to 0.5; 3.7 to 10]; Walking[0.5 to 3.1]``, in seconds, and may overlap.
"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from har.data.cards import Card
from har.data.formats.timed_labels import Parsed, SkippedEntry, check_order, read_number
from har.errors import BadSampleError, did_you_mean
from har.samples import Segment

SPELLINGS = {"Fall (FW)": "Falling (FW)", "Fall (BW)": "Falling (BW)", "Fall (SW)": "Falling (SW)"}

_FOLDER = re.compile(r"Subject (\d+)")
_CLASS = re.compile(r"([^\[\];]+)\[([^\[\]]*)\]")
_RANGE = re.compile(r"([\d.]+)\s+to\s+([\d.]+)")
_DIVIDERS = " ;:\t"


def parse_gmdcsa24(content: str, card: Card, source: str) -> Parsed:
    """Return the segments of a table.

    What is malformed is skipped by itself: a range, a class, or a whole row.

    Args:
        content: the file's text.
        card: names the classes.
        source: path of the table below the raw folder, ``Subject 1/Fall.csv``; the recordings are
            named after it, ``Subject 1/Fall/01.mp4``.

    Raises:
        BadSampleError: the first line is not the header of such a table.
    """
    header, *lines = content.removeprefix("\ufeff").splitlines() or [""]
    if not (header.startswith("File Name,") and header.split(",")[-1].strip() == "Classes"):
        raise BadSampleError(source, "its first line is not 'File Name,...,Classes'")
    parsed = Parsed()
    for line, row in enumerate(lines, start=2):
        if row.strip():
            _parse_row(row, card, source, line, parsed)
    return parsed


def _parse_row(row: str, card: Card, source: str, line: int, parsed: Parsed) -> None:
    name = row.split(",", 1)[0].strip()
    classes = row.rpartition(",")[2]
    recording = (PurePosixPath(source).with_suffix("") / name).as_posix()
    subject = _FOLDER.match(source)
    if not name or "," not in row:
        parsed.skipped.append(SkippedEntry(source, line, "has no file name and classes"))
        return
    for label, times in _classes(classes):
        try:
            start, end = _times(times, label)
            segment = Segment(
                recording=recording,
                dataset=card.name,
                label=_label(label, card),
                start_sec=start,
                end_sec=end,
                subject=subject[1] if subject else "",
            )
        except ValueError as error:
            parsed.skipped.append(SkippedEntry(source, line, f"{name}: {error}"))
        else:
            parsed.segments.append(segment)


def _classes(text: str) -> Iterator[tuple[str, str | None]]:
    """Yield each class with each of its ranges, and with None all text that is no such class."""
    end = 0
    for match in _CLASS.finditer(text):
        if between := text[end : match.start()].strip(_DIVIDERS):
            yield between, None
        for times in match[2].split(";"):
            yield match[1].strip(_DIVIDERS), times.strip()
        end = match.end()
    if rest := text[end:].strip(_DIVIDERS):
        yield rest, None


def _times(text: str | None, label: str) -> tuple[float, float]:
    if text is None:
        raise ValueError(f"'{label}' is not a class with its times in brackets")
    match = _RANGE.fullmatch(text)
    if match is None:
        raise ValueError(f"{label}: '{text}' is not a range such as '0 to 2.5'")
    start, end = (read_number(number, label) for number in match.groups())
    check_order(start, end)
    return start, end


def _label(name: str, card: Card) -> int:
    known = SPELLINGS.get(name, name)
    if known not in card.labels:
        raise ValueError(f"unknown class '{name}'.{did_you_mean(name, card.labels)}")
    return card.labels.index(known)
