"""MediaPipe skeletons of the falls of UP-Fall: a CSV table of one clip, a row a frame.

The columns ``Joint1_X, Joint1_Y, Joint1_Z, ... Joint33_Z`` are image coordinates in shares of the
image's width and height, y down, and a relative depth; the last column is 0 before the fall and 1
from its onset. It is called ``LABEL``, in some files ``LLABEL`` or ``0``.
"""

import re
from collections.abc import Mapping

import numpy as np

from har.errors import BadSampleError
from har.samples import ClipRecord, Segment

JOINTS = 33
LABEL_NAMES = ("LABEL", "LLABEL", "0")
COLUMNS = [f"Joint{joint}_{axis}" for joint in range(1, JOINTS + 1) for axis in "XYZ"]

# Camera, subject, activity, trial; some names lost the C or the number of the camera.
FILE_NAME = re.compile(
    r"(?:C(?P<camera>\d)?|\d)S(?P<subject>\d+)_?A(?P<activity>\d+)_?T(?P<trial>\d+)"
)


def parse_upfall_name(stem: str, source: str) -> Mapping[str, str]:
    """Return camera ("" where the name does not tell it), subject, activity and trial.

    Raises:
        BadSampleError: the name is not of the form CcSsAaTt.
    """
    name = FILE_NAME.fullmatch(stem)
    if name is None:
        raise BadSampleError(source, "its name is not of the form CcSsAaTt.csv")
    return name.groupdict(default="")


def parse_mediapipe33(content: str, source: str) -> tuple[np.ndarray, np.ndarray]:
    """Return joints (T, 33, 3) float32 and the label of each frame (T,) int64, 0 or 1.

    Raises:
        BadSampleError: columns or values are not those of such a table.
    """
    header, *rows = content.removeprefix("\ufeff").splitlines() or [""]
    names = [name.strip() for name in header.split(",")]
    if names[:-1] != COLUMNS or names[-1] not in LABEL_NAMES:
        raise BadSampleError(
            source,
            f"its columns are not Joint1_X to Joint{JOINTS}_Z and LABEL, but end in "
            f"'{names[-1]}' after {len(names) - 1} others",
        )
    if not any(row.strip() for row in rows):
        raise BadSampleError(source, "has no frames")
    try:
        table = np.loadtxt(rows, delimiter=",", ndmin=2)
    except ValueError as error:
        raise BadSampleError(source, f"not a table of numbers: {error}") from error
    if table.shape[1] != len(names):
        raise BadSampleError(source, f"its rows have {table.shape[1]} values, not {len(names)}")
    labels = table[:, -1]
    if not np.isin(labels, (0, 1)).all():
        raise BadSampleError(source, "has a frame with a label other than 0 and 1")
    joints = table[:, :-1].reshape(-1, JOINTS, 3).astype(np.float32)
    return joints, labels.astype(np.int64)


def fall_segments(labels: np.ndarray, record: ClipRecord) -> list[Segment]:
    """Return each run of frames labelled 1 as a segment of the clip's class.

    Args:
        labels: (T,) of 0 and 1.
        record: of the clip; gives recording, class and frame rate.
    """
    steps = np.diff(np.concatenate(([0], labels, [0])))
    starts, ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    return [
        Segment(
            recording=record.clip_id,
            dataset=record.dataset,
            label=record.label,
            start_sec=float(start) / record.fps,
            end_sec=float(end) / record.fps,
            person=0,
            subject=record.subject,
            camera=record.camera,
        )
        for start, end in zip(starts, ends, strict=True)
    ]
