"""Fall annotations of Le2i (text files) and of UR Fall (CSV tables)."""

import csv
from collections.abc import Iterable
from itertools import pairwise

from har.data.cards import Card
from har.data.formats.timed_labels import Parsed, SkippedEntry, read_label
from har.errors import BadSampleError
from har.samples import Segment

LE2I_FIELDS = 6
LE2I_FALL = "fall"

URFALL_HEADER = ("name", "frame", "label")
URFALL_FIRST_LABEL = -1


def parse_le2i(content: str, card: Card, source: str, recording: str, fps: float) -> Parsed:
    """Return the fall of a video as a segment, or no segment where nobody falls.

    The first two lines are the first and the last frame of the fall, counted from 1, or 0 and 0;
    the others have six numbers each for a frame. Files without the first two lines are videos
    without a fall.

    Args:
        content: the file's text.
        card: has the class ``fall``.
        source: name of the file for messages.
        recording: name of the video.
        fps: frames a second of the video.

    Raises:
        BadSampleError: the file is empty.
    """
    lines = [line.strip() for line in content.removeprefix("\ufeff").splitlines()]
    if not any(lines):
        raise BadSampleError(source, "is empty")
    parsed = Parsed()
    if len(lines[0].split(",")) == LE2I_FIELDS:
        return parsed
    first, last = (_whole_number(line) for line in [*lines, ""][:2])
    if first is None or last is None or not (first == last == 0 or 1 <= first <= last):
        reason = f"its first two lines {lines[:2]} are no first and last frame of a fall"
        parsed.skipped.append(SkippedEntry(source, 1, reason))
    elif last > 0:
        start, end = (first - 1) / fps, last / fps
        label = card.label_index(LE2I_FALL)
        parsed.segments.append(Segment(recording, card.name, label, start, end))
    return parsed


def parse_urfall(content: str, card: Card, source: str, fps: float) -> Parsed:
    """Return the runs of frames with the same label as segments.

    A row starts with sequence, frame number (from 1) and label (-1, 0 or 1); the features after
    them are not read. Official tables have no header; a header ``name,frame,label,...`` is
    understood too.

    Args:
        content: the file's text.
        card: its classes are those of the labels -1, 0 and 1.
        source: name of the file for messages.
        fps: frames a second of the recordings.

    Raises:
        BadSampleError: no row could be read.
    """
    parsed = Parsed()
    frames: list[tuple[str, int, int]] = []
    reader = csv.reader(content.removeprefix("\ufeff").splitlines())
    for row in reader:
        values = [value.strip() for value in row]
        if not any(values) or (reader.line_num == 1 and tuple(values[:3]) == URFALL_HEADER):
            continue
        try:
            frames.append(_urfall_row(values, len(card.labels)))
        except ValueError as error:
            parsed.skipped.append(SkippedEntry(source, reader.line_num, str(error)))
    if not frames:
        raise BadSampleError(source, "has no rows of sequence, frame, label")
    parsed.segments.extend(_runs(sorted(frames), card.name, fps))
    return parsed


def _urfall_row(values: list[str], class_count: int) -> tuple[str, int, int]:
    name, frame, label = [*values, "", "", ""][:3]
    number = _whole_number(frame)
    if not name or number is None or number < 1:
        raise ValueError(f"'{','.join(values[:3])}' is not sequence, frame number from 1, label")
    return name, number, read_label(label, class_count, first=URFALL_FIRST_LABEL)


def _runs(frames: list[tuple[str, int, int]], dataset: str, fps: float) -> Iterable[Segment]:
    """Yield a segment for each run of consecutive frames of a sequence with the same label."""
    cuts = [
        position
        for position, (before, after) in enumerate(pairwise(frames), start=1)
        if after != (before[0], before[1] + 1, before[2])
    ]
    for start, end in pairwise([0, *cuts, len(frames)]):
        sequence, first, label = frames[start]
        last = frames[end - 1][1]
        yield Segment(sequence, dataset, label, (first - 1) / fps, last / fps)


def _whole_number(text: str) -> int | None:
    """Return the number, or None where the text is none; ``12.0`` is one."""
    try:
        value = float(text)
    except ValueError:
        return None
    return int(value) if value.is_integer() else None
