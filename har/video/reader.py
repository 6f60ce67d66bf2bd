"""One interface over the decoders."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from har.errors import ConfigError, VideoError, did_you_mean
from har.video.decord_decoder import DecordDecoder
from har.video.pyav_decoder import PyAVDecoder
from har.video.timeline import Timeline, read_timeline
from har.video.torchcodec_decoder import TorchcodecDecoder

Pixels = NDArray[np.uint8]


class Decoder(Protocol):
    """Gets pixels out of one file.

    Attributes:
        height, width: of the frames it returns, in pixels.
    """

    height: int
    width: int

    def read(self, indices: Sequence[int]) -> Iterator[Pixels]:
        """Yield the frames (H, W, 3) of ascending ``indices``, each given once."""

    def close(self) -> None:
        """Close the file."""


DECODERS: Mapping[str, Callable[[Path, Timeline, tuple[int, int] | None], Decoder]] = {
    "pyav": PyAVDecoder,
    "decord": DecordDecoder,
    "torchcodec": TorchcodecDecoder,
}
DEFAULT_DECODER = "pyav"
"""The only one that reports a frame whose data are damaged; see docs/video.md."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One frame of a video.

    Attributes:
        index: its number, from 0.
        time: seconds since the first frame.
        pixels: (H, W, 3) uint8, red, green, blue.
    """

    index: int
    time: float
    pixels: Pixels


class VideoReader:
    """An open video; made by :func:`open_video`. A context manager.

    Attributes:
        path: the file.
        frame_count: how many frames it has.
        fps: mean frames a second.
        height, width: of the frames that are returned, turned upright and resized.
        timestamps: (N,) float64 seconds of each frame since the first.
    """

    def __init__(self, path: Path, timeline: Timeline, decoder: Decoder):
        self.path = path
        self.frame_count = len(timeline)
        self.fps = timeline.fps
        self.height = decoder.height
        self.width = decoder.width
        self.timestamps = timeline.timestamps
        self._decoder = decoder

    def frames(self, indices: Sequence[int]) -> Pixels:
        """Return exactly the frames asked for, as (K, H, W, 3) RGB.

        Args:
            indices: frame numbers from 0, in any order; a number may come several times.

        Raises:
            VideoError: a frame does not exist or cannot be decoded.
        """
        wanted, places = np.unique(np.asarray(indices, np.int64), return_inverse=True)
        for index in wanted:
            self._check(int(index))
        pixels = np.empty((len(wanted), self.height, self.width, 3), np.uint8)
        for row, frame in enumerate(self._decoder.read(wanted.tolist())):
            pixels[row] = frame
        in_order = len(places) == len(wanted) and bool((np.diff(places) > 0).all())
        return pixels if in_order else pixels[places]

    def stream(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """Yield the frames from ``start`` up to but not including ``stop``, one by one.

        Memory does not grow with the length of the video.

        Raises:
            VideoError: a frame does not exist or cannot be decoded.
        """
        stop = self.frame_count if stop is None else stop
        if stop <= start:
            return
        self._check(start)
        self._check(stop - 1)
        indices = range(start, stop)
        for index, pixels in zip(indices, self._decoder.read(indices), strict=True):
            yield Frame(index, float(self.timestamps[index]), pixels)

    def close(self) -> None:
        """Close the file; the reader is of no use afterwards."""
        self._decoder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _check(self, index: int) -> None:
        if not 0 <= index < self.frame_count:
            reason = f"does not exist: the video has frames 0 to {self.frame_count - 1}"
            raise VideoError(str(self.path), reason, index)


def open_video(
    path: Path, *, decoder: str = "auto", size: tuple[int, int] | None = None
) -> VideoReader:
    """Open a video.

    Args:
        path: a file on this machine.
        decoder: one of ``DECODERS``, or "auto" for the default.
        size: (height, width) to resize every frame to; None keeps the size of the video.

    Raises:
        VideoError: the file is missing, empty, no video, without frames, or cut off.
        ConfigError: there is no such decoder, it is not installed, or the size is not positive.
    """
    name = DEFAULT_DECODER if decoder == "auto" else decoder
    if name not in DECODERS:
        allowed = ("auto", *DECODERS)
        raise ConfigError(
            f"unknown decoder '{decoder}'.{did_you_mean(decoder, allowed)} "
            f"Allowed: {', '.join(allowed)}"
        )
    if size is not None and min(size) < 1:
        raise ConfigError(f"size must be (height, width) of at least 1 pixel each, not {size}")
    path = Path(path)
    timeline = read_timeline(path)
    return VideoReader(path, timeline, DECODERS[name](path, timeline, size))
