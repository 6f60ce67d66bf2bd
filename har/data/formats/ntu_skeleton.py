"""NTU RGB+D skeleton files: the ``.skeleton`` text and its ``.skeleton.npy`` conversion.

The text has the number of frames; for each frame the number of bodies; for each body a line of 10
fields that starts with the body's id, the number of joints, and for each joint a line of 12
fields: x, y, z in metres, positions in the depth and colour images, orientation, tracking state.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from har.data.safe_pickle import UnreadablePickleError, UnsafePickleError, load_object_npy
from har.errors import BadSampleError

JOINTS = 25
BODY_FIELDS = 10
JOINT_FIELDS = 12
STATE_FIELD = 11
JOINT_COUNT_TOKEN = b"25"
LARGEST_COUNT = 100_000
TOKENS_PER_BODY = BODY_FIELDS + 1 + JOINTS * JOINT_FIELDS

# Joints that the sensor inferred, and even those that it lost, have usable coordinates.
CONFIDENCE_OF_STATE = np.array([0.25, 0.5, 1.0], dtype=np.float32)


@dataclass(frozen=True, slots=True)
class BodyTrack:
    """One body, in the n frames in which the sensor saw it.

    Attributes:
        body_id: the sensor's id of the body.
        frames: (n,) int64 frame numbers, rising.
        joints: (n, 25, 3) float32, metres.
        confidence: (n, 25) float32: 1 tracked, 0.5 inferred, 0.25 not tracked, 0 no coordinates.
    """

    body_id: str
    frames: np.ndarray
    joints: np.ndarray
    confidence: np.ndarray


def parse_skeleton(content: bytes, source: str) -> tuple[int, list[BodyTrack]]:
    """Return the frame count and the tracks, in the order in which the bodies appear.

    Args:
        content: a whole ``.skeleton`` file.
        source: name of the file for messages.

    Raises:
        BadSampleError: the file is cut short or not of this format.
    """
    tokens = content.split()
    frame_count, frames, starts = _find_bodies(tokens, source)
    table = _read_fields(tokens, starts, source)
    joints = np.ascontiguousarray(table[:, :3].swapaxes(1, 2), dtype=np.float32)
    confidence = _confidence(joints, table[:, 3], source)
    ids = np.array([tokens[start] for start in starts], dtype="S")
    return frame_count, _tracks(ids, np.array(frames), joints, confidence)


def load_skeleton_npy(path: Path, source: str) -> tuple[int, list[BodyTrack]]:
    """Return the frame count and the tracks of a ``.skeleton.npy`` file.

    The file has no tracking states, and a body is known by its place in the frame, not by its id.

    Raises:
        BadSampleError: the file is unsafe, cut short or not of this format.
    """
    try:
        content = load_object_npy(path)
    except (UnsafePickleError, UnreadablePickleError) as error:
        raise BadSampleError(source, str(error)) from error
    if not isinstance(content, dict) or "nbodys" not in content:
        raise BadSampleError(source, "holds no dictionary with the key nbodys")
    names = [f"skel_body{place}" for place in range(max(content["nbodys"], default=0))]
    tracks = [_npy_track(content, name, source) for name in names]
    return len(content["nbodys"]), [track for track in tracks if track.frames.size]


def _find_bodies(tokens: list[bytes], source: str) -> tuple[int, list[int], list[int]]:
    """Return the frame count, and for each body of each frame its frame and its first token."""
    frames: list[int] = []
    starts: list[int] = []
    position = 1
    frame_count = _count(tokens, 0, source)
    for frame in range(frame_count):
        if position >= len(tokens):
            raise BadSampleError(source, f"is cut short: {frame} of {frame_count} frames")
        body_count = _count(tokens, position, source)
        end = position + 1 + body_count * TOKENS_PER_BODY
        frames += [frame] * body_count
        starts += range(position + 1, end, TOKENS_PER_BODY)
        position = end
    if position != len(tokens):
        raise BadSampleError(
            source, f"has {len(tokens)} values, not the {position} that its counts announce"
        )
    return frame_count, frames, starts


def _count(tokens: list[bytes], position: int, source: str) -> int:
    token = tokens[position] if tokens else b""
    if not token.isdigit() or int(token) > LARGEST_COUNT:
        shown = token[:20].decode(errors="replace")
        raise BadSampleError(source, f"value {position + 1} should be a count, but is '{shown}'")
    return int(token)


def _read_fields(tokens: list[bytes], starts: list[int], source: str) -> np.ndarray:
    """Return x, y, z and tracking state of every joint of every body, (bodies, 4, 25) float64."""
    chosen: list[bytes] = []
    for start in starts:
        if tokens[start + BODY_FIELDS] != JOINT_COUNT_TOKEN:
            raise BadSampleError(source, f"has a body of other than {JOINTS} joints")
        first = start + BODY_FIELDS + 1
        for field in (0, 1, 2, STATE_FIELD):
            chosen += tokens[first + field : start + TOKENS_PER_BODY : JOINT_FIELDS]
    try:
        values = np.fromiter(map(float, chosen), np.float64, len(chosen))
    except ValueError as error:
        raise BadSampleError(source, f"has a value that is no number: {error}") from error
    return values.reshape(-1, 4, JOINTS)


def _confidence(joints: np.ndarray, states: np.ndarray, source: str) -> np.ndarray:
    if not np.isin(states, (0, 1, 2)).all():
        raise BadSampleError(source, "has a tracking state other than 0, 1 and 2")
    seen = (joints != 0).any(axis=-1)
    return CONFIDENCE_OF_STATE[states.astype(np.int64)] * seen


def _tracks(
    ids: np.ndarray, frames: np.ndarray, joints: np.ndarray, confidence: np.ndarray
) -> list[BodyTrack]:
    _, first_rows = np.unique(ids, return_index=True)
    tracks = []
    for row in np.sort(first_rows):
        mine = ids == ids[row]
        tracks.append(BodyTrack(ids[row].decode(), frames[mine], joints[mine], confidence[mine]))
    return tracks


def _npy_track(content: dict[str, Any], name: str, source: str) -> BodyTrack:
    joints = np.asarray(content.get(name))
    expected = (len(content["nbodys"]), JOINTS, 3)
    if joints.shape != expected or joints.dtype.kind != "f":
        raise BadSampleError(source, f"{name} has shape {joints.shape}, not {expected} numbers")
    seen = (joints != 0).any(axis=-1)
    frames = np.flatnonzero(seen.any(axis=-1))
    return BodyTrack(
        name, frames, joints[frames].astype(np.float32), seen[frames].astype(np.float32)
    )
