"""Faults of image and transmission: blur, compression, low resolution, things in the way."""

import io
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from har.extras import require
from har.quality.corruptions.video_base import EXTRA, VideoCorruption, pixels


@dataclass(frozen=True)
class DefocusBlur(VideoCorruption):
    """An image out of focus: each point becomes a disc. Radii of ImageNet-C (Hendrycks 2019)."""

    name: ClassVar[str] = "defocus_blur"
    parameter: ClassVar[str] = "radius, px at 224 px"
    levels: ClassVar[tuple[float, ...]] = (3, 4, 6, 8, 10)

    def corrupt(self, frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG002
        """Return blurred frames."""
        return _filtered(frames, _disc(pixels(frames, self.level)))


@dataclass(frozen=True)
class MotionBlur(VideoCorruption):
    """Blur along a line, in a direction that stays the same through the clip."""

    name: ClassVar[str] = "motion_blur"
    parameter: ClassVar[str] = "length, px at 224 px"
    levels: ClassVar[tuple[float, ...]] = (7, 11, 15, 21, 29)

    def corrupt(self, frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return blurred frames."""
        return _filtered(frames, _line(pixels(frames, self.level), rng.uniform(0, np.pi)))


@dataclass(frozen=True)
class Downscale(VideoCorruption):
    """Low resolution: made smaller by area, and large again. Factors of ImageNet-C's pixelation."""

    name: ClassVar[str] = "downscale"
    parameter: ClassVar[str] = "factor of each side"
    levels: ClassVar[tuple[float, ...]] = (0.6, 0.5, 0.4, 0.3, 0.25)

    def corrupt(self, frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG002
        """Return coarse frames."""
        cv2 = require("cv2", EXTRA)
        height, width = frames.shape[1:3]
        small = max(1, round(width * self.level)), max(1, round(height * self.level))
        return np.stack(
            [
                cv2.resize(
                    cv2.resize(frame, small, interpolation=cv2.INTER_AREA),
                    (width, height),
                    interpolation=cv2.INTER_LINEAR,
                )
                for frame in frames
            ]
        )


@dataclass(frozen=True)
class Jpeg(VideoCorruption):
    """Every frame compressed by itself. Qualities of ImageNet-C (Hendrycks 2019)."""

    name: ClassVar[str] = "jpeg"
    parameter: ClassVar[str] = "quality of libjpeg, of 100"
    levels: ClassVar[tuple[int, ...]] = (25, 18, 15, 10, 7)

    def corrupt(self, frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG002
        """Return compressed frames."""
        cv2 = require("cv2", EXTRA)
        out = np.empty_like(frames)
        for place, frame in enumerate(frames):
            _, code = cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, self.level])
            out[place] = cv2.imdecode(code, cv2.IMREAD_COLOR)[..., ::-1]
        return out


@dataclass(frozen=True)
class H264(VideoCorruption):
    """The clip compressed as a surveillance camera does, at a constant rate factor of x264.

    The usual factor is 23; 51 is the worst there is.
    """

    name: ClassVar[str] = "h264"
    parameter: ClassVar[str] = "constant rate factor of x264"
    levels: ClassVar[tuple[int, ...]] = (30, 35, 40, 45, 50)

    def corrupt(self, frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG002
        """Return compressed frames; those of odd height or width are padded meanwhile."""
        height, width = frames.shape[1:3]
        even = np.pad(frames, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        decoded = _decode(_encode(even, self.level))
        return decoded[:, :height, :width]


@dataclass(frozen=True)
class Occluder(VideoCorruption):
    """Something opaque and grey stands before the camera, all through the clip."""

    name: ClassVar[str] = "occluder"
    parameter: ClassVar[str] = "share of the image that is covered"
    levels: ClassVar[tuple[float, ...]] = (0.05, 0.1, 0.2, 0.3, 0.45)

    def corrupt(self, frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return frames with a box before them."""
        height, width = frames.shape[1:3]
        shape, across, down = rng.uniform(-0.5, 0.5), rng.random(), rng.random()
        grey = rng.integers(30, 120)
        tall = min(height, round(height * np.sqrt(self.level) * 2**shape))
        wide = min(width, round(self.level * height * width / max(tall, 1)))
        top, left = round(down * (height - tall)), round(across * (width - wide))
        out = frames.copy()
        out[:, top : top + tall, left : left + wide] = grey
        return out


def _filtered(frames: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    cv2 = require("cv2", EXTRA)
    border = cv2.BORDER_REFLECT_101 if min(frames.shape[1:3]) > 1 else cv2.BORDER_REPLICATE
    return np.stack([cv2.filter2D(frame, -1, kernel, borderType=border) for frame in frames])


def _disc(radius: float) -> np.ndarray:
    """Return a disc with a soft edge, of sum 1."""
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = (radius + 0.5 - np.hypot(x, y)).clip(0, 1).astype(np.float32)
    return disc / disc.sum()


def _line(length: float, angle: float) -> np.ndarray:
    """Return a line through the middle with soft edges, of sum 1."""
    reach = int(np.ceil(length / 2))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    along, across = x * np.cos(angle) + y * np.sin(angle), x * np.sin(angle) - y * np.cos(angle)
    inside = (length / 2 + 0.5 - np.abs(along)).clip(0, 1)
    line = (inside * (1 - np.abs(across)).clip(0, 1)).astype(np.float32)
    return line / line.sum()


def _encode(frames: np.ndarray, rate_factor: int) -> io.BytesIO:
    av = require("av", EXTRA)
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        options = {"crf": str(rate_factor), "preset": "medium"}
        stream = container.add_stream("libx264", rate=30, options=options)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    file.seek(0)
    return file


def _decode(file: io.BytesIO) -> np.ndarray:
    with require("av", EXTRA).open(file) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
