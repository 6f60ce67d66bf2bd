"""PKU-MMD: skeletons of long recordings, and the labels of the actions in them.

A skeleton file has 150 numbers a line, a line a frame: 25 joints of Kinect v2 for each of two
people, x, y, z in metres, zeros where there is no second person. A label file has a line
``action,start,end,confidence`` for each action, the actions numbered from 1.
"""

import numpy as np

from har.data.cards import Card
from har.data.formats.timed_labels import (
    Parsed,
    SkippedEntry,
    check_order,
    read_label,
    read_number,
)
from har.errors import BadSampleError
from har.samples import Segment

PEOPLE, JOINTS = 2, 25
VALUES = PEOPLE * JOINTS * 3
LABEL_FIELDS = 4


def parse_pku_skeleton(content: str, source: str) -> np.ndarray:
    """Return joints (2, T, 25, 3), float32.

    Raises:
        BadSampleError: the file is not 150 numbers a line.
    """
    lines = [line for line in content.splitlines() if line.strip()]
    if not lines:
        raise BadSampleError(source, "has no frames")
    try:
        values = np.array(content.split(), dtype=np.float32)
    except ValueError as error:
        raise BadSampleError(source, f"not a table of numbers: {error}") from error
    if len(values) != len(lines) * VALUES or len(lines[0].split()) != VALUES:
        raise BadSampleError(
            source, f"has {len(values)} numbers in {len(lines)} lines, not {VALUES} a line"
        )
    joints = values.reshape(len(lines), PEOPLE, JOINTS, 3)
    return np.ascontiguousarray(joints.swapaxes(0, 1))


def parse_pku_labels(
    content: str, card: Card, source: str, recording: str, camera: str = ""
) -> Parsed:
    """Return the segments of one recording.

    Start and end are taken as frame numbers from 0, the end as the first frame after the action.

    Args:
        content: text of a label file.
        card: names the classes and has the frame rate.
        source: name of the file for messages.
        recording: name of the recording.
        camera: which camera recorded it.
    """
    parsed = Parsed()
    for line, row in enumerate(content.removeprefix("\ufeff").splitlines(), start=1):
        if not row.strip():
            continue
        fields = [field.strip() for field in row.split(",")]
        try:
            if len(fields) != LABEL_FIELDS:
                raise ValueError(f"'{row.strip()}' is not action,start,end,confidence")
            start, end = (read_number(text, "frame") for text in fields[1:3])
            check_order(start, end)
            label = read_label(fields[0], len(card.labels), first=1)
        except ValueError as error:
            parsed.skipped.append(SkippedEntry(source, line, str(error)))
        else:
            times = start / card.fps, end / card.fps
            place = f"{source}:{line}"
            parsed.segments.append(
                Segment(recording, card.name, label, *times, camera=camera, source=place)
            )
    return parsed
