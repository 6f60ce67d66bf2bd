"""One vector for each clip, by which near-duplicate clips are near each other.

Letters: N clips, T frames, V joints, C coordinates.
"""

import numpy as np

from har.data.store import ClipStore
from har.skeleton.layout import Layout, load_layout

FRAMES = 16
_BLOCK = 512


class PoseFeatures:
    """Features of the clips of a store, read in blocks.

    The first person of each clip is resampled to ``FRAMES`` frames over its whole length, moved so
    that the mean of all its seen joints over all frames is zero, and scaled so that their root mean
    square distance from there is one. Where it goes within the clip is kept. Joints that were not
    seen are zero. A clip of which nothing is seen has zeros only.
    """

    def __init__(self, store: ClipStore) -> None:
        self._store = store
        self._layout: Layout = load_layout(store.layout)

    def __len__(self) -> int:
        return len(self._store)

    @property
    def width(self) -> int:
        """Numbers in one vector: T * V * C."""
        return FRAMES * int(np.prod(self._store.joints.shape[1:]))

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Return (rows, T * V * C) float32.

        The Euclidean distance of two vectors is the root mean square distance of the joints of the
        two clips, where all are seen, in units of the clip's extent.
        """
        blocks = [self._read_block(rows[i : i + _BLOCK]) for i in range(0, len(rows), _BLOCK)]
        return np.concatenate(blocks) if blocks else np.zeros((0, self.width), np.float32)

    def mirror(self, features: np.ndarray) -> np.ndarray:
        """Return the features of the same clips with left and right exchanged."""
        V, C = self._store.joints.shape[1:]
        joints = features.reshape(-1, FRAMES, V, C)[:, :, self._layout.flip_permutation]
        joints = joints * np.array([-1.0] + [1.0] * (C - 1), dtype=np.float32)
        return joints.reshape(len(features), -1)

    def _read_block(self, rows: np.ndarray) -> np.ndarray:
        last = self._store.index.frame_count[rows] - 1
        positions = np.linspace(0, 1, FRAMES) * last[:, None]
        joints, confidence, _ = self._store.gather(rows, positions[:, None, :], people=1)
        return standardise(joints[:, 0], confidence[:, 0] > 0)


def standardise(joints: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return centred and scaled clips as (N, T * V * C) float32 vectors.

    Args:
        joints: (N, T, V, C).
        seen: (N, T, V) bool.
    """
    N, T, V, _ = joints.shape
    weight = seen[..., None].astype(np.float64)
    count = np.maximum(weight.sum(axis=(1, 2), keepdims=True), 1)
    centre = (joints * weight).sum(axis=(1, 2), keepdims=True) / count
    centred = (joints - centre) * weight
    extent = np.sqrt((centred**2).sum(axis=(1, 2, 3), keepdims=True) / count)
    scaled = centred / np.where(extent > 0, extent, 1) / np.sqrt(T * V)
    return scaled.reshape(N, -1).astype(np.float32)
