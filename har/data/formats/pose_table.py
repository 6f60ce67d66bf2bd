"""Pose files of a user: a CSV table with a column for each coordinate, or an NPZ of arrays."""

import csv
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from har.data.formats.confidence import hide_unseen, seen_joints
from har.data.formats.raw_files import shorten
from har.errors import BadSampleError, did_you_mean
from har.skeleton.layout import Layout

AXES = ("x", "y", "z")
_DAMAGE = (ValueError, OSError, EOFError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error)
LONGEST_CLIP = 1_000_000


@dataclass(frozen=True, slots=True)
class Poses:
    """The content of a pose file.

    Attributes:
        joints: (M, T, V, C) float32, zeros where a joint is not seen.
        confidence: (M, T, V) float32.
        people: the number that the file gives to each of the M people.
    """

    joints: np.ndarray
    confidence: np.ndarray
    people: tuple[int, ...]


def read_pose_csv(path: Path, layout: Layout, dims: int, source: str) -> Poses:
    """Return the poses of a CSV table with one row for each person in each frame.

    The columns are ``frame``, ``person`` (may be left out for one person), and for each joint of
    the layout ``<joint>_x``, ``<joint>_y``, in 3D ``<joint>_z``, and perhaps ``<joint>_c``, the
    confidence. Frames are numbered from anything; a missing row is an absent person.

    Args:
        path: the table.
        layout: names the joints.
        dims: C, 2 or 3.
        source: name of the file for messages.

    Raises:
        BadSampleError: columns or values are wrong; names them.
    """
    header, table = _read_csv(path, source)
    with_confidence = any(name.endswith("_c") for name in header)
    columns = _pose_columns(layout, dims, with_confidence)
    _check_columns(header, columns, source)
    frames = _whole_numbers(table[:, header.index("frame")], "frame", source)
    people = np.zeros_like(frames)
    if "person" in header:
        people = _whole_numbers(table[:, header.index("person")], "person", source)
    poses = table[:, [header.index(name) for name in columns]]
    rows = poses.reshape(len(table), layout.num_joints, -1).astype(np.float32)
    placed = _place(rows, frames, people, source)
    numbers = tuple(np.unique(people).tolist())
    if with_confidence:
        joints, confidence = placed[..., :dims], placed[..., dims]
        return Poses(hide_unseen(joints, confidence), confidence, numbers)
    return Poses(placed, seen_joints(placed), numbers)


def read_pose_npz(path: Path, source: str) -> Poses:
    """Return the poses of an NPZ file: ``joints`` (M, T, V, C) or (T, V, C), and ``confidence``.

    Without ``confidence`` (the shape of ``joints`` less the last axis), joints at zero count as
    unseen and all others as seen. People are numbered from 0.

    Raises:
        BadSampleError: the file is damaged, or has no such arrays of numbers.
    """
    arrays = _read_npz(path, ("joints", "confidence"), source)
    if "joints" not in arrays:
        raise BadSampleError(source, "has no array 'joints' of shape (people, frames, V, C)")
    for name, array in arrays.items():
        if array.dtype.kind not in "fiu":
            raise BadSampleError(source, f"{name} is an array of {array.dtype}, not of numbers")
    joints = arrays["joints"].astype(np.float32)
    if joints.ndim not in (3, 4):
        raise BadSampleError(
            source, f"joints have shape {joints.shape}, not (people, frames, V, C)"
        )
    confidence = arrays.get("confidence", seen_joints(joints)).astype(np.float32)
    if confidence.shape != joints.shape[:-1]:
        raise BadSampleError(
            source, f"confidence has shape {confidence.shape}, joints have {joints.shape}"
        )
    if joints.ndim == 3:
        joints, confidence = joints[None], confidence[None]
    return Poses(hide_unseen(joints, confidence), confidence, tuple(range(len(joints))))


def _read_npz(path: Path, names: Iterable[str], source: str) -> dict[str, np.ndarray]:
    """Return those of the named arrays that the file has; NumPy's own advice is not passed on."""
    if not zipfile.is_zipfile(path):
        raise BadSampleError(
            source,
            f"not a readable NPZ file: its {path.stat().st_size} bytes are cut short or of another "
            f"kind; write it with numpy.savez(file, joints=...)",
        )
    arrays: dict[str, np.ndarray] = {}
    name = ""
    try:
        with np.load(path, allow_pickle=False) as file:
            for name in names:
                if name in file.files:
                    arrays[name] = file[name]
    except _DAMAGE as error:
        raise BadSampleError(
            source,
            f"not a readable NPZ file: its array '{name}' is damaged or holds Python objects; "
            f"write it with numpy.savez from a plain array of numbers",
        ) from error
    return arrays


def _read_csv(path: Path, source: str) -> tuple[list[str], np.ndarray]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = [name.strip() for name in next(csv.reader(file), [])]
            lines = [line for line in file if line.strip()]
        if not lines:
            raise BadSampleError(source, "has no frames")
        table = np.loadtxt(lines, delimiter=",", ndmin=2)
    except (ValueError, OSError) as error:
        if isinstance(error, BadSampleError):
            raise
        raise BadSampleError(source, f"not a table of numbers: {error}") from error
    if table.shape[1] != len(header):
        raise BadSampleError(
            source, f"its rows have {table.shape[1]} values, its header {len(header)} names"
        )
    return header, table


def _pose_columns(layout: Layout, dims: int, with_confidence: bool) -> list[str]:
    endings = (*AXES[:dims], "c") if with_confidence else AXES[:dims]
    return [f"{joint}_{ending}" for joint in layout.joints for ending in endings]


def _check_columns(header: list[str], columns: list[str], source: str) -> None:
    known = {"frame", "person", *columns}
    missing = [name for name in ("frame", *columns) if name not in header]
    unknown = [name for name in header if name not in known]
    if unknown or missing:
        hint = did_you_mean(unknown[0], missing or columns) if unknown else ""
        problems = [f"unknown columns {shorten(unknown)}.{hint}"] if unknown else []
        problems += [f"missing columns {shorten(missing)}"] if missing else []
        raise BadSampleError(source, "; ".join(problems))


def _whole_numbers(values: np.ndarray, name: str, source: str) -> np.ndarray:
    if not (np.isfinite(values).all() and (values == np.floor(values)).all()):
        raise BadSampleError(source, f"column {name} has values that are no whole numbers")
    return values.astype(np.int64)


def _place(rows: np.ndarray, frames: np.ndarray, people: np.ndarray, source: str) -> np.ndarray:
    """Return (M, T, V, C): rows laid out by person and frame, zeros where there is no row."""
    frame = frames - frames.min()
    if frame.max() >= LONGEST_CLIP:
        raise BadSampleError(source, f"its frame numbers span {frame.max() + 1} frames")
    names, person = np.unique(people, return_inverse=True)
    places = np.stack((person, frame))
    if np.unique(places, axis=1).shape[1] != len(rows):
        raise BadSampleError(source, "has more than one row for the same frame and person")
    placed = np.zeros((len(names), int(frame.max()) + 1, *rows.shape[1:]), dtype=np.float32)
    placed[person, frame] = rows
    return placed
