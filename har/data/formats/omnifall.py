"""OmniFall labels: a CSV table of segments over the videos of several fall datasets.

Columns: ``path,label,start,end,subject,cam,dataset``, times in seconds. The table of UP-Fall
videos that were stored anew at a constant rate has frames instead.
"""

from collections.abc import Mapping
from pathlib import PurePosixPath

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

OMNIFALL_COLUMNS = ("path", "label", "start", "end", "subject", "cam", "dataset")
UPFALL_COLUMNS = (
    "file",
    "omnifall_path",
    "cam",
    "label",
    "label_name",
    "start_frame",
    "end_frame",
)


def parse_omnifall(
    content: str, card: Card, source: str, durations: Mapping[str, float] | None = None
) -> Parsed:
    """Return the segments of a table.

    Recordings, subjects and cameras are named ``<dataset>/<name>``, as the sets that the table
    joins use the same numbers for different people.

    Args:
        content: the file's text.
        card: names the classes.
        source: name of the file for messages.
        durations: seconds of recordings, by name. Segments that run past the end are cut there.

    Raises:
        BadSampleError: a column is missing.
    """
    parsed = Parsed()
    for line, row in table_rows(content, OMNIFALL_COLUMNS, source):
        try:
            parsed.segments.append(_segment(row, card, durations or {}))
        except ValueError as error:
            parsed.skipped.append(SkippedEntry(source, line, str(error)))
    return parsed


def _segment(row: Mapping[str, str], card: Card, durations: Mapping[str, float]) -> Segment:
    if not (row["path"] and row["dataset"]):
        raise ValueError("has no path or no dataset")
    recording = f"{row['dataset']}/{row['path']}"
    start, end = read_number(row["start"], "start"), read_number(row["end"], "end")
    check_order(start, end)
    if recording in durations:
        if start >= durations[recording]:
            raise ValueError(f"starts at {start:g} s, the video ends at {durations[recording]:g} s")
        end = min(end, durations[recording])
    return Segment(
        recording=recording,
        dataset=card.name,
        label=read_label(row["label"], len(card.labels)),
        start_sec=start,
        end_sec=end,
        subject=f"{row['dataset']}/{row['subject']}",
        camera=f"{row['dataset']}/{row['cam']}",
    )


def parse_upfall_segments(content: str, card: Card, source: str, video_fps: float) -> Parsed:
    """Return the segments of UP-Fall videos that were stored anew at a constant rate.

    Args:
        content: text of a table with the columns ``file``, ``start_frame``, ``end_frame`` (the
            first frame after the segment), ``label`` and ``label_name`` (classes of OmniFall).
        card: names the classes.
        source: name of the file for messages.
        video_fps: frames a second of the video files; times count from their start.

    Raises:
        BadSampleError: a column is missing.
    """
    parsed = Parsed()
    for line, row in table_rows(content, UPFALL_COLUMNS, source):
        try:
            parsed.segments.append(_upfall_segment(row, card, video_fps))
        except ValueError as error:
            parsed.skipped.append(SkippedEntry(source, line, str(error)))
    return parsed


def _upfall_segment(row: Mapping[str, str], card: Card, video_fps: float) -> Segment:
    label = read_label(row["label"], len(card.labels))
    if card.labels[label] != row["label_name"]:
        raise ValueError(f"label {label} is '{card.labels[label]}', not '{row['label_name']}'")
    start, end = (read_number(row[name], name) for name in ("start_frame", "end_frame"))
    check_order(start, end)
    return Segment(
        recording=PurePosixPath(row["file"]).stem,
        dataset=card.name,
        label=label,
        start_sec=start / video_fps,
        end_sec=end / video_fps,
        subject=row["omnifall_path"].partition("/")[0].removeprefix("Subject"),
        camera=row["cam"],
    )
