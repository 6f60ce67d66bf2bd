"""Northwestern-UCLA Multiview Action 3D: one JSON file a clip, Kinect v1 skeletons in metres.

A file ``aAA_sSS_eEE_vVV.json`` (action, subject, episode, view) has the keys ``file_name``,
``skeletons`` (T, 20, 3) and ``label`` (1 to 10).
"""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from har.data.adapters.base import check_clip
from har.data.cards import Card
from har.data.formats.confidence import seen_joints
from har.data.formats.raw_files import list_files, without_zeros
from har.errors import BadSampleError
from har.samples import Clip, ClipRecord

FILE_NAME = re.compile(r"a\d{2}_s(?P<subject>\d{2})_e(?P<episode>\d{2})_v(?P<view>\d{2})")


class Adapter:
    """Reads the JSON files of N-UCLA; a clip of a single frame is a clip."""

    VERSION = 1

    def __init__(self, card: Card, raw: Path | None):
        self.card = card
        self.raw = raw

    def items(self) -> list[str]:
        """Return the JSON files, relative to the raw folder."""
        return list_files(self.card, self.raw, "*.json")

    def read(self, item: str) -> list[Clip]:
        """Return the one clip of a file."""
        path = Path(self.raw or "", item)
        name = FILE_NAME.fullmatch(path.stem)
        if name is None:
            raise BadSampleError(item, "its name is not of the form aAA_sSS_eEE_vVV.json")
        content = _load(path, item)
        joints = _joints(content, item)[None]
        record = ClipRecord(
            clip_id=path.stem,
            dataset=self.card.name,
            label=self._label(content, item),
            frame_count=joints.shape[1],
            person_count=1,
            fps=self.card.fps,
            layout=self.card.layout,
            subject=without_zeros(name["subject"]),
            camera=without_zeros(name["view"]),
            replication=without_zeros(name["episode"]),
            source=item,
        )
        clip = Clip(record, joints, seen_joints(joints))
        check_clip(clip, self.card)
        return [clip]

    def _label(self, content: dict[str, Any], item: str) -> int:
        label = content["label"]
        if not isinstance(label, int) or not 1 <= label <= len(self.card.labels):
            raise BadSampleError(
                item, f"label {label!r} is not an integer of 1 to {len(self.card.labels)}"
            )
        return label - 1


def _load(path: Path, item: str) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, OSError) as error:
        raise BadSampleError(item, f"not a readable JSON file: {error}") from error
    if not isinstance(content, dict):
        raise BadSampleError(item, "holds no JSON object with the keys skeletons and label")
    missing = [key for key in ("skeletons", "label") if key not in content]
    if missing:
        raise BadSampleError(item, f"has no key {' and no key '.join(missing)}")
    return content


def _joints(content: dict[str, Any], item: str) -> np.ndarray:
    try:
        joints = np.asarray(content["skeletons"], dtype=np.float32)
    except (ValueError, TypeError) as error:
        raise BadSampleError(item, f"its skeletons are no array of numbers: {error}") from error
    if joints.size == 0:
        raise BadSampleError(item, "has no frames")
    if joints.ndim != 3:
        raise BadSampleError(item, f"its skeletons have shape {joints.shape}, not (T, 20, 3)")
    return joints
