"""Videos with the poses of the people in them: a video store beside a clip store of its poses.

Clips, labels, segments and splits are those of the videos. Poses are found by the name of the
recording, and a frame's pose by its time, so that the two stores may keep different frames a
second. Both are taken to have a steady rate.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Self

import numpy as np

from har.data.store import ClipStore, Unit
from har.data.video_listings import ENDINGS
from har.data.video_store import VideoStore
from har.errors import StoreError

NO_POSES = -1
_CAMERA = ("focal_px", "picture_width", "picture_height")


@dataclass(frozen=True, eq=False)
class PairedStore(VideoStore):
    """A prepared dataset of videos with poses. Use :meth:`open_pair`.

    Attributes:
        poses: whole recordings, whatever the unit of the videos is.
    """

    poses: ClipStore | None = None

    @classmethod
    def open_pair(cls, path: Path | str, poses: Path | str, unit: Unit = "clip") -> Self:
        """Open a video store and the store of its poses.

        Args:
            path: folder of the video store.
            poses: folder of the clip store, as ``har poses`` or ``har prepare`` make it.
            unit: what a row is: a recording or a labelled segment of one.

        Raises:
            StoreError: one of them is missing or damaged, or no recording is in both.
        """
        if not Path(poses).exists():
            raise StoreError(
                f"There is no clip store {poses} with the poses of {path}. Extract them with: "
                f"har poses videos=<folder of the videos> out={poses}"
            )
        videos = VideoStore.open(path, unit=unit)
        store = cls(videos.path, videos.meta, unit, ClipStore.open(poses))
        if np.all(store.pose_rows == NO_POSES):
            theirs, ours = store._poses.index.clip_id[0], store.index.recording[0]
            raise StoreError(
                f"{poses} has poses of no recording of {path}: it names its recordings like "
                f"'{theirs}', the videos are named like '{ours}'"
            )
        return store

    def __reduce__(self) -> tuple[Callable[..., Self], tuple[Any, ...]]:
        return type(self).open_pair, (self.path, self._poses.path, self.unit)

    @property
    def layout(self) -> str:
        """Name of the joint layout of the poses."""
        return self._poses.layout

    @property
    def coordinates(self) -> int:
        """C of the joints."""
        return self._poses.coordinates

    @property
    def fingerprint(self) -> str:
        """Hash of videos and poses."""
        both = f"{super().fingerprint}\n{self._poses.fingerprint}"
        return hashlib.sha256(both.encode()).hexdigest()

    @property
    def origin(self) -> str:
        """Folders of both stores."""
        return f"{self.path}, {self._poses.path}"

    @cached_property
    def pose_rows(self) -> np.ndarray:
        """(N,) row of each clip's recording in the store of poses; ``NO_POSES`` without poses."""
        names = [_stem(name) for name in self._poses.index.clip_id.tolist()]
        row_of = {name: row for row, name in enumerate(names)}
        wanted = self.index.recording.tolist()
        return np.array([row_of.get(_stem(name), NO_POSES) for name in wanted], np.int64)

    @cached_property
    def camera(self) -> np.ndarray | None:
        """(N, 3) focal length, width and height of each clip's picture in pixels.

        None where the poses do not tell them all; clips without poses have ones.
        """
        conditions = self._poses.index.conditions
        if any(name not in conditions for name in _CAMERA[-self.coordinates :]):
            return None
        known = np.stack([conditions.get(n, np.ones(len(self._poses))) for n in _CAMERA], axis=1)
        found = known[self.pose_rows]
        found[self.pose_rows == NO_POSES] = 1
        return None if np.isnan(found).any() else found

    def gather(
        self, rows: np.ndarray, positions: np.ndarray, people: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the poses at frames of the clips; see ``ClipStore.gather``.

        Args:
            rows: (N,) integers, clips of this store.
            positions: (N, K, T) float64, frames of each video clip, in [0, frame_count - 1].
            people: M.

        Returns:
            As ``ClipStore.gather``; a clip whose recording has no poses has nobody in it.
        """
        poses, at = self._poses, self.pose_rows[rows]
        first = np.rint(self.index.start_sec[rows] * self.index.fps[rows])
        seconds = (first[:, None, None] + positions) / self.index.fps[rows][:, None, None]
        last = poses.index.frame_count[at] - 1.0
        moved = np.clip(seconds * poses.index.fps[at][:, None, None], 0, last[:, None, None])
        joints, confidence, mask = poses.gather(at, moved, people)
        missing = np.repeat(at == NO_POSES, positions.shape[1])
        joints[missing], confidence[missing], mask[missing] = 0, 0, False
        return joints, confidence, mask

    @property
    def _poses(self) -> ClipStore:
        if self.poses is None:
            raise StoreError(f"{self.path} was opened without poses: use PairedStore.open_pair")
        return self.poses


def _stem(name: str) -> str:
    """Return the name of a recording without the ending of a video."""
    path = PurePosixPath(name)
    return path.with_suffix("").as_posix() if path.suffix.lower() in ENDINGS else name
