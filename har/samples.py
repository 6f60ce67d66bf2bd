"""The three shapes of data in the project: a record, a clip, a batch.

Letters used for shapes everywhere: N clips, K views of a clip, M people, T frames, V joints,
C coordinates (2 or 3).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

UNLABELLED = -1


@dataclass(frozen=True, slots=True)
class ClipRecord:
    """What is known about one clip without reading its joints.

    Attributes:
        clip_id: unique within the dataset, stable over conversions.
        dataset: name of the dataset card.
        label: index into the card's label list, or ``UNLABELLED``.
        subject, camera, setup, replication: as the dataset names them; "" where unknown.
        frame_count, person_count: T and M of the clip.
        fps: frames a second of the recording.
        layout: name of the joint layout.
        source: raw file, relative to the raw folder.
        conditions: known camera conditions, such as ``distance_m`` or ``yaw_deg``.
    """

    clip_id: str
    dataset: str
    label: int
    frame_count: int
    person_count: int
    fps: float
    layout: str
    subject: str = ""
    camera: str = ""
    setup: str = ""
    replication: str = ""
    source: str = ""
    conditions: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Segment:
    """A labelled stretch of time in a longer recording; segments may overlap.

    Attributes:
        recording: id of the recording, unique within its dataset; the ``clip_id`` of its clip.
        dataset: name of the dataset card.
        label: index into the card's label list, or ``UNLABELLED``.
        start_sec, end_sec: from the start of the recording, end after start.
        person: which person of the recording, 0 to M - 1; None for all of them.
        subject, camera: as the dataset names them; "" where unknown, or those of the recording.
        source: where the label is written, for messages, such as ``segments.csv:7``; not stored.
    """

    recording: str
    dataset: str
    label: int
    start_sec: float
    end_sec: float
    person: int | None = None
    subject: str = ""
    camera: str = ""
    source: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Clip:
    """One clip with its joints.

    Attributes:
        record: the clip's record.
        joints: (M, T, V, C) float32; metres in 3D, pixels in 2D. Never NaN: a joint that was not
            seen has zeros and confidence 0.
        confidence: (M, T, V) float32 in [0, 1]; all zero for a frame in which the person is absent.
        segments: labelled stretches of its time, of all people or of one; they may overlap.
    """

    record: ClipRecord
    joints: np.ndarray
    confidence: np.ndarray
    segments: tuple[Segment, ...] = ()


@dataclass(slots=True)
class Batch:
    """N clips as tensors, on one device.

    Attributes:
        joints: (N, M, T, V, C) float32.
        confidence: (N, M, T, V) float32 in [0, 1].
        person_mask: (N, M) bool, true where the person is in the clip at all.
        labels: (N,) int64.
        clip_index: (N,) int64, row of the clip in the store.
        views: K, how many consecutive rows are views of the same clip (1 in training).
        targets: (N, classes) soft targets in [0, 1], set by mixing augmentations.
        frames: (N, T, H, W, 3) uint8 red, green, blue, of clips of video; or (N, T, S, C) features
            of them. A batch of videos alone has no people: M, V and C of its joints are 0.
        points: (N, M, T, V, 2) float32, where the joints are in the frames: shares of their width
            from the left and of their height from the top; outside [0, 1] beyond the edges. None
            where it is not known.
        present: (N, 2) bool, whether poses and frames count; None where all that is there counts.
        seed: of every random draw for this batch, so that a resumed run repeats it.
    """

    joints: Tensor
    confidence: Tensor
    person_mask: Tensor
    labels: Tensor
    clip_index: Tensor
    views: int = 1
    targets: Tensor | None = None
    seed: int = 0
    frames: Tensor | None = None
    points: Tensor | None = None
    present: Tensor | None = None

    def __len__(self) -> int:
        return self.joints.shape[0]

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Self:
        """Return the batch with every tensor on ``device``."""
        moved: dict[str, Any] = {
            f.name: value.to(device, non_blocking=non_blocking)
            for f in fields(self)
            if isinstance(value := getattr(self, f.name), Tensor)
        }
        return replace(self, **moved)

    def pin_memory(self) -> Self:
        """Return the batch in page-locked memory, for faster copies to a GPU."""
        pinned: dict[str, Any] = {
            f.name: value.pin_memory()
            for f in fields(self)
            if isinstance(value := getattr(self, f.name), Tensor)
        }
        return replace(self, **pinned)
