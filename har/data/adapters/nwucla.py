"""Northwestern-UCLA Multiview Action 3D: one JSON file a clip, Kinect v1 skeletons in metres.

A file ``aAA_sSS_eEE_vVV.json`` (action, subject, episode, view) has the keys ``file_name``,
``skeletons`` (T, 20, 3) and ``label`` (1 to 10).
"""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from har.data.formats.clip_files import ClipFiles, make_clip, match_name
from har.data.formats.confidence import seen_joints
from har.data.formats.raw_files import without_zeros
from har.errors import BadSampleError
from har.samples import Clip

FILE_NAME = re.compile(r"a\d{2}_s(?P<subject>\d{2})_e(?P<episode>\d{2})_v(?P<view>\d{2})")


class Adapter(ClipFiles):
    """Reads the JSON files of N-UCLA; a clip of a single frame is a clip."""

    VERSION = 1
    PATTERN = "*.json"

    def read(self, item: str) -> list[Clip]:
        """Return the one clip of a file."""
        path = Path(self.raw or "", item)
        name = match_name(FILE_NAME, path.stem, "aAA_sSS_eEE_vVV.json", item)
        content = _load(path, item)
        joints = _joints(content, item)[None]
        clip = make_clip(
            self.card,
            item,
            joints,
            seen_joints(joints),
            clip_id=path.stem,
            label=self._label(content, item),
            subject=without_zeros(name["subject"]),
            camera=without_zeros(name["view"]),
            replication=without_zeros(name["episode"]),
        )
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
