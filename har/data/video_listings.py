"""Which videos a dataset as distributed has, and what its tables say of them."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from har.data.cards import Card
from har.data.formats.gmdcsa24 import parse_gmdcsa24
from har.data.formats.raw_files import list_files
from har.errors import BadSampleError, CardError
from har.samples import UNLABELLED, Segment

VERSION = 1
"""Raised with every change of what the listings return."""

ENDINGS = (".mp4", ".avi", ".mkv", ".mov", ".webm", ".mpg", ".mpeg", ".m4v")


@dataclass(frozen=True, slots=True)
class Recording:
    """One video file with what is known about it.

    Attributes:
        path: relative to the raw folder.
        label: class of the whole video, or ``UNLABELLED``.
        segments: timed classes, in seconds from the start of the video.
    """

    clip_id: str
    path: str
    label: int = UNLABELLED
    subject: str = ""
    camera: str = ""
    replication: str = ""
    segments: tuple[Segment, ...] = ()


Listing = tuple[list[Recording], list[BadSampleError]]


def list_recordings(card: Card, raw: Path) -> Listing:
    """Return the videos below ``raw``, sorted by name, and what could not be used of the tables.

    Datasets that have no listing of their own are read as folders of classes: the video
    ``<class>/<name>.mp4`` has the label ``<class>``.

    Raises:
        BadSampleError: a table of the dataset cannot be read.
        CardError: there is no video.
    """
    recordings, problems = _LISTINGS.get(card.name, _class_folders)(card, raw)
    if not recordings:
        raise CardError(f"{raw} has no videos of {card.name}: {card.obtain or 'check raw='}")
    return recordings, problems


def _gmdcsa24(card: Card, raw: Path) -> Listing:
    recordings, problems = [], []
    for table in list_files(card, raw, "Subject */*.csv"):
        path = raw / table
        parsed = parse_gmdcsa24(
            path.read_text(encoding="utf-8"), card, f"{path.parent.name}/{path.name}"
        )
        problems += [entry.error() for entry in parsed.skipped]
        by_video: dict[str, list[Segment]] = {}
        for segment in parsed.segments:
            by_video.setdefault(segment.recording, []).append(segment)
        subject = path.parent.name.removeprefix("Subject ")
        for video in sorted(path.with_suffix("").glob("*.mp4")):
            name = f"{path.parent.name}/{path.stem}/{video.name}"
            segments = tuple(by_video.get(name, ()))
            place = video.relative_to(raw).as_posix()
            recordings.append(Recording(name, place, subject=subject, segments=segments))
    return recordings, problems


_UPFALL_NAME = re.compile(r"S(\d+)_A(\d+)_T(\d+)_C(\d+)")


def _upfall(card: Card, raw: Path) -> Listing:
    recordings, problems = [], []
    for name in _videos(raw):
        match = _UPFALL_NAME.fullmatch(Path(name).stem)
        if match is None or not 1 <= int(match[2]) <= len(card.labels):
            reason = "is not named S<subject>_A<activity>_T<trial>_C<camera>"
            problems.append(BadSampleError(name, reason))
            continue
        subject, activity, trial, camera = match.groups()
        label = int(activity) - 1
        recordings.append(
            Recording(Path(name).stem, name, label, subject, camera, replication=trial)
        )
    return recordings, problems


def _class_folders(card: Card, raw: Path) -> Listing:
    recordings, problems = [], []
    for name in _videos(raw):
        folder = name.split("/")[0]
        if folder not in card.labels:
            problems.append(
                BadSampleError(name, f"lies in no folder named after a class: {folder}")
            )
        else:
            recordings.append(Recording(name, name, card.labels.index(folder)))
    return recordings, problems


def _videos(raw: Path) -> Sequence[str]:
    found = (path for path in raw.rglob("*") if path.suffix.lower() in ENDINGS)
    return sorted(path.relative_to(raw).as_posix() for path in found)


_LISTINGS: Mapping[str, Callable[[Card, Path], Listing]] = {
    "gmdcsa24": _gmdcsa24,
    "upfall": _upfall,
}
