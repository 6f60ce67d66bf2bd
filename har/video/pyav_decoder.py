"""Decoding with PyAV, the FFmpeg libraries: every damaged frame is told."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from har.errors import VideoError
from har.extras import require
from har.video.timeline import Timeline, error_text, open_container, turned

THREADS = 2


class PyAVDecoder:
    """Decodes from the keyframe before a wanted frame, and goes on from there while it can.

    Args:
        path: the file.
        timeline: of the file.
        size: (height, width) of the frames to return; None keeps those of the video.
    """

    def __init__(self, path: Path, timeline: Timeline, size: tuple[int, int] | None):
        self._path = path
        self._timeline = timeline
        self._files = ExitStack()
        self._container = self._files.enter_context(open_container(path))
        self._stream = self._container.streams.video[0]
        context = self._stream.codec_context
        context.thread_type = "AUTO"
        context.thread_count = THREADS
        # Without it damage is painted over, and nobody is told.
        context.options = {"err_detect": "explode"}
        self.height, self.width = size or timeline.upright_size
        self._running: Iterator[Any] = iter(())
        self._next = len(timeline)

    def read(self, indices: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
        """Yield the frames (H, W, 3) of ascending ``indices``."""
        for index in indices:
            yield self._pixels(self._decode(index))

    def close(self) -> None:
        """Close the file."""
        self._running = iter(())
        self._files.close()

    def _decode(self, index: int) -> Any:
        """Return a frame as PyAV has it."""
        keyframes = self._timeline.keyframes
        key = int(keyframes[np.searchsorted(keyframes, index, side="right") - 1])
        if not key <= self._next <= index:
            self._running, self._next = self._frames_from(key), key
        av = require("av", "video")
        while True:
            expected = self._next
            self._next = len(self._timeline)  # nowhere, should the next lines fail
            try:
                frame = next(self._running, None)
            except av.FFmpegError as error:
                raise self._failure(expected, f"cannot be decoded ({error_text(error)})") from error
            if frame is None or frame.is_corrupt or not self._is(frame, expected):
                raise self._failure(expected, "cannot be decoded: its data are damaged")
            self._next = expected + 1
            if expected == index:
                return frame

    def _frames_from(self, key: int) -> Iterator[Any]:
        """Yield the frames from a keyframe on, in order."""
        pts = self._timeline.pts
        first = int(pts[key]) if pts is not None and key > 0 else None
        self._container.seek(0 if first is None else first, stream=self._stream)
        for packet in self._container.demux(self._stream):
            # Frames shown before the keyframe but stored after it need the part before it.
            if first is None or packet.pts is None or packet.pts >= first:
                yield from packet.decode()

    def _is(self, frame: Any, index: int) -> bool:
        pts = self._timeline.pts
        return pts is None or frame.pts == pts[index]

    def _failure(self, index: int, reason: str) -> VideoError:
        return VideoError(str(self._path), reason, index)

    def _pixels(self, frame: Any) -> NDArray[np.uint8]:
        turns = self._timeline.quarter_turns
        height, width = turned((self.height, self.width), turns)
        resized = frame.reformat(width=width, height=height, format="rgb24")
        return np.rot90(resized.to_ndarray(), turns)
