"""Clips with a fault put into them when they are read, before sampling and transforms.

The draws follow from seed, name of the corruption and ``clip_id``, so that a clip is the same for
every model, sampling strategy and batch.
"""

import hashlib
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import torch

from har.data.combined import ClipSource
from har.data.paired_store import PairedStore
from har.data.store_gather import gather_frames
from har.data.store_index import StoreIndex
from har.data.video_store import VideoStore
from har.errors import ConfigError
from har.quality.corruptions import (
    PoseCorruption,
    VideoCorruption,
    pose_corruption,
    video_corruption,
)
from har.samples import Batch
from har.skeleton.layout import load_layout


@dataclass(frozen=True, eq=False)
class CorruptedClips:
    """Serves the clips of a store as if camera or pose estimator had a fault.

    Every frame of a clip is read, corrupted, and then sampled.

    Args:
        clips: the clips as they were recorded.
        corruption: the fault, applied to each clip as a whole; None leaves the clips as they are.
        seed: of all draws.
    """

    clips: ClipSource
    corruption: PoseCorruption | None
    seed: int = 0

    @property
    def index(self) -> StoreIndex:
        """What is known about every clip."""
        return self.clips.index

    @property
    def layout(self) -> str:
        """Name of the joint layout."""
        return self.clips.layout

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.clips.labels

    @property
    def coordinates(self) -> int:
        """C of the joints."""
        return self.clips.coordinates

    @property
    def fingerprint(self) -> str:
        """Hash of the data as they were recorded."""
        return self.clips.fingerprint

    @property
    def origin(self) -> str:
        """Where the clips lie, for messages."""
        return self.clips.origin

    @property
    def dataset(self) -> np.ndarray:
        """(N,) number of the dataset that each clip is from."""
        return self.clips.dataset

    def gather(
        self, rows: np.ndarray, positions: np.ndarray, people: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return joints, confidence and person mask; see ``ClipStore.gather``."""
        arrays, index = self.copies(rows, people)
        return gather_frames(arrays, index, np.arange(len(index)), positions, people)

    def copies(
        self, rows: np.ndarray, people: int
    ) -> tuple[tuple[np.ndarray, np.ndarray], StoreIndex]:
        """Return all frames of corrupted clips as a store would hold them.

        Args:
            rows: (N,) rows of the clips.
            people: M, how many people of each clip; those it does not have are not seen.

        Returns:
            Joints (R, V, C) and confidence (R, V), and the index that finds the N clips in them.
        """
        rows = np.asarray(rows)
        clips = [self.corrupted(int(row), people) for row in rows]
        joints = np.concatenate([clip.joints.flatten(0, 2).numpy() for clip in clips])
        confidence = np.concatenate([clip.confidence.flatten(0, 2).numpy() for clip in clips])
        return (joints, confidence), _index_of_copies(self.index, rows, people)

    def corrupted(self, row: int, people: int) -> Batch:
        """Return all frames of one clip, corrupted, as a batch of one."""
        clip = whole_clip(self.clips, row, people)
        if self.corruption is None:
            return clip
        seed = _seed(self.seed, self.corruption.name, self.index.clip_id[row])
        return self.corruption(clip, load_layout(self.layout), torch.Generator().manual_seed(seed))


@dataclass(frozen=True, eq=False)
class CorruptedVideos(VideoStore):
    """Serves the videos of a store as if the camera had a fault.

    The small frames of the store are corrupted, not those of the file, each clip as a whole.

    Args:
        path, meta, unit: of the store; see ``ClipStore``.
        corruption: the fault; None leaves the clips as they are.
        seed: of all draws.
    """

    corruption: VideoCorruption | None = None
    seed: int = 0
    _latest: dict[int, np.ndarray] = field(default_factory=dict)

    @classmethod
    def of(
        cls, store: VideoStore, corruption: VideoCorruption | None, seed: int
    ) -> "CorruptedVideos":
        """Return the store with the fault."""
        return cls(store.path, store.meta, store.unit, corruption, seed)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path, self.meta, self.unit, self.corruption, self.seed)

    def frames(self, row: int) -> np.ndarray:
        """Return the corrupted frames of a clip, (T, H, W, 3) uint8."""
        recorded = super().frames(row)
        if self.corruption is None:
            return recorded
        if row not in self._latest:  # the views of a clip are read one after the other
            seed = _seed(self.seed, self.corruption.name, self.index.clip_id[row])
            self._latest.clear()
            self._latest[row] = self.corruption(recorded, np.random.default_rng(seed))
        return self._latest[row]


def corrupted(clips: ClipSource, name: str | None, severity: int, seed: int) -> ClipSource:
    """Return a source of clips with a fault, of poses or of video as the clips are.

    Args:
        clips: as they were recorded.
        name: of a corruption; None leaves the clips as they are.
        severity: 1 to 5.
        seed: of all draws.

    Raises:
        ConfigError: the clips have poses and video.
    """
    if isinstance(clips, PairedStore):
        raise ConfigError(
            f"{clips.origin} has poses and video, and each fault is of one of them: choose a model "
            "of poses or one of video; `har evaluate absent=` tests one of both without either"
        )
    if isinstance(clips, VideoStore):
        video = video_corruption(name, severity) if name else None
        return CorruptedVideos.of(clips, video, seed)
    return CorruptedClips(clips, pose_corruption(name, severity) if name else None, seed)


def whole_clip(clips: ClipSource, row: int, people: int) -> Batch:
    """Return all frames of one clip as a batch of one."""
    frames = np.arange(int(clips.index.frame_count[row]), dtype=np.float64)
    joints, confidence, mask = clips.gather(np.array([row]), frames[None, None], people)
    return Batch(
        joints=torch.from_numpy(joints),
        confidence=torch.from_numpy(confidence),
        person_mask=torch.from_numpy(mask),
        labels=torch.tensor([int(clips.index.label[row])]),
        clip_index=torch.tensor([row]),
    )


def _seed(seed: int, corruption: str, clip_id: str) -> int:
    key = f"{seed}/{corruption}/{clip_id}"
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:7], "big")


def _index_of_copies(index: StoreIndex, rows: np.ndarray, people: int) -> StoreIndex:
    """Return the index of these clips as they lie one after the other, each with all people."""
    names = [f.name for f in fields(index) if f.name != "conditions"]
    own = StoreIndex(**{name: getattr(index, name)[rows] for name in names})
    frames = own.frame_count
    starts = np.concatenate([[0], np.cumsum(frames * people)[:-1]]).astype(np.int64)
    return replace(
        own, row_offset=starts, person_stride=frames, person_count=np.full_like(frames, people)
    )
