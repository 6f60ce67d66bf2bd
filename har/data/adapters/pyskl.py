"""Annotation pickles of PYSKL and MMAction2, in 2D (keypoints and scores) and in 3D.

A user's card names this adapter, the layout, the class names, and the splits of the pickle as
protocols, for instance ``lists: {train: "ntu60.pkl::xsub_train", test: "ntu60.pkl::xsub_val"}``.
"""

from pathlib import Path
from typing import Any

import numpy as np

from har.data.adapters.base import check_clip
from har.data.cards import Card
from har.data.formats.annotation_pickle import (
    Annotation,
    AnnotationFile,
    load_annotations,
    pyskl_splits,
)
from har.data.formats.confidence import hide_unseen, seen_joints
from har.data.formats.name_pattern import attributes_in, compile_name_pattern
from har.data.formats.raw_files import list_files
from har.errors import BadSampleError, HarError
from har.samples import UNLABELLED, Clip, ClipRecord

__all__ = ["Adapter", "pyskl_splits"]


class Adapter:
    r"""Reads one annotation pickle, which every worker process loads once.

    Args:
        card: the dataset card.
        raw: the pickle, or its folder.
        file: name of the pickle within the folder; may be left out where there is only one.
        name_pattern: regular expression that a clip's name must match from its start, with groups
            named ``subject``, ``camera``, ``setup`` or ``replication``, such as
            ``S(?P<setup>\d+)C(?P<camera>\d+)P(?P<subject>\d+)`` for NTU RGB+D.
    """

    VERSION = 1

    def __init__(
        self,
        card: Card,
        raw: Path | None,
        file: str | None = None,
        name_pattern: str | None = None,
    ):
        self.card = card
        self.raw = raw
        self.file = file
        self.name_pattern = compile_name_pattern(card, name_pattern)
        self._loaded: AnnotationFile | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave the loaded file out of what goes to a worker process."""
        return self.__dict__ | {"_loaded": None}

    def items(self) -> list[str]:
        """Return the names of the clips."""
        return sorted(self._annotations().clips)

    def read(self, item: str) -> list[Clip]:
        """Return the one clip of a name."""
        annotation = self._annotations().clips[item]
        joints, confidence = _keypoints(annotation, item)
        clip = Clip(self._record(annotation, item, joints.shape), joints, confidence)
        check_clip(clip, self.card)
        return [clip]

    def _record(self, annotation: Annotation, item: str, shape: tuple[int, ...]) -> ClipRecord:
        attributes = attributes_in(item, self.name_pattern)
        return ClipRecord(
            clip_id=item,
            dataset=self.card.name,
            label=_label(annotation, item),
            frame_count=shape[1],
            person_count=shape[0],
            fps=self.card.fps,
            layout=self.card.layout,
            subject=attributes.get("subject", ""),
            camera=attributes.get("camera", ""),
            setup=attributes.get("setup", ""),
            replication=attributes.get("replication", ""),
            source=item,
        )

    def _annotations(self) -> AnnotationFile:
        if self._loaded is None:
            self._loaded = load_annotations(self._path())
        return self._loaded

    def _path(self) -> Path:
        if self.raw is not None and self.raw.is_file():
            return self.raw
        files = list_files(self.card, self.raw, self.file or "*.pkl")
        if len(files) > 1:
            raise HarError(
                f"{self.card.name}: several pickles below {self.raw}: {', '.join(files)}; "
                "name one with adapter.file"
            )
        return Path(self.raw or "", files[0])


def _label(annotation: Annotation, item: str) -> int:
    label = annotation.get("label", UNLABELLED)
    if isinstance(label, bool) or not isinstance(label, int | np.integer):
        raise BadSampleError(item, f"label {label!r} is not an integer")
    return int(label)


def _keypoints(annotation: Annotation, item: str) -> tuple[np.ndarray, np.ndarray]:
    """Return joints (M, T, V, C) and confidence (M, T, V), float32."""
    if "keypoint" not in annotation:
        raise BadSampleError(
            item, f"has no keypoint, only {', '.join(annotation)} (are they in other files?)"
        )
    joints = _array(annotation, "keypoint", 4, item)
    expected = annotation.get("total_frames", joints.shape[1])
    if expected != joints.shape[1]:
        raise BadSampleError(item, f"total_frames is {expected}, keypoint has {joints.shape[1]}")
    if annotation.get("keypoint_score") is None:
        return joints, seen_joints(joints)
    scores = _array(annotation, "keypoint_score", 3, item)
    if scores.shape != joints.shape[:3]:
        raise BadSampleError(
            item, f"keypoint_score has shape {scores.shape}, keypoint {joints.shape}"
        )
    # Peaks of heatmaps may be a little above 1; joints without coordinates were not seen.
    confidence = np.clip(scores, 0, 1) * seen_joints(joints)
    return hide_unseen(joints, confidence), confidence


def _array(annotation: Annotation, key: str, rank: int, item: str) -> np.ndarray:
    array = np.asarray(annotation[key])
    if array.ndim != rank or array.dtype.kind not in "fiu":
        raise BadSampleError(
            item, f"{key} is {array.dtype} of shape {array.shape}, not {rank}-dimensional numbers"
        )
    return array.astype(np.float32)
