"""Which part of the picture a model sees: the same for all frames of a clip."""

import csv
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from har.errors import ConfigError

Box = tuple[int, int, int, int]
"""Top, left, height and width in pixels."""


@dataclass(frozen=True, slots=True)
class ClipView:
    """What a crop may depend on.

    Attributes:
        height, width: of the frames, in pixels.
        recording: id of the recording.
        start_sec, end_sec: time of the clip within it.
    """

    height: int
    width: int
    recording: str
    start_sec: float
    end_sec: float


class Crop(Protocol):
    """Chooses a box of the picture."""

    def __call__(self, view: ClipView, rng: np.random.Generator | None) -> Box:
        """Return the box; ``rng`` draws it in training and is None in testing."""


@dataclass(frozen=True)
class FullFrame:
    """The whole picture, squeezed to the size of the model."""

    def __call__(self, view: ClipView, rng: np.random.Generator | None) -> Box:  # noqa: ARG002
        """Return the whole picture; see ``Crop``."""
        return 0, 0, view.height, view.width


@dataclass(frozen=True)
class SquareCrop:
    """A square.

    Training draws its side as a share of the shorter edge, and its place; testing takes the
    largest square in the middle.

    Attributes:
        min_scale, max_scale: share of the shorter edge.
    """

    min_scale: float = 0.8
    max_scale: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.min_scale <= self.max_scale <= 1:
            raise ConfigError(
                f"SquareCrop: min_scale={self.min_scale} and max_scale={self.max_scale} must "
                "satisfy 0 < min_scale <= max_scale <= 1"
            )

    def __call__(self, view: ClipView, rng: np.random.Generator | None) -> Box:
        """Return a square; see ``Crop``."""
        short = min(view.height, view.width)
        if rng is None:
            return (view.height - short) // 2, (view.width - short) // 2, short, short
        side = max(1, round(short * rng.uniform(self.min_scale, self.max_scale)))
        top = int(rng.integers(view.height - side + 1))
        left = int(rng.integers(view.width - side + 1))
        return top, left, side, side


@dataclass(frozen=True)
class PlacedSquare:
    """The largest square at a place along the longer edge.

    Attributes:
        place: 0 at the left or top end, 1 at the right or bottom end.
    """

    place: float = 0.5

    def __call__(self, view: ClipView, rng: np.random.Generator | None) -> Box:  # noqa: ARG002
        """Return the square; see ``Crop``."""
        short = min(view.height, view.width)
        top, left = (round(self.place * (edge - short)) for edge in (view.height, view.width))
        return top, left, short, short


@dataclass(frozen=True)
class ThreeCrops:
    """Both ends and the middle, as three views of a clip whose scores are averaged; for testing."""

    parts: tuple[PlacedSquare, ...] = field(
        default=(PlacedSquare(0.0), PlacedSquare(0.5), PlacedSquare(1.0)), init=False
    )

    def __call__(self, view: ClipView, rng: np.random.Generator | None) -> Box:
        """Return the middle one; see ``Crop``."""
        return self.parts[1](view, rng)


@dataclass(frozen=True)
class PersonCrop:
    """The smallest box around a person during the clip, with a margin, made square where it fits.

    Without a box of the person in the time of the clip the whole picture is taken.

    Attributes:
        tracks: CSV table with the columns recording, time_sec, left, top, right, bottom; the
            edges are shares of width and height, in [0, 1].
        margin: added on each side, as a share of the longer side of the box.
        jitter: training moves the box by up to this share of its sides.
    """

    tracks: str
    margin: float = 0.15
    jitter: float = 0.1

    def __call__(self, view: ClipView, rng: np.random.Generator | None) -> Box:
        """Return the box of the person; see ``Crop``."""
        edges = self._boxes.get(view.recording)
        if edges is not None:
            inside = (edges[:, 0] >= view.start_sec) & (edges[:, 0] <= view.end_sec)
            edges = edges[inside, 1:]
        if edges is None or len(edges) == 0:
            return 0, 0, view.height, view.width
        scale = np.array([view.width, view.height])
        low, high = edges[:, :2].min(axis=0) * scale, edges[:, 2:].max(axis=0) * scale
        side = (high - low).max() * (1 + 2 * self.margin)
        middle = (low + high) / 2
        if rng is not None:
            middle = middle + rng.uniform(-self.jitter, self.jitter, 2) * side
        return _inside(middle, side, view)

    @cached_property
    def _boxes(self) -> dict[str, np.ndarray]:
        """Rows of time, left, top, right, bottom by recording."""
        columns = ("time_sec", "left", "top", "right", "bottom")
        rows: dict[str, list[list[float]]] = {}
        try:
            with Path(self.tracks).open(encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file):
                    numbers = [float(row[name]) for name in columns]
                    rows.setdefault(row["recording"], []).append(numbers)
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise ConfigError(
                f"PersonCrop: {self.tracks} is no table with the columns recording, "
                f"{', '.join(columns)}: {error}"
            ) from error
        return {name: np.array(values) for name, values in rows.items()}


def _inside(middle: np.ndarray, side: float, view: ClipView) -> Box:
    """Return a square around ``middle``, moved and cut so that it lies in the picture."""
    size = np.array([view.width, view.height])
    sides = np.minimum(max(1, round(side)), size)
    left, top = np.clip(np.rint(middle - sides / 2), 0, size - sides).astype(int)
    return int(top), int(left), int(sides[1]), int(sides[0])
