"""Faults of time and mounting: frames lost or repeated, a camera that shakes or hangs crooked."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from har.extras import require
from har.quality.corruptions.video_base import EXTRA, VideoCorruption, pixels

SHAKE_MEMORY = 0.6
"""Share of a frame's displacement that the next one keeps."""


@dataclass(frozen=True)
class FrameDrop(VideoCorruption):
    """Lost frames: the last one that came is shown again."""

    name: ClassVar[str] = "frame_drop"
    parameter: ClassVar[str] = "share of the frames that are lost"
    levels: ClassVar[tuple[float, ...]] = (0.1, 0.2, 0.35, 0.5, 0.7)

    def corrupt(self, frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return frames with repetitions; the first one is never lost."""
        kept = rng.random(len(frames)) >= self.level
        kept[0] = True
        return frames[np.maximum.accumulate(np.where(kept, np.arange(len(frames)), 0))]


@dataclass(frozen=True)
class VideoFrameRate(VideoCorruption):
    """A slower camera: each frame is shown until the next one comes."""

    name: ClassVar[str] = "video_frame_rate"
    parameter: ClassVar[str] = "one frame in so many"
    levels: ClassVar[tuple[int, ...]] = (2, 3, 4, 6, 10)

    def corrupt(self, frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return frames with repetitions."""
        phase = int(rng.random() * self.level)
        held = (np.arange(len(frames)) + phase) // self.level * self.level - phase
        return frames[held.clip(min=0)]


@dataclass(frozen=True)
class Shake(VideoCorruption):
    """A camera that shakes: random shifts and small turns from frame to frame."""

    name: ClassVar[str] = "shake"
    parameter: ClassVar[str] = "standard deviation of the shift, px at 224 px"
    levels: ClassVar[tuple[float, ...]] = (2, 4, 7, 11, 16)

    def corrupt(self, frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return shaking frames; what comes into view is a reflection."""
        steps = rng.standard_normal((len(frames), 3)) * np.sqrt(1 - SHAKE_MEMORY**2)
        moves = np.zeros(3)
        out = np.empty_like(frames)
        for place, step in enumerate(steps):
            moves = SHAKE_MEMORY * moves + step
            shift = pixels(frames, self.level) * moves[:2]
            out[place] = _moved(frames[place], shift, 0.2 * self.level * moves[2])
        return out


@dataclass(frozen=True)
class Rotation(VideoCorruption):
    """A camera that hangs crooked, to one side all through the clip."""

    name: ClassVar[str] = "rotation"
    parameter: ClassVar[str] = "angle, degrees"
    levels: ClassVar[tuple[float, ...]] = (5, 10, 20, 30, 45)

    def corrupt(self, frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return turned frames."""
        angle = self.level * rng.choice((-1, 1))
        return np.stack([_moved(frame, np.zeros(2), angle) for frame in frames])


def _moved(frame: np.ndarray, shift: np.ndarray, degrees: float) -> np.ndarray:
    cv2 = require("cv2", EXTRA)
    height, width = frame.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    matrix[:, 2] += shift
    return cv2.warpAffine(
        frame, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
