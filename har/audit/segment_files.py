"""Reads the timed labels that two annotators made, and writes how far they agree."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from har.audit.agreement import (
    DISAGREEMENT_COLUMNS,
    FRAMES_A_SECOND,
    OVERLAP_COLUMNS,
    find_overlaps,
    measure_agreement,
)
from har.audit.report import write_table
from har.data.formats.timed_labels import check_order, read_number, table_rows
from har.errors import BadSampleError, HarError
from har.record import provenance, write_json_atomic
from har.samples import Segment

COLUMNS = ("recording", "label", "start_sec", "end_sec")
AGREEMENT, DISAGREEMENTS, OVERLAPS = "agreement.json", "disagreements.csv", "overlaps.csv"


def compare_files(
    first: Path, second: Path | None, out: Path, frames_a_second: float = FRAMES_A_SECOND
) -> dict[str, Any]:
    """Compare two CSV files of timed labels, and list the overlaps within each.

    The columns are ``recording``, ``label`` (a class name), ``start_sec``, ``end_sec``, and if
    persons are told apart ``person`` (a whole number).

    Args:
        first: file of one annotator.
        second: file of the other; None looks for overlaps within the first only.
        out: folder for ``agreement.json``, ``disagreements.csv`` and ``overlaps.csv``.
        frames_a_second: how fine time is cut.

    Returns:
        The content of ``agreement.json``.

    Raises:
        HarError: a file or a row of it cannot be read, or the files have no recording in common.
    """
    files = [path for path in (first, second) if path is not None]
    rows = [_read_rows(path) for path in files]
    names = sorted({label for table in rows for label, *_ in table})
    sides = [[_segment(row, names) for row in table] for table in rows]
    overlaps = [
        (path.name, *overlap)
        for path, side in zip(files, sides, strict=True)
        for overlap in find_overlaps(side, names)
    ]
    content: dict[str, Any] = {
        "files": [str(path) for path in files],
        "segments": [len(side) for side in sides],
        "overlaps_within_a_file": len(overlaps),
        "provenance": provenance(),
    }
    if len(sides) == 2:
        agreement = measure_agreement(sides[0], sides[1], names, frames_a_second)
        content |= {"frames_a_second": frames_a_second, **agreement.summary()}
        write_table(out / DISAGREEMENTS, DISAGREEMENT_COLUMNS, agreement.disagreements)
    write_table(out / OVERLAPS, ("file", *OVERLAP_COLUMNS), overlaps)
    write_json_atomic(out / AGREEMENT, content)
    return content


def _read_rows(path: Path) -> list[tuple[str, str, float, float, int | None]]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise HarError(f"Cannot read the timed labels {path}: {error}") from error
    rows = []
    for line, row in table_rows(text, COLUMNS, str(path)):
        try:
            start, end = (read_number(row[name], name) for name in COLUMNS[2:])
            check_order(start, end)
            person = _person(row.get("person", ""))
        except ValueError as error:
            raise BadSampleError(f"{path}:{line}", str(error)) from error
        rows.append((row["label"], row["recording"], start, end, person))
    if not rows:
        raise HarError(f"{path} has no timed labels")
    return rows


def _person(text: str) -> int | None:
    if text and not text.isdecimal():
        raise ValueError(f"person '{text}' is not a whole number")
    return int(text) if text else None


def _segment(row: tuple[str, str, float, float, int | None], names: Sequence[str]) -> Segment:
    label, recording, start, end, person = row
    return Segment(recording, "", names.index(label), start, end, person)
