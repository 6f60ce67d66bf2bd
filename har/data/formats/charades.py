"""Charades: a CSV table of videos for each part, with the timed actions of each video.

Of its columns ``id``, ``subject``, ``actions`` and ``length`` are read. Actions are written
``c092 11.90 21.20;c147 0.00 12.60``: class, start and end in seconds. They may overlap.
"""

import re
from collections.abc import Mapping

from har.data.cards import Card
from har.data.formats.timed_labels import (
    Parsed,
    SkippedEntry,
    check_order,
    read_label,
    read_number,
    table_rows,
)
from har.samples import Segment

COLUMNS = ("id", "subject", "actions", "length")

_ACTION = re.compile(r"c(\d{3})\s+(\S+)\s+(\S+)")


def parse_charades(content: str, card: Card, source: str) -> Parsed:
    """Return the actions of all videos of a table; those that run past the end are cut there.

    What is malformed is skipped by itself: an action, or a whole row.

    Args:
        content: the file's text.
        card: names the classes.
        source: name of the file for messages.

    Raises:
        BadSampleError: a column is missing.
    """
    parsed = Parsed()
    for line, row in table_rows(content, COLUMNS, source):
        try:
            length = _length(row)
        except ValueError as error:
            parsed.skipped.append(SkippedEntry(source, line, str(error)))
            continue
        for action in filter(None, map(str.strip, row["actions"].split(";"))):
            try:
                parsed.segments.append(_segment(action, row, length, card))
            except ValueError as error:
                parsed.skipped.append(SkippedEntry(source, line, f"{row['id']}: {error}"))
    return parsed


def charades_ids(content: str, source: str) -> list[str]:
    """Return the videos of a table, also those without an action, as a protocol's list names them.

    Raises:
        BadSampleError: a column is missing.
    """
    return [row["id"] for _, row in table_rows(content, COLUMNS, source) if row["id"]]


def _length(row: Mapping[str, str]) -> float:
    if not row["id"]:
        raise ValueError("has no id")
    return read_number(row["length"], f"{row['id']}: length")


def _segment(action: str, row: Mapping[str, str], length: float, card: Card) -> Segment:
    found = _ACTION.fullmatch(action)
    if found is None:
        raise ValueError(f"'{action}' is not an action such as 'c092 11.90 21.20'")
    start, end = read_number(found[2], "start"), read_number(found[3], "end")
    check_order(start, end)
    if start >= length:
        raise ValueError(f"'{action}' starts after the end of the video at {length:g} s")
    return Segment(
        recording=row["id"],
        dataset=card.name,
        label=read_label(found[1], len(card.labels)),
        start_sec=start,
        end_sec=min(end, length),
        subject=row["subject"],
    )
