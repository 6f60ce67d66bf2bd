"""Frames of cameras and network streams as they come: always the newest, across interruptions."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from har.errors import VideoError
from har.extras import require
from har.video.address import CameraAddress
from har.video.reader import open_video
from har.video.timeline import error_text

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
"""Between two tries to reach a camera that is away; each wait is twice the one before."""

OPEN_TIMEOUT_S, READ_TIMEOUT_S = 10.0, 5.0
EARLY = 0.9
"""Share of the time between two frames after which the next one is taken, so that none is missed
for coming a little early."""


@dataclass(frozen=True, slots=True, eq=False)
class LiveFrame:
    """One frame.

    Attributes:
        time: seconds on a clock that never goes back; how far apart two frames are is right.
        read: returns the pixels (H, W, 3) uint8, red, green, blue.
    """

    time: float
    read: Callable[[], np.ndarray]


@dataclass(frozen=True, slots=True)
class Interruption:
    """The camera was lost, or is back.

    Attributes:
        time: as of a frame.
        lost: False where it is back.
        text: for people.
    """

    time: float
    lost: bool
    text: str


Source = Iterator[LiveFrame | Interruption]


class Newest:
    """Runs a source in a thread of its own and hands on its newest frame; a context manager.

    Whoever is slower than the source gets fewer frames, never old ones, and memory does not grow.
    Interruptions are all handed on. What ends the source with an error is raised again here.

    Args:
        make: makes the source from an event that is set when it shall end.

    Attributes:
        dropped: frames that were replaced by a newer one before anybody took them.
    """

    def __init__(self, make: Callable[[threading.Event], Source]):
        self.dropped = 0
        self._closing = threading.Event()
        self._changed = threading.Condition()
        self._frame: LiveFrame | None = None
        self._told: deque[Interruption] = deque()
        self._ended = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, args=(make,), daemon=True)

    def __enter__(self) -> "Newest":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._closing.set()
        self._thread.join(READ_TIMEOUT_S)

    def __iter__(self) -> Source:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._told or self._frame or self._ended)
                if self._told:
                    item: LiveFrame | Interruption = self._told.popleft()
                elif self._frame is not None:
                    item, self._frame = self._frame, None
                elif self._error is not None:
                    raise self._error
                else:
                    return
            yield item

    def _work(self, make: Callable[[threading.Event], Source]) -> None:
        try:
            for item in make(self._closing):
                self._put(item)
                if self._closing.is_set():
                    break
        except Exception as error:  # of the other thread, and raised there
            self._error = error
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _put(self, item: LiveFrame | Interruption) -> None:
        with self._changed:
            if isinstance(item, Interruption):
                self._told.append(item)
            else:
                self.dropped += self._frame is not None
                self._frame = item
            self._changed.notify_all()


def watch_camera(address: CameraAddress, max_fps: float, closing: threading.Event) -> Source:
    """Yield the frames of a camera for ever; where it is lost, try to reach it again.

    Times are those at which frames arrived. A frame whose data are damaged is left out.

    Args:
        address: of the camera.
        max_fps: frames a second to take at most.
        closing: ends it.

    Raises:
        VideoError: the camera cannot be reached at the start.
    """
    clock, wait, reached = _Clock(), FIRST_WAIT_S, False
    last = -np.inf
    lost_at: float | None = None
    while not closing.is_set():
        reason = "it sends no more"
        try:
            for frame in _frames(address):
                now, reached, wait = clock(), True, FIRST_WAIT_S
                if lost_at is not None:
                    text = f"{address} is back after {now - lost_at:.1f} s"
                    yield Interruption(now, False, text)
                    lost_at = None
                if now - last >= EARLY / max_fps:
                    last = now
                    yield LiveFrame(now, _reader(frame))
                if closing.is_set():
                    return
        except VideoError as error:
            reason = error.reason
        except (require("av", "video").FFmpegError, OSError) as error:
            reason = error_text(error)
        if not reached:
            raise VideoError(str(address), f"cannot be watched ({reason})")
        if lost_at is None:
            lost_at = clock()
            text = f"{address} is lost ({reason}): trying to reach it again"
            yield Interruption(lost_at, True, text)
        closing.wait(wait)
        wait = min(2 * wait, LONGEST_WAIT_S)


def play_video(path: Path, max_fps: float, closing: threading.Event) -> Source:
    """Yield the frames of a file when their time has come, as a camera would.

    Raises:
        VideoError: the file cannot be read.
    """
    clock, last = _Clock(), -np.inf
    with open_video(path) as video:
        for frame in video.stream():
            if closing.wait(max(0.0, frame.time - clock())):
                return
            if frame.time - last >= EARLY / max_fps:
                last = frame.time
                yield LiveFrame(frame.time, _constant(frame.pixels))


def read_video(path: Path, max_fps: float) -> Iterator[LiveFrame]:
    """Yield the frames of a file as fast as they are taken, none left out but for ``max_fps``.

    Raises:
        VideoError: the file cannot be read.
    """
    last = -np.inf
    with open_video(path) as video:
        for frame in video.stream():
            if frame.time - last >= EARLY / max_fps:
                last = frame.time
                yield LiveFrame(frame.time, _constant(frame.pixels))


class _Clock:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def __call__(self) -> float:
        return time.monotonic() - self._start


def _frames(address: CameraAddress) -> Iterator[Any]:
    """Yield decoded frames until the stream ends."""
    av = require("av", "video")
    timeout = (OPEN_TIMEOUT_S, READ_TIMEOUT_S)
    options = dict(address.options)
    with av.open(address.url, format=address.format, options=options, timeout=timeout) as container:
        if not container.streams.video:
            raise VideoError(str(address), "holds no video, only other streams")
        for packet in container.demux(container.streams.video[0]):
            try:
                yield from packet.decode()
            except av.InvalidDataError:
                continue


def _reader(frame: Any) -> Callable[[], np.ndarray]:
    return lambda: frame.to_ndarray(format="rgb24")


def _constant(pixels: np.ndarray) -> Callable[[], np.ndarray]:
    return lambda: pixels
