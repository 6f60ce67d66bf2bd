"""Draws people, what they do, and a time line into a video, and writes it as MP4."""

from collections import deque
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont

from har.errors import HarError
from har.evaluation.style import BLUE, GREEN, INK, ORANGE, PALE, shorten
from har.extras import require
from har.pose import Person
from har.pose.privacy import hide
from har.run.watch.watching import Look
from har.skeleton.layout import Layout

LEAST_HEIGHT = 480
TIMELINE_SEC = 30.0
ALARM = "#C00000"
CLASS_COLOURS = (BLUE, "#E69F00", GREEN, "#CC79A7", "#56B4E9", "#F0E442", "#8C564B", "#7F7F7F")

_ROW_SHARE = 0.055
_SEEN = 0.2
_QUALITY = "23"


class VideoWriter:
    """Writes frames as H.264, one by one. A context manager; what is left is a whole file or none.

    Args:
        path: of the MP4.
        fps: frames a second.
    """

    def __init__(self, path: Path, fps: float):
        self.path = path
        self.fps = fps
        self._partial = path.with_name(f".{path.stem}.partial.mp4")
        self._container: Any = None
        self._stream: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._container is not None:
            if kind is None:
                self._container.mux(self._stream.encode(None))
            self._container.close()
        if kind is None and self._partial.exists():
            self._partial.replace(self.path)
        self._partial.unlink(missing_ok=True)

    def write(self, pixels: np.ndarray) -> None:
        """Append a frame (H, W, 3) uint8; an odd last row or column is cut off."""
        av = require("av", "video")
        height, width = (length - length % 2 for length in pixels.shape[:2])
        if self._container is None:
            self._open(av, height, width)
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels[:height, :width]), "rgb24")
        try:
            self._container.mux(self._stream.encode(frame))
        except (OSError, av.FFmpegError) as error:
            raise HarError(f"Cannot write {self.path}: {error}") from error

    def _open(self, av: Any, height: int, width: int) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._container = av.open(str(self._partial), "w")
            rate = Fraction(self.fps).limit_denominator(1001)
            options = {"crf": _QUALITY, "preset": "veryfast"}
            self._stream = self._container.add_stream("libx264", rate=rate, options=options)
        except (OSError, ValueError, av.FFmpegError) as error:
            raise HarError(f"Cannot write {self.path}: {error}") from error
        self._stream.height, self._stream.width = height, width
        self._stream.pix_fmt = "yuv420p"


class Annotator:
    """Draws frames.

    Args:
        layout: of the joints.
        labels: K names.
        is_fall: (K,) bool, labels that are shown in the colour of an alarm; or None.
        people: rows of the time line.
        privacy: see ``har.pose.privacy``.
        seconds: length of the video; the time line shows it all, or its last ``TIMELINE_SEC``.
    """

    def __init__(
        self,
        layout: Layout,
        labels: Sequence[str],
        is_fall: np.ndarray | None,
        people: int,
        privacy: str,
        seconds: float,
    ):
        self.span_sec = min(max(seconds, 1.0), TIMELINE_SEC)
        self.layout = layout
        self.labels = labels
        self.people = people
        self.privacy = privacy
        falls = is_fall if is_fall is not None else np.zeros(len(labels), bool)
        self.colours = [
            _rgb(ALARM if fall else CLASS_COLOURS[number % len(CLASS_COLOURS)])
            for number, fall in enumerate(falls)
        ]
        self._sides = [_side(layout, start, end) for start, end in layout.edge_indices]
        self._said: dict[int, Look] = {}
        self._history: deque[Look] = deque()

    def tell(self, look: Look, now_sec: float) -> None:
        """Remember a look, to be shown from now on; what the time line has left is forgotten."""
        self._said[look.person] = look
        self._history.append(look)
        while self._history and self._history[0].end_sec < now_sec - self.span_sec:
            self._history.popleft()
        self._said = {n: s for n, s in self._said.items() if s.end_sec > now_sec - TIMELINE_SEC}

    def draw(
        self, pixels: np.ndarray, numbers: Sequence[int], people: Sequence[Person], now_sec: float
    ) -> np.ndarray:
        """Return the annotated frame, at least ``LEAST_HEIGHT`` high, with the time line below."""
        shown = hide(pixels, people, self.layout, self.privacy)
        scale = max(1, -(-LEAST_HEIGHT // pixels.shape[0]))
        if scale > 1:
            cv2 = require("cv2", "pose")
            height, width = shown.shape[:2]
            shown = cv2.resize(shown, (width * scale, height * scale))
        for person in people:
            self._skeleton(shown, person, scale)
        return self._texts(shown, dict(zip(numbers, people, strict=True)), scale, now_sec)

    def _skeleton(self, pixels: np.ndarray, person: Person, scale: int) -> None:
        cv2 = require("cv2", "pose")
        points = np.clip(np.rint(person.image * scale), -(2**15), 2**15).astype(int)
        thick = max(2, pixels.shape[0] // 200)
        for (start, end), colour in zip(self.layout.edge_indices, self._sides, strict=True):
            if min(person.confidence[start], person.confidence[end]) >= _SEEN:
                ends = (tuple(points[start].tolist()), tuple(points[end].tolist()))
                cv2.line(pixels, *ends, colour, thick, cv2.LINE_AA)
        for point, sure in zip(points, person.confidence, strict=True):
            if sure >= _SEEN:
                place = tuple(point.tolist())
                cv2.circle(pixels, place, thick, (255, 255, 255), -1, cv2.LINE_AA)

    def _texts(
        self, pixels: np.ndarray, people: Mapping[int, Person], scale: int, now_sec: float
    ) -> np.ndarray:
        height, width = pixels.shape[:2]
        row = max(round(_ROW_SHARE * height), 22)
        canvas = Image.new("RGB", (width, height + row * (self.people + 1)), "white")
        canvas.paste(Image.fromarray(pixels))
        pen = ImageDraw.Draw(canvas)
        font = _font(round(0.62 * row))
        for number, person in people.items():
            self._tag(pen, font, number, person.box * scale, (width, height))
        self._timeline(pen, font, (width, height, row), now_sec)
        return np.asarray(canvas)

    def _tag(
        self,
        pen: ImageDraw.ImageDraw,
        font: Any,
        number: int,
        box: np.ndarray,
        size: tuple[int, int],
    ) -> None:
        """Draw a person's box, and number, label and probability above it."""
        look = self._said.get(number)
        text, colour = f"{number + 1}", _rgb(INK)
        if look is not None:
            label = int(look.probabilities.argmax())
            text = f"{number + 1}  {self.labels[label]}  {100 * look.probabilities[label]:.0f} %"
            colour = self.colours[label]
        left, right = (float(np.clip(box[i], 1, size[0] - 2)) for i in (0, 2))
        top, bottom = (float(np.clip(box[i], 1, size[1] - 2)) for i in (1, 3))
        pen.rectangle((left, top, right, bottom), outline=colour, width=2)
        _, _, wide, high = pen.textbbox((0, 0), text, font=font)
        x = min(max(left, 0), max(size[0] - wide - 8, 0))
        y = min(max(top - high - 8, 0), size[1] - high - 8)
        pen.rectangle((x, y, x + wide + 8, y + high + 6), fill=colour)
        pen.text((x + 4, y + 2), text, fill=_ink_on(colour), font=font)

    def _timeline(
        self, pen: ImageDraw.ImageDraw, font: Any, size: tuple[int, int, int], now_sec: float
    ) -> None:
        """Draw the last seconds: a row for each of the people last seen, the present as a line."""
        width, top, row = size
        start = max(now_sec - self.span_sec, 0.0)
        recent = sorted({look.person for look in self._history})[-self.people :]
        for place, number in enumerate(recent):
            self._row(pen, font, (width, top + place * row, row), number, start)
        below = top + self.people * row
        pen.line((0, below, width, below), fill=_rgb(PALE))
        pen.text((4, below + 2), _clock(start), fill=_rgb(INK), font=font)
        end = _clock(start + self.span_sec)
        wide = pen.textlength(end, font=font)
        pen.text((width - wide - 4, below + 2), end, fill=_rgb(INK), font=font)
        now = width * (now_sec - start) / self.span_sec
        pen.line((now, top, now, below), fill=_rgb(INK), width=2)

    def _row(
        self,
        pen: ImageDraw.ImageDraw,
        font: Any,
        size: tuple[int, int, int],
        number: int,
        start: float,
    ) -> None:
        width, top, row = size
        shown, written = -1, 0.0
        end_before = start
        for look in (look for look in self._history if look.person == number):
            label = int(look.probabilities.argmax())
            begin = max(look.start_sec, end_before, start)
            left, right = (width * (t - start) / self.span_sec for t in (begin, look.end_sec))
            pen.rectangle((left, top + 2, right, top + row - 2), fill=self.colours[label])
            text = shorten(self.labels[label], 14)
            fits = right - left > pen.textlength(text, font=font) or label != shown
            if fits and (label != shown or left > written):
                pen.text((left + 3, top + 3), text, fill=_ink_on(self.colours[label]), font=font)
                written = left + pen.textlength(text, font=font) + 60
            shown, end_before = label, look.end_sec
        pen.text((4, top + 3), f"{number + 1}", fill=_rgb(INK), font=font)


def _side(layout: Layout, start: int, end: int) -> tuple[int, int, int]:
    names = (layout.joints[start], layout.joints[end])
    if all(name.startswith("left") for name in names):
        return _rgb(BLUE)
    return _rgb(ORANGE) if all(name.startswith("right") for name in names) else (235, 235, 235)


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return red, green, blue


def _ink_on(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    red, green, blue = colour
    dark = 0.299 * red + 0.587 * green + 0.114 * blue < 140
    return (255, 255, 255) if dark else _rgb(INK)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return (
        f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"
    )


@lru_cache
def _font(size: int) -> Any:
    return ImageFont.truetype(font_manager.findfont("DejaVu Sans"), max(size, 10))
