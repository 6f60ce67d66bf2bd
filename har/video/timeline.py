"""Where the frames of a video lie in time and in its file, read without decoding any of them.

One pass over the packets of the file finds what every decoder then agrees on: how many frames
there are, when each is shown, and from which of them decoding can start. A file that ends early is
found here, too.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from har.errors import VideoError
from har.extras import require

FORMATS = (
    "mov", "matroska", "webm", "avi", "mpegts", "mpeg", "mpegvideo", "flv", "asf", "ogg", "mxf",
    "h264", "hevc", "m4v", "mjpeg", "ivf", "gif",
)  # fmt: skip
"""Formats that are read. Playlists, which name other files, text and pictures are no videos here.
"""

UNKNOWN_FPS = 25.0
"""Taken where a file has neither time stamps nor a rate, such as a bare stream."""

_OPTIONS = {
    "format_whitelist": ",".join(FORMATS),
    "protocol_whitelist": "file",
    "fflags": "+genpts",
}


@dataclass(frozen=True, eq=False)
class Timeline:
    """The N frames of a video in the order in which they are shown.

    Attributes:
        pts: (N,) int64 time stamps in ticks of the stream; None where the file has none, so that
            frames can only be counted.
        timestamps: (N,) float64 seconds since the first frame.
        keyframes: frames at which decoding can start, ascending; the first is 0.
        fps: mean frames a second.
        height, width: as stored, in pixels.
        quarter_turns: counterclockwise, that turn what is stored upright: 0 to 3.
    """

    pts: np.ndarray | None
    timestamps: np.ndarray
    keyframes: np.ndarray
    fps: float
    height: int
    width: int
    quarter_turns: int

    @property
    def upright_size(self) -> tuple[int, int]:
        """Height and width of the frames as they are shown."""
        return turned((self.height, self.width), self.quarter_turns)

    def __len__(self) -> int:
        return len(self.timestamps)


@contextmanager
def open_container(path: Path) -> Iterator[Any]:
    """Open the file with PyAV, and tell what PyAV has against it as a VideoError."""
    av = require("av", "video")
    if not path.is_file():
        raise VideoError(str(path), "is no file" if path.exists() else "there is no such file")
    if path.stat().st_size == 0:
        raise VideoError(str(path), "is empty")
    try:
        container = av.open(str(path), options=_OPTIONS)
    except (av.FFmpegError, ValueError) as error:
        raise VideoError(str(path), f"is no readable video ({error_text(error)})") from error
    with container:
        if not container.streams.video:
            raise VideoError(str(path), "holds no video, only other streams")
        yield container


def turned(size: tuple[int, int], quarter_turns: int) -> tuple[int, int]:
    """Return height and width after quarter turns."""
    return size if quarter_turns % 2 == 0 else (size[1], size[0])


def read_timeline(path: Path) -> Timeline:
    """Read the timeline of a video.

    Raises:
        VideoError: the file is missing, empty, no video, without frames, or ends early.
    """
    with open_container(path) as container:
        stream = container.streams.video[0]
        pts, is_key, found = _packets(path, container, stream)
        if len(pts) == 0:
            raise VideoError(str(path), "is missing: the video has no frames", 0)
        if found < stream.frames:
            promised = f"its header promises {stream.frames} frames"
            raise VideoError(str(path), f"is missing: the file ends before it, {promised}", found)
        tick = float(stream.time_base or 0)
        nominal_fps = float(stream.average_rate or stream.guessed_rate or UNKNOWN_FPS)
        # AVI stores frames in the order of decoding, and no time by which to put them in order.
        unordered = container.format.name == "avi" and stream.codec_context.has_b_frames
    height, width, turns = _first_frame(path)
    if unordered or None in pts or len(set(pts)) < len(pts):
        times = np.arange(len(pts)) / nominal_fps
        start = np.zeros(1, np.int64)
        return Timeline(None, times, start, nominal_fps, height, width, turns)
    ticks = np.array(pts, np.int64)
    order = np.argsort(ticks)
    ticks = ticks[order]
    times = (ticks - ticks[0]) * tick
    # A video cut out of a longer one may show frames before its first keyframe.
    keyframes = np.union1d(np.flatnonzero(np.array(is_key)[order]), [0])
    fps = (len(ticks) - 1) / times[-1] if times[-1] > 0 else nominal_fps
    return Timeline(ticks, times, keyframes, fps, height, width, turns)


def _first_frame(path: Path) -> tuple[int, int, int]:
    """Return stored height and width, and the quarter turns counterclockwise to upright."""
    av = require("av", "video")
    with open_container(path) as container:
        try:
            frame = next(container.decode(container.streams.video[0]), None)
        except av.FFmpegError as error:
            raise VideoError(str(path), f"cannot be decoded ({error_text(error)})", 0) from error
    if frame is None:
        raise VideoError(str(path), "cannot be decoded", 0)
    return frame.height, frame.width, round(frame.rotation / 90) % 4


def _packets(path: Path, container: Any, stream: Any) -> tuple[list[int | None], list[bool], int]:
    """Return time stamp and kind of every frame to be shown, and the count of all frames."""
    av = require("av", "video")
    pts: list[int | None] = []
    is_key: list[bool] = []
    found = 0
    try:
        for packet in container.demux(stream):
            if packet.size == 0 and packet.dts is None:
                break  # marks the end
            if packet.is_corrupt:
                raise VideoError(str(path), "is damaged or cut off", found)
            found += 1
            if packet.size > 0 and not packet.is_discard:
                pts.append(packet.pts)
                is_key.append(packet.is_keyframe)
    except av.FFmpegError as error:
        raise VideoError(str(path), f"cannot be read ({error_text(error)})", found) from error
    return pts, is_key, found


def error_text(error: Exception) -> str:
    """Return what a library says is wrong, in one line."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
