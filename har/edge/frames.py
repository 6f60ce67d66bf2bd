"""Frames of poses as they arrive: as lines of JSON, or from arrays."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from har.errors import HarError

LONGEST_LINE = 1_000_000
"""Characters; a line that is longer is refused before it is parsed."""


class FrameError(HarError):
    """A frame cannot be used; the message says why."""


@dataclass(frozen=True)
class PoseFrame:
    """The people of one moment.

    Attributes:
        time: seconds, on any clock.
        people: id -> joints (V, C) and confidence (V,).
    """

    time: float
    people: Mapping[str, tuple[np.ndarray, np.ndarray]]


def parse_frame(line: str, joints: int, coordinates: int) -> PoseFrame:
    """Read a frame from a line of JSON.

    ``{"t": 12.04, "people": [{"id": 1, "joints": [[x, y, z], ...], "confidence": [...]}]}``; a
    joint that was not seen is null, or has confidence 0. Without confidence all others count as
    seen.

    Raises:
        FrameError: the line is no such frame.
    """
    if len(line) > LONGEST_LINE:
        raise FrameError(f"a line of {len(line)} characters; at most {LONGEST_LINE} are read")
    try:
        content = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise FrameError(f"no JSON: {str(error)[:80]}") from error
    if not isinstance(content, dict):
        raise FrameError('a frame is an object: {"t": seconds, "people": [...]}')
    time = _number(content.get("t"), "t")
    people = content.get("people")
    if not isinstance(people, list):
        raise FrameError('"people" must be a list; empty where nobody is there')
    found = {}
    for entry in people:
        name, pose = _person(entry, joints, coordinates)
        if name in found:
            raise FrameError(f"the id {name} comes twice in one frame")
        found[name] = pose
    return PoseFrame(time, found)


def frames_of_array(
    poses: np.ndarray, confidence: np.ndarray, fps: float, start: float = 0.0
) -> Iterator[PoseFrame]:
    """Yield the frames of a clip.

    Args:
        poses: (M, T, V, C).
        confidence: (M, T, V); a person whose confidences are all 0 is not there.
        fps: frames a second.
        start: time of the first frame, seconds.
    """
    for t in range(poses.shape[1]):
        there = [m for m in range(poses.shape[0]) if confidence[m, t].any()]
        people = {str(m): (poses[m, t], confidence[m, t]) for m in there}
        yield PoseFrame(start + t / fps, people)


def _person(entry: Any, joints: int, coordinates: int) -> tuple[str, tuple[np.ndarray, np.ndarray]]:
    if not isinstance(entry, dict) or not isinstance(entry.get("id"), int | str):
        raise FrameError('a person is an object with an "id" that is a number or a text')
    name = str(entry["id"])
    rows = entry.get("joints")
    if not isinstance(rows, list) or len(rows) != joints:
        count = len(rows) if isinstance(rows, list) else "no"
        raise FrameError(f"person {name} has {count} joints, the model takes {joints}")
    pose, seen = np.zeros((joints, coordinates), np.float32), np.ones(joints, np.float32)
    for number, row in enumerate(rows):
        if row is None:
            seen[number] = 0.0
        else:
            pose[number] = _numbers(row, coordinates, f"joint {number} of person {name}")
    if "confidence" in entry:
        seen *= _numbers(entry["confidence"], joints, f"confidence of person {name}").clip(0, 1)
    pose[seen == 0] = 0.0
    return name, (pose, seen)


def _numbers(values: Any, count: int, place: str) -> np.ndarray:
    if not isinstance(values, list) or len(values) != count:
        raise FrameError(f"{place} must be a list of {count} numbers")
    return np.array([_number(value, place) for value in values], dtype=np.float32)


def _number(value: Any, place: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FrameError(f"{place} must be a number, not {str(value)[:40]!r}")
    try:
        number = float(value)
    except OverflowError as error:
        raise FrameError(f"{place} is too large a number") from error
    if not math.isfinite(number) or abs(number) > 1e9:
        raise FrameError(f"{place} is {number}: give a finite number below 1e9")
    return number


def read_lines(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines that hold something."""
    return (line for line in lines if line.strip())
