"""The table of timed labels of a user: one CSV row a segment of a recording.

Columns: ``recording`` (its ``clip_id``), ``start_sec``, ``end_sec``, ``label`` (a class name), and
if wanted ``person`` (the number that the pose file gives; empty for everybody) and ``subject``.
"""

from collections.abc import Mapping
from pathlib import Path

from har.data.cards import Card
from har.data.formats.timed_labels import read_number, table_rows
from har.errors import BadSampleError, CardError, did_you_mean
from har.samples import Segment

REQUIRED = ("recording", "start_sec", "end_sec", "label")
COLUMNS = (*REQUIRED, "person", "subject")


def read_segment_table(path: Path, card: Card) -> list[Segment]:
    """Return the segments of a table; ``person`` is the number that stands there.

    Raises:
        CardError: a column is missing or unknown, or a value is wrong; names the line.
    """
    try:
        content = path.read_text(encoding="utf-8")
        rows = list(table_rows(content, REQUIRED, str(path)))
    except OSError as error:
        columns = f"columns: {', '.join(COLUMNS)}"
        raise CardError(f"{path}: no readable table of segments ({error}); {columns}") from error
    except (UnicodeDecodeError, BadSampleError) as error:
        raise CardError(f"{path} is no table of segments: {error}") from error
    segments = []
    for line, row in rows:
        try:
            segments.append(_segment(row, card, f"{path.name}:{line}"))
        except ValueError as error:
            raise CardError(f"{path}, line {line}: {error}") from None
    return segments


def _segment(row: Mapping[str, str], card: Card, place: str) -> Segment:
    for name in row:
        if name not in COLUMNS:
            hint = did_you_mean(name, COLUMNS)
            raise ValueError(f"unknown column '{name}'.{hint} Allowed: {', '.join(COLUMNS)}")
    return Segment(
        recording=row["recording"],
        dataset=card.name,
        label=card.label_index(row["label"]),
        start_sec=read_number(row["start_sec"], "start_sec"),
        end_sec=read_number(row["end_sec"], "end_sec"),
        person=_person(row.get("person", "")),
        subject=row.get("subject", ""),
        source=place,
    )


def _person(text: str) -> int | None:
    try:
        return int(text) if text else None
    except ValueError:
        raise ValueError(f"person '{text}' is no whole number") from None
