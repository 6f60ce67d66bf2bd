"""PKU-MMD: long recordings of Kinect v2 skeletons by three cameras, with timed labels.

A skeleton file ``NNNN-C.txt`` (recording, camera L, M or R) lies in one folder, the label file of
the same name in another.
"""

import re
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Literal, get_args

import numpy as np

from har.data.cards import Card
from har.data.formats.confidence import seen_joints
from har.data.formats.pku_mmd import parse_pku_labels, parse_pku_skeleton
from har.data.formats.raw_files import list_files
from har.data.formats.timed_labels import Parsed
from har.data.segments import frame_range
from har.errors import BadSampleError, ConfigError, HarError, did_you_mean
from har.samples import UNLABELLED, Clip, ClipRecord, Segment

Unit = Literal["recording", "clip"]
FILE_NAME = re.compile(r"(?P<recording>\w+)-(?P<camera>[LMR])")


class Adapter:
    """Reads the recordings, whole or cut into a clip for each labelled action.

    Args:
        card: the dataset card.
        raw: folder that holds the two folders.
        skeletons: name of the folder of the skeleton files.
        labels: name of the folder of the label files.
        unit: what a clip is: a whole ``recording`` with its actions as segments, or a ``clip`` of
            one action.
    """

    VERSION = 2

    def __init__(
        self,
        card: Card,
        raw: Path | None,
        skeletons: str = "skeleton",
        labels: str = "label",
        unit: Unit = "recording",
    ):
        if unit not in get_args(Unit):
            raise ConfigError(
                f"{card.name}: adapter.unit is '{unit}'.{did_you_mean(unit, get_args(Unit))} "
                f"Allowed: {', '.join(get_args(Unit))}"
            )
        self.unit = unit
        self.card = card
        self.raw = raw
        self.skeletons = skeletons
        self.labels = labels

    def items(self) -> list[str]:
        """Return the skeleton files, relative to the raw folder."""
        found = list_files(self.card, self.raw, "*-[LMR].txt")
        items = [item for item in found if PurePosixPath(item).parent.name == self.skeletons]
        if not items:
            raise HarError(
                f"{self.card.name}: no skeleton file NNNN-C.txt in a folder '{self.skeletons}' "
                f"below {self.raw}; name the folder with adapter.skeletons=. {self.card.obtain}"
            )
        return items

    def read(self, item: str) -> list[Clip | BadSampleError]:
        """Return a recording with its segments, or the clips of its actions in their order.

        Labels that cannot be read come back as errors beside the recording. Where clips are cut, a
        recording with such a label is refused as a whole, with all reasons.
        """
        if self.unit == "clip":
            return [*self._actions(item)]
        parsed = self._parse_labels(item)
        joints = self._joints(item)
        clip = self._clip(joints, PurePosixPath(item).stem, UNLABELLED, item)
        clip = replace(clip, segments=tuple(parsed.segments))
        return [clip, *(entry.error() for entry in parsed.skipped)]

    def segments(self, item: str) -> list[Segment]:
        """Return the labelled actions of a recording; refuse one with a label that is none."""
        parsed = self._parse_labels(item)
        if parsed.skipped:
            raise _unusable(item, "; ".join(map(str, parsed.skipped)))
        return parsed.segments

    def _parse_labels(self, item: str) -> Parsed:
        path = PurePosixPath(item)
        name = FILE_NAME.fullmatch(path.stem)
        if name is None:
            raise BadSampleError(item, "its name is not of the form NNNN-C.txt, C being L, M or R")
        label_file = (path.parent.parent / self.labels / path.name).as_posix()
        text = _text(Path(self.raw or "", label_file), label_file)
        parsed = parse_pku_labels(text, self.card, label_file, path.stem, name["camera"])
        if not parsed.segments:
            reasons = "; ".join(map(str, parsed.skipped)) or f"{label_file} has no labels"
            raise _unusable(item, reasons)
        return parsed

    def _joints(self, item: str) -> np.ndarray:
        return parse_pku_skeleton(_text(Path(self.raw or "", item), item), item)

    def _actions(self, item: str) -> list[Clip]:
        """Cut a recording at its labels."""
        segments = self.segments(item)
        joints = self._joints(item)
        clips = []
        for number, segment in enumerate(segments, start=1):
            start, end = frame_range(segment, self.card.fps)
            if end > joints.shape[1]:
                raise BadSampleError(
                    item, f"label {number} ends at frame {end} of {joints.shape[1]}"
                )
            clip_id = f"{segment.recording}_{number:02}_A{segment.label + 1:02}"
            clips.append(self._clip(joints[:, start:end], clip_id, segment.label, item))
        return clips

    def _clip(self, joints: np.ndarray, clip_id: str, label: int, item: str) -> Clip:
        """Return joints (2, T, 25, 3) as a clip, without the second person if never there."""
        people = 2 if joints[1].any() else 1
        joints = np.ascontiguousarray(joints[:people])
        recording, _, camera = PurePosixPath(item).stem.rpartition("-")
        record = ClipRecord(
            clip_id=clip_id,
            dataset=self.card.name,
            label=label,
            frame_count=joints.shape[1],
            person_count=people,
            fps=self.card.fps,
            layout=self.card.layout,
            camera=camera,
            setup=recording,
            source=item,
        )
        return Clip(record, joints, seen_joints(joints))


def _unusable(item: str, reasons: str) -> BadSampleError:
    return BadSampleError(item, f"its labels cannot be used: {reasons}")


def _text(path: Path, source: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadSampleError(source, f"cannot be read: {error}") from error
