"""One pass over a video: every frame small for what happens over time, some frames whole."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from har.errors import VideoError
from har.extras import require
from har.quality.measure import Measure
from har.quality.video_picture import EXTRA, PICTURE, Picture
from har.quality.video_series import SERIES, SeriesMeter
from har.video import Frame, open_video

VERSION = 2
"""Raised when a measure changes its values, so that stored values are taken anew."""

PICTURES_A_SECOND = 2.0


@dataclass(frozen=True, eq=False)
class VideoMeasures:
    """The measures of one video.

    Attributes:
        path: of the file, "" for frames that were given.
        values: by name; NaN where the video does not tell. Empty if it cannot be read.
        problem: why the video cannot be read, or "".
    """

    path: str
    values: dict[str, float]
    problem: str = ""


@dataclass(eq=False)
class _Meter:
    fps: float
    every: int
    series: SeriesMeter = field(init=False)
    pictures: list[dict[str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.series = SeriesMeter(self.fps)

    def add(self, rgb: np.ndarray, time: float) -> None:
        picture = Picture(rgb)
        if len(self.series) % self.every == 0:
            self.pictures.append({n: measure(picture) for n, measure in PICTURE.functions.items()})
        self.series.add(picture.native, time)

    def values(self) -> dict[str, float]:
        series = self.series.series()
        over_time = {name: measure(series) for name, measure in SERIES.functions.items()}
        return over_time | {name: _median(self.pictures, name) for name in PICTURE.functions}


def video_measures() -> dict[str, Measure]:
    """Return the descriptions of all measures of videos, by name."""
    return {**SERIES.described, **PICTURE.described}


def measure_frames(
    frames: np.ndarray, fps: float, times: np.ndarray | None = None
) -> dict[str, float]:
    """Measure a clip that is in memory.

    Args:
        frames: (T, H, W, 3) uint8 RGB; T may be 0, then all is NaN.
        fps: frames a second.
        times: (T,) seconds of the frames; None takes them from ``fps``.
    """
    if not len(frames):
        return dict.fromkeys(video_measures(), float("nan"))
    seconds = np.arange(len(frames)) / fps if times is None else times
    return _measure((Frame(i, float(seconds[i]), pixels) for i, pixels in enumerate(frames)), fps)


def measure_video(path: Path) -> VideoMeasures:
    """Measure a video; one that cannot be read is told in ``problem``."""
    try:
        with open_video(path) as video:
            values = _measure(video.stream(), video.fps)
    except VideoError as error:
        return VideoMeasures(str(path), {}, problem=str(error))
    return VideoMeasures(str(path), values)


def measure_videos(
    paths: Sequence[Path], workers: int = 1, progress: Callable[[int], object] | None = None
) -> list[VideoMeasures]:
    """Measure videos, several at a time.

    Args:
        paths: the files.
        workers: processes; the values do not depend on it.
        progress: called with 1 for every video that is done.
    """
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn")) if workers > 1 else None
    found = []
    with pool or nullcontext():
        results = pool.map(measure_video, paths) if pool else map(measure_video, paths)
        for measured in results:
            found.append(measured)
            if progress is not None:
                progress(1)
    return found


def _measure(frames: Iterable[Frame], fps: float) -> dict[str, float]:
    require("cv2", EXTRA).setNumThreads(1)
    meter = _Meter(fps, max(1, round(fps / PICTURES_A_SECOND)))
    for frame in frames:
        meter.add(frame.pixels, frame.time)
    return meter.values()


def _median(pictures: Sequence[dict[str, float]], name: str) -> float:
    known = [value for p in pictures if np.isfinite(value := p[name])]
    return float(np.median(known)) if known else float("nan")
