"""PKU-MMD: long recordings of Kinect v2 skeletons by three cameras, cut at their labels.

A skeleton file ``NNNN-C.txt`` (recording, camera L, M or R) lies in one folder, the label file of
the same name in another.
"""

import re
from pathlib import Path, PurePosixPath

import numpy as np

from har.data.cards import Card
from har.data.formats.confidence import seen_joints
from har.data.formats.pku_mmd import parse_pku_labels, parse_pku_skeleton
from har.data.formats.raw_files import list_files
from har.errors import BadSampleError, HarError
from har.samples import Clip, ClipRecord, Segment

FILE_NAME = re.compile(r"(?P<recording>\w+)-(?P<camera>[LMR])")


class Adapter:
    """Reads the recordings and returns a clip for each labelled action.

    Args:
        card: the dataset card.
        raw: folder that holds the two folders.
        skeletons: name of the folder of the skeleton files.
        labels: name of the folder of the label files.
    """

    VERSION = 1

    def __init__(
        self, card: Card, raw: Path | None, skeletons: str = "skeleton", labels: str = "label"
    ):
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

    def read(self, item: str) -> list[Clip]:
        """Return the clips of a recording, in the order of its label file.

        A recording of which a label cannot be read is refused as a whole, with all reasons.
        """
        segments = self.segments(item)
        joints = parse_pku_skeleton(_text(Path(self.raw or "", item), item), item)
        return [
            self._clip(joints, segment, number, item)
            for number, segment in enumerate(segments, start=1)
        ]

    def segments(self, item: str) -> list[Segment]:
        """Return the labelled actions of a recording."""
        path = PurePosixPath(item)
        name = FILE_NAME.fullmatch(path.stem)
        if name is None:
            raise BadSampleError(item, "its name is not of the form NNNN-C.txt, C being L, M or R")
        label_file = (path.parent.parent / self.labels / path.name).as_posix()
        text = _text(Path(self.raw or "", label_file), label_file)
        parsed = parse_pku_labels(text, self.card, label_file, path.stem, name["camera"])
        if parsed.skipped or not parsed.segments:
            reasons = "; ".join(map(str, parsed.skipped)) or f"{label_file} has no labels"
            raise BadSampleError(item, f"its labels cannot be used: {reasons}")
        return parsed.segments

    def _clip(self, recording: np.ndarray, segment: Segment, number: int, item: str) -> Clip:
        start, end = (round(t * self.card.fps) for t in (segment.start_sec, segment.end_sec))
        if end > recording.shape[1]:
            raise BadSampleError(
                item, f"label {number} ends at frame {end} of {recording.shape[1]}"
            )
        joints = recording[:, start:end]
        people = 2 if joints[1].any() else 1
        joints = np.ascontiguousarray(joints[:people])
        record = ClipRecord(
            clip_id=f"{segment.recording}_{number:02}_A{segment.label + 1:02}",
            dataset=self.card.name,
            label=segment.label,
            frame_count=joints.shape[1],
            person_count=people,
            fps=self.card.fps,
            layout=self.card.layout,
            camera=segment.camera,
            setup=segment.recording.partition("-")[0],
            source=item,
        )
        return Clip(record, joints, seen_joints(joints))


def _text(path: Path, source: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadSampleError(source, f"cannot be read: {error}") from error
