"""ETRI-Activity3D skeletons: a CSV table of one clip, a row for each body in each frame.

Columns that are read: ``frameNum``, ``bodyindexID`` (empty where nobody was found), ``jointN_3dX``,
``jointN_3dY``, ``jointN_3dZ`` for the 25 joints of Kinect v2, in metres, and, where the table has
them, the tracking states ``jointN_trackingState``.
"""

import csv

import numpy as np

from har.data.formats.ntu_skeleton import CONFIDENCE_OF_STATE, JOINTS, BodyTrack
from har.errors import BadSampleError

FRAME, BODY = "frameNum", "bodyindexID"
NOBODY = ("", "nan")
COORDINATES = [f"joint{joint}_3d{axis}" for joint in range(1, JOINTS + 1) for axis in "XYZ"]
STATES = [f"joint{joint}_trackingState" for joint in range(1, JOINTS + 1)]
LONGEST_CLIP = 100_000


def parse_etri_skeleton(content: str, source: str) -> tuple[int, list[BodyTrack]]:
    """Return the frame count and the tracks, in the order in which the bodies appear.

    Frames count from the first one of the table, also from one in which nobody was found.

    Raises:
        BadSampleError: columns are missing, or values are no numbers.
    """
    header, *rows = list(csv.reader(content.removeprefix("\ufeff").splitlines())) or [[]]
    names = [name.strip() for name in header]
    column_of = {name: column for column, name in enumerate(names)}
    missing = [name for name in (FRAME, BODY, *COORDINATES) if name not in column_of]
    if missing:
        raise BadSampleError(source, f"has no column {missing[0]} ({len(missing)} are missing)")
    table = [row for row in rows if any(row)]
    if any(len(row) != len(names) for row in table) or not table:
        raise BadSampleError(source, f"has no rows, or a row without {len(names)} values")
    frames = _numbers(table, [column_of[FRAME]], source)[:, 0].astype(np.int64)
    frames -= frames.min()
    if frames.max() >= LONGEST_CLIP:
        raise BadSampleError(source, f"its frame numbers span {frames.max() + 1} frames")
    seen = [
        number
        for number, row in enumerate(table)
        if row[column_of[BODY]].strip().lower() not in NOBODY
    ]
    bodies = [table[number] for number in seen]
    joints, confidence = _poses(bodies, column_of, source)
    ids = np.array([row[column_of[BODY]].strip() for row in bodies])
    return int(frames.max()) + 1, _tracks(ids, frames[seen], joints, confidence, source)


def _poses(
    rows: list[list[str]], column_of: dict[str, int], source: str
) -> tuple[np.ndarray, np.ndarray]:
    joints = _numbers(rows, [column_of[name] for name in COORDINATES], source)
    joints = joints.reshape(len(rows), JOINTS, 3).astype(np.float32)
    seen = (joints != 0).any(axis=-1)
    if not all(name in column_of for name in STATES):
        return joints, seen.astype(np.float32)
    states = _numbers(rows, [column_of[name] for name in STATES], source)
    if not np.isin(states, range(len(CONFIDENCE_OF_STATE))).all():
        raise BadSampleError(source, "has a tracking state other than 0, 1 and 2")
    return joints, CONFIDENCE_OF_STATE[states.astype(np.int64)] * seen


def _numbers(rows: list[list[str]], columns: list[int], source: str) -> np.ndarray:
    """Return (rows, columns) float64."""
    try:
        values = np.array([[row[column] for column in columns] for row in rows], dtype=np.float64)
    except ValueError as error:
        raise BadSampleError(source, f"not a table of numbers: {error}") from error
    if not np.isfinite(values).all():
        raise BadSampleError(source, "has a body with a coordinate that is not a finite number")
    return values.reshape(len(rows), len(columns))


def _tracks(
    ids: np.ndarray, frames: np.ndarray, joints: np.ndarray, confidence: np.ndarray, source: str
) -> list[BodyTrack]:
    tracks = []
    for body in dict.fromkeys(ids.tolist()):
        rows = np.flatnonzero(ids == body)
        rows = rows[np.argsort(frames[rows], kind="stable")]
        if (np.diff(frames[rows]) == 0).any():
            raise BadSampleError(source, f"has body {body} more than once in a frame")
        tracks.append(BodyTrack(body, frames[rows], joints[rows], confidence[rows]))
    return tracks
