"""Poses of Toyota Smarthome: skeleton JSON files, and NPZ files of further 2D estimators.

JSON: ``{"K": ..., "njts": 13, "frames": [[person, ...], [], ...]}``, an empty list where nobody
was found. A person has ``pose2d`` (13 x, then 13 y, in pixels) and ``pose3d`` (13 x, 13 y, 13 z,
in metres). NPZ: ``kpts`` (T, 17, 2) in pixels, zeros where nobody was found.
"""

import json
import re
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from har.data.formats.confidence import seen_joints
from har.errors import BadSampleError

CLIP_NAME = re.compile(
    r"(?P<action>[A-Za-z.]+)_p(?P<subject>\d+)_r(?P<repeat>\d+)_v(?P<video>\d+)_c(?P<camera>\d+)"
)
JOINTS = 13
NPZ_JOINTS = 17


def parse_smarthome_skeleton(
    content: bytes, dims: int, people: int, source: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return the people of each frame in the order of the file, which does not track them.

    Args:
        content: the JSON file.
        dims: C; 2 reads ``pose2d``, 3 reads ``pose3d``.
        people: M, how many people of a frame to take at most; further ones are left out.
        source: name of the file for messages.

    Returns:
        joints (M, T, 13, C) and confidence (M, T, 13), float32; M is less than ``people`` where
        no frame has that many.

    Raises:
        BadSampleError: the file is not of this form, or nobody is in any frame.
    """
    frames = _load_frames(content, source)
    shown = min(people, max(map(len, frames), default=0))
    if shown == 0:
        raise BadSampleError(source, f"nobody was found in any of its {len(frames)} frames")
    joints = np.zeros((shown, len(frames), dims, JOINTS), dtype=np.float32)
    key = f"pose{dims}d"
    for number, frame in enumerate(frames):
        for person, pose in enumerate(frame[:shown]):
            joints[person, number] = _pose(pose, key, dims, number, source)
    joints = np.ascontiguousarray(joints.swapaxes(2, 3))
    return joints, seen_joints(joints)


def read_kpts_npz(path: Path, source: str) -> tuple[np.ndarray, np.ndarray]:
    """Return joints (1, T, 17, 2) and confidence (1, T, 17), float32.

    Raises:
        BadSampleError: the file is damaged, or has no such array ``kpts``.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            points = file["kpts"]
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise BadSampleError(source, f"no readable array 'kpts': {error}") from error
    if points.ndim != 3 or points.shape[1:] != (NPZ_JOINTS, 2) or points.dtype.kind not in "fiu":
        raise BadSampleError(
            source, f"kpts is {points.dtype} of shape {points.shape}, not (T, {NPZ_JOINTS}, 2)"
        )
    joints = points.astype(np.float32)[None]
    return joints, seen_joints(joints)


def _load_frames(content: bytes, source: str) -> list[list[Any]]:
    try:
        skeletons = json.loads(content)
    except ValueError as error:
        raise BadSampleError(source, f"not a readable JSON file: {error}") from error
    frames = skeletons.get("frames") if isinstance(skeletons, dict) else None
    if not isinstance(frames, list) or not all(isinstance(frame, list) for frame in frames):
        raise BadSampleError(source, "has no list 'frames' of lists of people")
    if skeletons.get("njts", JOINTS) != JOINTS:
        raise BadSampleError(source, f"has {skeletons['njts']} joints, not {JOINTS}")
    return frames


def _pose(person: Any, key: str, dims: int, frame: int, source: str) -> np.ndarray:
    """Return (C, 13): the file has all x, then all y, then all z."""
    values = person.get(key) if isinstance(person, dict) else None
    try:
        return np.asarray(values, dtype=np.float32).reshape(dims, JOINTS)
    except (ValueError, TypeError):
        raise BadSampleError(
            source, f"frame {frame}: {key} is not a list of {dims * JOINTS} numbers"
        ) from None
