"""The store of a dataset of videos: small frames at a steady rate, decoded once.

It is a clip store with frames in place of joints: besides index, segments and ``store.json`` it
has ``frames/<number>.npy`` for each recording, (T, H, W, 3) uint8, mapped into memory.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from har.data.store import ClipStore

FRAMES_FOLDER = "frames"
OPEN_RECORDINGS = 256


def frames_file(number: int) -> str:
    """Return the file of the recording in row ``number`` of the index of recordings."""
    return f"{FRAMES_FOLDER}/{number:06d}.npy"


@dataclass(frozen=True, eq=False)
class VideoStore(ClipStore):
    """A prepared dataset of videos; where a clip store has joints, it has frames.

    A row of its index is a recording, or with ``unit="segment"`` a labelled segment of one.
    """

    def frames(self, row: int) -> np.ndarray:
        """Return the frames of a clip, (T, H, W, 3) uint8, mapped into memory, read-only."""
        recording = self._clip_row(row)
        start = int(self.index.row_offset[row] - self._clips.row_offset[recording])
        stop = start + int(self.index.frame_count[row])
        return _open_frames(self.path / frames_file(recording))[start:stop]

    def view(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        """Return frames (1, T, H, W, 3) of clip ``i`` and a confidence (1, T, 1) of ones."""
        frames = self.frames(i)[None]
        return frames, np.ones((1, frames.shape[1], 1), np.float16)


@lru_cache(maxsize=OPEN_RECORDINGS)
def _open_frames(path: Path) -> np.ndarray:
    frames: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    return frames
