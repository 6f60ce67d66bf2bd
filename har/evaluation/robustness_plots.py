"""Pictures of robustness: a heat map of accuracies, and accuracy over coverage."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from har.evaluation.style import BLUE, GREEN, GREY, INK, ORANGE, clean_axes, new_figure, save_figure

_COLOURS = (BLUE, ORANGE, GREEN, INK, GREY)
_CELL_INCHES = 0.42
_DARK = 0.55
_MAP = "viridis"


def write_robustness_plots(summary: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write ``robustness.png`` and ``coverage.png`` to a folder."""
    figures = {
        "robustness.png": robustness_figure(summary),
        "coverage.png": coverage_figure(summary),
    }
    return [save_figure(figure, folder / name) for name, figure in figures.items()]


def robustness_figure(summary: Mapping[str, Any]) -> Figure:
    """Draw the accuracy by corruption and severity, one panel a method; the first row is clean."""
    methods = summary["methods"]
    first = next(iter(methods.values()))
    corruptions = list(first["by_corruption"])
    severities = list(first["by_severity"])
    width = 2.0 + len(methods) * (len(severities) * _CELL_INCHES + 0.5)
    figure = new_figure(width, 1.4 + (len(corruptions) + 1) * 0.28)
    panels = figure.subplots(1, len(methods), squeeze=False)[0]
    for place, (name, found) in enumerate(methods.items()):
        rows = [[found["by_corruption"][c]["top1"][s] for s in severities] for c in corruptions]
        clean = [found["clean"]["top1"]] * len(severities)
        _draw_panel(panels[place], np.array([clean, *rows]), severities)
        panels[place].set_title(name, color=INK, fontsize=10)
        panels[place].set_yticks(range(len(corruptions) + 1))
        panels[place].set_yticklabels(["clean", *corruptions] if place == 0 else [])
    figure.supxlabel("severity", fontsize=10, color=INK)
    figure.suptitle(
        f"Top-1 accuracy in percent, {summary['clips']} test clips", fontsize=12, color=INK
    )
    return figure


def _draw_panel(axes: Axes, accuracy: np.ndarray, severities: list[int]) -> None:
    axes.imshow(accuracy, cmap=_MAP, vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(severities)), [str(s) for s in severities])
    axes.tick_params(length=0, labelsize=9, colors=INK)
    axes.axhline(0.5, color="white", linewidth=2)
    for (row, column), value in np.ndenumerate(accuracy):
        colour = "white" if value < _DARK else "black"
        text = f"{100 * value:.0f}"
        axes.text(column, row, text, ha="center", va="center", fontsize=7.5, color=colour)


def coverage_figure(summary: Mapping[str, Any]) -> Figure:
    """Draw the accuracy on the clips that are kept, one panel a method and one line a score."""
    methods = summary["methods"]
    figure = new_figure(1.2 + 2.6 * len(methods), 3.4)
    panels = figure.subplots(1, len(methods), squeeze=False, sharey=True)[0]
    for axes, (name, found) in zip(panels, methods.items(), strict=True):
        for number, (score, curve) in enumerate(found["coverage"].items()):
            kept = [100 * point["coverage"] for point in curve]
            top1 = [100 * point["top1"] for point in curve]
            colour = _COLOURS[number % len(_COLOURS)]
            axes.plot(kept, top1, marker="o", markersize=3, color=colour, label=score)
        axes.invert_xaxis()
        axes.set_title(name, color=INK, fontsize=10)
        clean_axes(axes)
    panels[0].set_ylabel("top-1 accuracy, %", color=INK)
    panels[0].legend(fontsize=8, frameon=False)
    figure.supxlabel("clips kept, % of clean and corrupted ones together", fontsize=9, color=INK)
    return figure
