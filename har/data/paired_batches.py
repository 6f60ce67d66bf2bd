"""Reads a batch of video clips together with the poses in the same frames."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from har.data.paired_store import PairedStore
from har.data.sampling import Sampler
from har.data.video_batches import ClipAugmentation, Take, VideoBatches
from har.data.video_crops import Crop
from har.samples import Batch

NEAREST_M = 1e-3


class PairedBatches(VideoBatches):
    """Reads a requested batch of frames and poses.

    Args:
        store: prepared videos with their poses.
        sampler: temporal strategy; it chooses frames of the video, and the poses follow in time.
        crop, size, training, augment: see ``VideoBatches``.
        people: M, how many people of each clip to keep.
        rate: poses for each frame, at even steps of time from one frame to the next.
    """

    def __init__(
        self,
        store: PairedStore,
        sampler: Sampler,
        crop: Crop,
        size: int,
        training: bool,
        augment: Sequence[ClipAugmentation] = (),
        people: int = 1,
        rate: int = 1,
    ):
        super().__init__(store, sampler, crop, size, training, augment)
        self.pairs = store
        self.people = people
        self.rate = rate

    def read(self, takes: Sequence[Take], views: int, seed: int) -> Batch:
        """Read the frames that were taken, and the poses in them."""
        batch = super().read(takes, views, seed)
        rows = np.array([take.row for take in takes], np.int64)
        positions = np.stack([between(take.frames, self.rate) for take in takes])
        joints, confidence, mask = self.pairs.gather(rows, positions[:, None], self.people)
        seen = torch.from_numpy(mask)
        return replace(
            batch,
            joints=torch.from_numpy(joints),
            confidence=torch.from_numpy(confidence),
            person_mask=seen,
            points=self._points(joints, confidence, rows, takes),
            present=torch.stack([seen.any(1), torch.ones(len(seen), dtype=torch.bool)], dim=1),
        )

    def _points(
        self, joints: np.ndarray, confidence: np.ndarray, rows: np.ndarray, takes: Sequence[Take]
    ) -> Tensor | None:
        """Return where the joints are in the frames that were cut out, (N, M, T, V, 2)."""
        if self.pairs.camera is None:
            return None
        focal, width, height = self.pairs.camera[rows].T.reshape(3, -1, 1, 1, 1)
        shares = _shares(joints, focal, width, height)
        pictures = np.array([take.picture for take in takes])[:, ::-1]
        boxes = np.array([take.box for take in takes], np.float64)
        corner, side = boxes[:, 1::-1] / pictures, boxes[:, :1:-1] / pictures
        cut = (shares - corner[:, None, None, None]) / side[:, None, None, None]
        cut[confidence == 0] = 0
        return torch.from_numpy(cut.astype(np.float32))


def between(frames: np.ndarray, rate: int) -> np.ndarray:
    """Return ``rate`` positions for each of T frames, (T * rate,) float64, in order of time.

    They lie evenly about each frame, so that their mean is the frame but at both ends.
    """
    steps = (np.arange(len(frames) * rate) + 0.5) / rate - 0.5
    return np.interp(steps, np.arange(len(frames)), frames)


def _shares(
    joints: np.ndarray, focal: np.ndarray, width: np.ndarray, height: np.ndarray
) -> np.ndarray:
    """Project joints into the picture, (..., 2) shares of its width and height.

    Joints in 2D are pixels. Those in 3D are metres before the camera, x to the left and y up.
    """
    if joints.shape[-1] == 2:
        return joints / np.stack(np.broadcast_arrays(width, height), axis=-1)
    depth = np.maximum(joints[..., 2], NEAREST_M)
    x = 0.5 - joints[..., 0] / depth * focal / width
    y = 0.5 - joints[..., 1] / depth * focal / height
    return np.stack([x, y], axis=-1)
