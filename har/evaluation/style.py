"""Colours and sizes shared by all pictures and pages; no global state of matplotlib is touched."""

from importlib.resources import files
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from har.errors import HarError

# Colours that people with any common colour blindness can tell apart (Okabe and Ito).
BLUE = "#0072B2"
ORANGE = "#D55E00"
GREEN = "#009E73"
INK = "#222222"
GREY = "#767676"
PALE = "#D9D9D9"
DOTS_PER_INCH = 150


def page_style() -> str:
    """Return the CSS that pages for people share; a page puts it before its own."""
    return files("har.evaluation").joinpath("page.css").read_text(encoding="utf-8")


def new_figure(width: float, height: float) -> Figure:
    """Return an empty white figure of that many inches, which draws without a display."""
    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout="constrained")
    figure.set_facecolor("white")
    FigureCanvasAgg(figure)
    return figure


def clean_axes(axes: Axes, grid: str | None = "both") -> None:
    """Leave only the left and bottom border, and a pale grid behind the data."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(colors=INK, labelsize=9, length=3)
    axes.set_axisbelow(True)
    if grid is not None:
        axes.grid(axis=grid, color=PALE, linewidth=0.6)  # type: ignore[arg-type]


def save_figure(figure: Figure, path: Path) -> Path:
    """Write a figure in the format of the path's ending (.png, .svg, .pdf) and return the path.

    Raises:
        HarError: the ending is unknown, or the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, bbox_inches="tight", pad_inches=0.12)
    except ValueError as error:
        raise HarError(f"Cannot draw {path}: {error}. Use .png, .svg or .pdf.") from error
    except OSError as error:
        raise HarError(f"Cannot write {path}: {error}") from error
    return path


def shorten(name: str, length: int) -> str:
    """Return a name of at most ``length`` characters, cut with an ellipsis."""
    return name if len(name) <= length else name[: length - 1].rstrip() + "…"
