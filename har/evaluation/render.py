"""Skeleton clips as pictures: a strip of key frames, and an animation."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from har.errors import HarError
from har.evaluation.projection import SkeletonClip, bounds
from har.evaluation.style import BLUE, GREY, INK, ORANGE, PALE, new_figure, save_figure

_CENTRE = "#444444"
_SIDE_COLOURS = {"left": BLUE, "right": ORANGE, "centre": _CENTRE}
_PERSON_PALENESS = (0.0, 0.5, 0.7)
_PANEL_HEIGHT = 2.3
_PANEL_WIDTHS = (1.0, 2.6)
_ANIMATION_HEIGHT = 3.6
_ANIMATION_WIDEST = 12.0
_NARROWEST_WINDOW = 0.6
_ANIMATION_DPI = 100
_MARGIN = 0.08
_TITLE_LETTERS_AN_INCH = 11
_COLOURS = 64


def prediction_title(
    clip_id: str, true_label: str, predicted_label: str, probability: float
) -> str:
    """Return ``a04_s01: true 'walk', predicted 'carry' with 71 % (wrong)``."""
    verdict = "right" if true_label == predicted_label else "wrong"
    return (
        f"{clip_id}: true '{true_label}', predicted '{predicted_label}' "
        f"with {100 * probability:.0f} % ({verdict})"
    )


def draw_strip(
    path: Path, clip: SkeletonClip, *, title: str = "", frames: int = 8, side_view: bool = False
) -> Path:
    """Draw evenly spaced frames side by side, each under its time, and return the path.

    All frames share one scale and one floor line, which is at the lowest joint of the clip. Each
    frame follows the people sideways. Left and right limbs differ in colour, people in shade.

    Args:
        path: of the picture, ending in .png, .svg or .pdf.
        clip: the clip to draw.
        title: above the strip; see ``prediction_title``.
        frames: how many frames at most.
        side_view: adds a row seen from the side (3D only).

    Raises:
        HarError: no frames asked for, a side view of a 2D clip, or a file that cannot be written.
    """
    if frames < 1:
        raise HarError(f"A strip needs at least 1 frame, got {frames}.")
    chosen = np.unique(np.linspace(0, clip.frame_count - 1, frames).round().astype(int))
    views = clip.views(side_view)
    sizes = [_strip_window(clip, view, chosen) for view in views]
    figure, grid = _strip_grid(sizes, len(chosen))
    for row, (view, size) in enumerate(zip(views, sizes, strict=True)):
        for column, frame in enumerate(chosen):
            _draw_strip_panel(grid[row, column], clip, view, int(frame), size)
        grid[row, 0].set_ylabel(view if side_view else "", color=GREY, fontsize=9)
    for axes, frame in zip(grid[0], chosen, strict=True):
        axes.set_title(f"{frame / clip.fps:.2f} s", fontsize=9, color=INK, pad=4)
    _add_title_and_legend(figure, title, clip)
    return save_figure(figure, path)


def draw_animation(
    path: Path,
    clip: SkeletonClip,
    *,
    title: str = "",
    side_view: bool = False,
    max_fps: float = 15.0,
    max_frames: int = 150,
) -> Path:
    """Draw a clip as an animation in real time that repeats for ever, and return the path.

    Frames are left out where the clip has more than ``max_fps`` a second, or more than
    ``max_frames``. The window stands still, so that people are seen to move through it.

    Args:
        path: ending in .gif, .png or .apng (the last two are animated PNG).
        clip: the clip to draw.
        title: above the animation; see ``prediction_title``.
        side_view: adds a view from the side (3D only).
        max_fps: most frames a second.
        max_frames: most frames.

    Raises:
        HarError: another ending, a side view of a 2D clip, or a file that cannot be written.
    """
    if path.suffix.lower() not in (".gif", ".png", ".apng"):
        raise HarError(f"An animation ends in .gif, .png or .apng, got '{path.name}'.")
    step = max(1, int(np.ceil(clip.fps / max_fps)), -(-clip.frame_count // max_frames))
    pictures = _animation_frames(clip, range(0, clip.frame_count, step), title, side_view)
    if path.suffix.lower() == ".gif":
        pictures = [picture.quantize(_COLOURS) for picture in pictures]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        pictures[0].save(
            path,
            format="GIF" if path.suffix.lower() == ".gif" else "PNG",
            save_all=True,
            append_images=pictures[1:],
            duration=10 * round(100 * step / clip.fps),
            loop=0,
        )
    except OSError as error:
        raise HarError(f"Cannot write {path}: {error}") from error
    return path


class _Panel:
    """The people of one frame in one set of axes; ``show`` replaces them by another frame's."""

    def __init__(self, axes: Axes, clip: SkeletonClip, view: str) -> None:
        self.points = clip.project(view)
        self.visible = clip.visible
        self.edges = clip.edges
        people = range(len(self.points))
        sides = clip.limb_sides()
        self.limb_colours = np.array(
            [[_shade(_SIDE_COLOURS[side], person) for side in sides] for person in people]
        )
        self.joint_colours = np.array(
            [_shade(_SIDE_COLOURS["centre"], person) for person in people]
        )
        sizes = np.full(self.points.shape[2], 7.0)
        head = clip.head()
        if head is not None:
            sizes[head] = 45.0
        self.sizes = sizes
        self.limbs = LineCollection([], linewidths=2.2, capstyle="round", zorder=2)
        axes.add_collection(self.limbs, autolim=False)
        self.joints = axes.scatter([], [], zorder=3, linewidths=0)

    def show(self, frame: int) -> None:
        """Draw all people of a frame."""
        points, visible = self.points[:, frame], self.visible[:, frame]
        drawn = visible[:, self.edges].all(axis=-1)
        self.limbs.set_segments(list(points[:, self.edges][drawn]))
        self.limbs.set_color(self.limb_colours[drawn])  # type: ignore[arg-type]
        people, joints = np.nonzero(visible)
        self.joints.set_offsets(points[people, joints])
        self.joints.set_sizes(self.sizes[joints])
        self.joints.set_facecolor(list(self.joint_colours[people]))


def _shade(colour: str, person: int) -> tuple[float, ...]:
    """Return a colour that is paler for each further person."""
    paleness = _PERSON_PALENESS[min(person, len(_PERSON_PALENESS) - 1)]
    return tuple(channel + (1 - channel) * paleness for channel in to_rgb(colour))


def _strip_window(clip: SkeletonClip, view: str, frames: np.ndarray) -> tuple[float, float, float]:
    """Return the width, lowest and highest point of a window that any of the frames fits."""
    points = clip.project(view)
    low, high = bounds(points, clip.visible)
    widths = [
        np.ptp(points[:, frame][clip.visible[:, frame]][:, 0])
        for frame in frames
        if clip.visible[:, frame].any()
    ]
    height = max(high[1] - low[1], 1e-6)
    margin = _MARGIN * height
    return max(widths, default=0.0) + 2 * margin, low[1] - margin, high[1] + margin


def _strip_grid(
    sizes: Sequence[tuple[float, float, float]], columns: int
) -> tuple[Figure, np.ndarray]:
    ratio = max(width / (high - low) for width, low, high in sizes)
    panel_width = float(np.clip(_PANEL_HEIGHT * ratio, *_PANEL_WIDTHS))
    figure = new_figure(columns * panel_width + 0.4, len(sizes) * _PANEL_HEIGHT + 0.8)
    return figure, figure.subplots(len(sizes), columns, squeeze=False)


def _draw_strip_panel(
    axes: Axes, clip: SkeletonClip, view: str, frame: int, size: tuple[float, float, float]
) -> None:
    width, low, high = size
    panel = _Panel(axes, clip, view)
    panel.show(frame)
    seen = panel.visible[:, frame]
    centre = 0.0
    if seen.any():
        left, right = bounds(panel.points[:, frame], seen)
        centre = (left[0] + right[0]) / 2
    else:
        axes.text(0.5, 0.5, "nobody seen", transform=axes.transAxes, ha="center", color=GREY)
    axes.set_xlim(centre - width / 2, centre + width / 2)
    axes.set_ylim(low, high)
    floor, _ = bounds(panel.points, clip.visible)
    _dress(axes, floor[1])


def _animation_frames(
    clip: SkeletonClip, frames: Sequence[int], title: str, side_view: bool
) -> list[Image.Image]:
    views = clip.views(side_view)
    figure, row = _animation_grid([_whole_window(clip, view) for view in views])
    panels = [_Panel(axes, clip, view) for axes, view in zip(row, views, strict=True)]
    for axes, view in zip(row, views, strict=True):
        axes.set_xlabel(view if side_view else "", color=GREY, fontsize=9)
        _dress(axes, bounds(clip.project(view), clip.visible)[0][1])
    _add_title_and_legend(figure, title, clip)
    clock = row[0].text(0.02, 0.98, "", transform=row[0].transAxes, va="top", color=GREY)
    canvas = FigureCanvasAgg(figure)
    pictures = []
    for frame in frames:
        for panel in panels:
            panel.show(frame)
        clock.set_text(f"{frame / clip.fps:.2f} s")
        canvas.draw()
        figure.set_layout_engine("none")
        pictures.append(Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy()))
    return pictures


def _whole_window(clip: SkeletonClip, view: str) -> tuple[float, float, float, float]:
    """Return left, right, bottom and top of a window that the whole clip fits."""
    low, high = bounds(clip.project(view), clip.visible)
    margin = _MARGIN * max(high[1] - low[1], 1e-6)
    height = high[1] - low[1] + 2 * margin
    half_width = max((high[0] - low[0]) / 2 + margin, _NARROWEST_WINDOW * height / 2)
    centre = (low[0] + high[0]) / 2
    return centre - half_width, centre + half_width, low[1] - margin, high[1] + margin


def _animation_grid(
    windows: Sequence[tuple[float, float, float, float]],
) -> tuple[Figure, np.ndarray]:
    ratios = [(right - left) / (top - bottom) for left, right, bottom, top in windows]
    height = min(_ANIMATION_HEIGHT, _ANIMATION_WIDEST / sum(ratios))
    figure = new_figure(max(height * sum(ratios), 4.2) + 0.2, height + 1.0)
    figure.set_dpi(_ANIMATION_DPI)
    row = figure.subplots(1, len(windows), squeeze=False, width_ratios=ratios)[0]
    for axes, (left, right, bottom, top) in zip(row, windows, strict=True):
        axes.set(xlim=(left, right), ylim=(bottom, top))
    return figure, row


def _dress(axes: Axes, floor: float) -> None:
    axes.axhline(floor, color=GREY, lw=1, zorder=1)
    axes.set_aspect("equal", anchor="S")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def _add_title_and_legend(figure: Figure, title: str, clip: SkeletonClip) -> None:
    letters = int(_TITLE_LETTERS_AN_INCH * figure.get_figwidth())
    figure.suptitle(textwrap.fill(title, letters), fontsize=10.5, color=INK)
    colours = {"left limbs": BLUE, "right limbs": ORANGE}
    if clip.visible.any(axis=(1, 2)).sum() > 1:
        colours["further people: paler"] = PALE
    handles = [
        Line2D([], [], color=colour, lw=2.2, label=label) for label, colour in colours.items()
    ]
    figure.legend(
        handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=8,
        labelcolor=GREY,
    )  # fmt: skip
