"""Measures of a video over time: frame rate, flicker, movement of the camera, cuts.

They are taken of every frame, made small.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from har.extras import require
from har.quality.measure import Measures
from har.quality.video_picture import EXTRA, shrink

SERIES = Measures("video")
SMALL_SIDE_PX = 72
_RATIO = (0.0, 1.0)
_SAME_GREY = 0.02
_SAME_SHARE = 0.1
_GAP_INTERVALS = 1.5
_CUT_GREY = 18.0
_CUT_TIMES = 6.0
_SAME_SCENE = 0.3


@dataclass(frozen=True, eq=False)
class Series:
    """What is kept of every frame of a video.

    Attributes:
        times: (T,) seconds.
        luma: (T,) mean luma, 0 to 255.
        change: (T,) mean absolute difference of the small picture from the one before, in grey
            levels; NaN for the first frame.
        likeness: (T,) height of the peak of the phase correlation with the frame before: 1 for the
            same picture, moved or not, about 0 for another one; NaN first, and as ``shift``.
        shift: (T, 2) movement of the whole picture since the frame before, in picture widths; NaN
            for the first frame and where there is nothing to see.
        fps: as the file says.
        size_px: (height, width) of the video.
    """

    times: np.ndarray
    luma: np.ndarray
    change: np.ndarray
    likeness: np.ndarray
    shift: np.ndarray
    fps: float
    size_px: tuple[int, int]

    @property
    def repeats(self) -> np.ndarray:
        """(T - 1,) bool: frames that show the picture before them once more."""
        change = self.change[1:]
        fresh = change[change > _SAME_GREY]
        usual = float(np.median(fresh)) if len(fresh) else 0.0
        return change <= max(_SAME_GREY, _SAME_SHARE * usual)


class SeriesMeter:
    """Collects a ``Series`` frame by frame."""

    def __init__(self, fps: float) -> None:
        self.fps = fps
        self._rows: list[tuple[float, ...]] = []
        self._before: np.ndarray | None = None
        self._window: np.ndarray | None = None
        self._size = (0, 0)

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, native: np.ndarray, time: float) -> None:
        """Add the next frame.

        Args:
            native: (H, W) uint8 luma.
            time: in seconds.
        """
        cv2 = require("cv2", EXTRA)
        small = shrink(native, SMALL_SIDE_PX).astype(np.float32)
        row = [time, float(small.mean()), np.nan, np.nan, np.nan, np.nan]
        if self._before is not None and self._before.shape == small.shape:
            row[2] = float(cv2.absdiff(small, self._before).mean())
            row[3:] = self._movement(cv2, small)
        self._rows.append(tuple(row))
        self._before, self._size = small, native.shape[:2]

    def series(self) -> Series:
        """Return what was collected."""
        rows = np.array(self._rows, dtype=np.float64).reshape(-1, 6)
        times, luma, change, likeness = rows[:, :4].T
        return Series(times, luma, change, likeness, rows[:, 4:], float(self.fps), self._size)

    def _movement(self, cv2: Any, small: np.ndarray) -> tuple[float, float, float]:
        """Return the likeness with the frame before, and the shift."""
        if min(small.shape) < 8 or small.std() < 1:
            return np.nan, np.nan, np.nan
        if self._window is None or self._window.shape != small.shape:
            self._window = cv2.createHanningWindow(small.shape[::-1], cv2.CV_32F)
        # OpenCV writes into what it is given.
        pair = np.array([self._before, small])
        (right, down), peak = cv2.phaseCorrelate(pair[0], pair[1], self._window)
        return peak, right / small.shape[1], down / small.shape[1]


@SERIES.add("height_px", "detail", "px", (0, None), "high")
def height_px(series: Series) -> float:
    """Return the short side of the picture, as stored; ``fine_detail`` tells if it was enlarged."""
    return float(min(series.size_px))


@SERIES.add("fps", "time", "frames a second", (0, None), "high")
def fps(series: Series) -> float:
    """Return the frame rate by the file's own times."""
    return series.fps


@SERIES.add("fresh_fps", "time", "frames a second", (0, None), "high")
def fresh_fps(series: Series) -> float:
    """Return the rate of frames that show something new."""
    repeated = repeated_ratio(series)
    return series.fps * (1 - repeated) if np.isfinite(repeated) else series.fps


@SERIES.add("repeated_ratio", "time", "share", _RATIO, "low")
def repeated_ratio(series: Series) -> float:
    """Return the share of frames that repeat the picture before them."""
    return float(series.repeats.mean()) if len(series.times) > 1 else float("nan")


@SERIES.add("repeated_run_sec", "time", "s", (0, None), "low")
def repeated_run_sec(series: Series) -> float:
    """Return the longest time for which the picture stands still to the pixel."""
    if len(series.times) < 2:
        return float("nan")
    fresh = np.flatnonzero(~np.concatenate([[False], series.repeats, [False]]))
    return float((np.diff(fresh).max(initial=1) - 1) / series.fps)


@SERIES.add("gap_ratio", "time", "share", _RATIO, "low")
def gap_ratio(series: Series) -> float:
    """Return the share of frames that are missing, by gaps in the times of the frames."""
    if len(series.times) < 3:
        return float("nan")
    steps = np.diff(series.times)
    usual = float(np.median(steps))
    if usual <= 0:
        return float("nan")
    lost = np.where(steps > _GAP_INTERVALS * usual, np.rint(steps / usual) - 1, 0).sum()
    return float(lost / (lost + len(series.times)))


@SERIES.add("flicker", "light", "grey levels", (0, None), "low")
def flicker(series: Series) -> float:
    """Return the change of the mean luma from frame to frame that is no trend.

    The median second difference, as the standard deviation of white noise that would cause it.
    """
    if len(series.luma) < 3:
        return float("nan")
    return float(np.median(np.abs(np.diff(series.luma, 2))) / (0.6745 * np.sqrt(6)))


@SERIES.add("camera_motion", "camera", "widths a second", (0, None), "low")
def camera_motion(series: Series) -> float:
    """Return how fast the whole picture moves, the median over the clip."""
    length = np.hypot(*series.shift.T)
    known = length[np.isfinite(length)]
    return float(np.median(known) * series.fps) if len(known) else float("nan")


@SERIES.add("shake", "camera", "widths", (0, None), "low")
def shake(series: Series) -> float:
    """Return the trembling of the picture: root mean square change of its movement by frame."""
    jumps = np.diff(series.shift, axis=0)
    jumps = jumps[np.isfinite(jumps).all(axis=1)]
    return float(np.sqrt((jumps**2).sum(axis=1).mean())) if len(jumps) else float("nan")


@SERIES.add(
    "scene_cuts", "time", "cuts", (0, None), "low", "phase correlation: Kuglin and Hines 1975"
)
def scene_cuts(series: Series) -> float:
    """Return the number of cuts: the picture changes at once, and is not the one before moved.

    The peak of the phase correlation stays high when the camera shakes or the light changes.
    """
    change = series.change[1:]
    if not len(change):
        return 0.0
    usual = float(np.nanmedian(change)) if np.isfinite(change).any() else 0.0
    large = change > max(_CUT_GREY, _CUT_TIMES * usual)
    return float((large & ~(series.likeness[1:] >= _SAME_SCENE)).sum())
