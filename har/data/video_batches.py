"""Reads a batch of video clips: the sampled frames, cropped and resized."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from har.data.batches import BatchRequest, Clips
from har.data.combined_videos import VideoSource
from har.data.sampling import Sampler
from har.data.video_crops import Box, ClipView, Crop
from har.samples import Batch

ClipAugmentation = Callable[[np.ndarray, int], np.ndarray]
"""Maps frames (T, H, W, 3) uint8 and a seed to frames of the same shape."""

FrameChoice = Callable[[int, np.ndarray], np.ndarray]
"""Keeps some of the positions (T,) that were proposed for a row of the store."""


class VideoBatches(Clips):
    """Reads a requested batch.

    Args:
        store: prepared videos.
        sampler: temporal strategy; a position between two frames takes the nearer one.
        crop: part of the picture; one with several ``parts`` gives a view for each in testing.
        size: height and width of the frames that a model sees, in pixels.
        training: draw positions and crops at random.
        augment: changes the frames of a clip on the CPU, in training only.
        choose: keeps the best of the frames that the sampler proposes; None keeps them all.
    """

    def __init__(
        self,
        store: VideoSource,
        sampler: Sampler,
        crop: Crop,
        size: int,
        training: bool,
        augment: Sequence[ClipAugmentation] = (),
        choose: FrameChoice | None = None,
    ):
        self.store = store
        self.sampler = sampler
        self.crops: tuple[Crop, ...] = (crop,) if training else getattr(crop, "parts", (crop,))
        self.size = size
        self.training = training
        self.augment = tuple(augment) if training else ()
        self.choose = choose

    @property
    def views(self) -> int:
        """K, views of each clip in a batch."""
        return self.sampler.views * len(self.crops)

    def __getitem__(self, request: BatchRequest) -> Batch:
        return self.read(*self.takes(request), request.seed)

    def read(self, takes: Sequence["Take"], views: int, seed: int) -> Batch:
        """Read what was taken, ``views`` of each clip."""
        rows = np.array([take.row for take in takes], np.int64)
        labels = torch.from_numpy(self.store.index.label[rows].astype(np.int64))
        clips = torch.stack([self._read(take) for take in takes])
        return video_batch(clips, labels, torch.from_numpy(rows), views, seed)

    def takes(self, request: BatchRequest) -> tuple[list["Take"], int]:
        """Return what is read for a request, in order, and how many of them are of one clip."""
        rng = np.random.default_rng(request.seed) if self.training else None
        positions = self.sampler(self.store.index.frame_count[request.rows], rng)
        crop_seeds = np.random.default_rng((request.seed, 1)).integers(2**62, size=len(positions))
        frame_numbers = np.rint(positions).astype(np.int64)
        takes = [
            self._take(int(request.rows[number]), view, crop, int(crop_seeds[number]))
            for number in range(len(positions))[request.share]
            for view in frame_numbers[number]
            for crop in self.crops
        ]
        return takes, positions.shape[1] * len(self.crops)

    def _take(self, row: int, frames: np.ndarray, crop: Crop, seed: int) -> "Take":
        index = self.store.index
        if self.choose is not None:
            frames = self.choose(row, frames)
        height, width = self.store.frames(row).shape[1:3]
        view = ClipView(
            height=height,
            width=width,
            recording=str(index.recording[row]),
            start_sec=float(index.start_sec[row]),
            end_sec=float(index.end_sec[row]),
        )
        rng = np.random.default_rng(seed) if self.training else None
        return Take(row, frames, crop(view, rng), (height, width), seed)

    def _read(self, take: "Take") -> Tensor:
        top, left, height, width = take.box
        frames = self.store.frames(take.row)
        cut = np.ascontiguousarray(frames[take.frames, top : top + height, left : left + width])
        for augmentation in self.augment:
            cut = augmentation(cut, take.seed)
        return resized(torch.from_numpy(cut), self.size)


@dataclass(frozen=True, slots=True)
class Take:
    """One view of a clip: which frames, and which part of the picture.

    Attributes:
        row: of the store.
        frames: (T,) int64, frames of the clip.
        box: part of the picture that is cut out.
        picture: height and width of the stored frames, in pixels.
        seed: of the draws for this clip.
    """

    row: int
    frames: np.ndarray
    box: Box
    picture: tuple[int, int]
    seed: int


def resized(frames: Tensor, size: int) -> Tensor:
    """Resize frames (T, H, W, 3) uint8 to (T, size, size, 3)."""
    if frames.shape[1:3] == (size, size):
        return frames
    moved = frames.permute(0, 3, 1, 2)
    scaled = functional.interpolate(moved, (size, size), mode="bilinear", antialias=True)
    return scaled.permute(0, 2, 3, 1).contiguous()


def video_batch(
    frames: Tensor, labels: Tensor, rows: Tensor, views: int = 1, seed: int = 0
) -> Batch:
    """Return a batch that has frames and no joints."""
    count, length = frames.shape[:2]
    return Batch(
        joints=torch.zeros(count, 0, length, 0, 0),
        confidence=torch.zeros(count, 0, length, 0),
        person_mask=torch.zeros(count, 0, dtype=torch.bool),
        labels=labels,
        clip_index=rows,
        views=views,
        seed=seed,
        frames=frames,
    )
