"""Pictures of results: confusion matrix, reliability diagram, accuracy of each class."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from har.evaluation.calibration import expected_calibration_error, reliability_curve
from har.evaluation.metrics import class_scores, confusion_matrix
from har.evaluation.predictions import Predictions
from har.evaluation.style import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    PALE,
    clean_axes,
    new_figure,
    save_figure,
    shorten,
)

MOST_NAMES = 40
MOST_COUNTS = 30
_NAME_LENGTH = 44
_NAME_INCHES_A_LETTER = 0.065
_SHADE_GAMMA = 0.6
_ROWS_A_COLUMN = 40


def write_plots(predictions: Predictions, folder: Path) -> list[Path]:
    """Write ``confusion_matrix.png``, ``reliability.png`` and ``per_class.png`` to a folder."""
    confusion = confusion_matrix(
        predictions.labels, predictions.predicted, len(predictions.class_names)
    )
    rows = class_scores(confusion, predictions.class_names)
    figures = {
        "confusion_matrix.png": confusion_figure(confusion, predictions.class_names),
        "reliability.png": reliability_figure(predictions),
        "per_class.png": per_class_figure([asdict(row) for row in rows]),
    }
    return [save_figure(figure, folder / name) for name, figure in figures.items()]


def confusion_figure(
    confusion: np.ndarray, class_names: Sequence[str], title: str = "Confusion matrix"
) -> Figure:
    """Draw a confusion matrix, each row divided by its number of clips.

    Up to ``MOST_NAMES`` classes are named, more are numbered; up to ``MOST_COUNTS`` classes have
    the number of clips in each cell. The row of a class without test clips is hatched. Shades
    rise faster near 0, so that rare confusions show.

    Args:
        confusion: (K, K) clips; row = true class, column = predicted class.
        class_names: K names.
        title: of the picture.
    """
    classes = len(confusion)
    support = confusion.sum(axis=1)
    side = _matrix_side(classes)
    labels_width = 0.8 + (_names_width(class_names) if classes <= MOST_NAMES else 0)
    figure = new_figure(side + labels_width + 0.9, side + labels_width)
    axes = figure.add_subplot()
    shares = np.divide(
        confusion, support[:, None], out=np.zeros(confusion.shape), where=support[:, None] > 0
    )
    image = axes.imshow(shares, cmap="Blues", norm=PowerNorm(_SHADE_GAMMA, 0, 1))
    _hatch_absent_rows(axes, support)
    if classes <= MOST_COUNTS:
        _write_counts(axes, confusion, shares)
    _label_classes(axes, class_names)
    axes.set_xlabel("predicted class", color=INK)
    axes.set_ylabel("true class", color=INK)
    axes.set_title(f"{title}, {int(support.sum())} clips", color=INK, fontsize=12, pad=10)
    bar = figure.colorbar(image, ax=axes, shrink=0.7, pad=0.02, aspect=30)
    bar.ax.tick_params(labelsize=8.5, colors=INK)
    bar.set_label("fraction of the true class's clips", color=INK)
    bar.outline.set_visible(False)  # type: ignore[operator]
    return figure


def _matrix_side(classes: int) -> float:
    """Return the inches of a matrix with cells that can still be seen."""
    if classes <= MOST_COUNTS:
        return max(2.2, 0.38 * classes)
    return 0.28 * classes if classes <= MOST_NAMES else 0.085 * classes + 1


def _names_width(class_names: Sequence[str]) -> float:
    """Return the inches that the longest name takes."""
    return _NAME_INCHES_A_LETTER * max(min(len(name), _NAME_LENGTH) for name in class_names)


def _hatch_absent_rows(axes: Axes, support: np.ndarray) -> None:
    for row in np.flatnonzero(support == 0):
        axes.axhspan(row - 0.5, row + 0.5, facecolor="#F2F2F2", edgecolor=PALE, hatch="////", lw=0)


def _write_counts(axes: Axes, confusion: np.ndarray, shares: np.ndarray) -> None:
    for row, column in zip(*np.nonzero(confusion), strict=True):
        colour = "white" if shares[row, column] > 0.45 else INK
        count = int(confusion[row, column])
        size = 8 if count < 1000 else 6.5
        axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=size)


def _label_classes(axes: Axes, class_names: Sequence[str]) -> None:
    classes = len(class_names)
    axes.tick_params(length=0, colors=INK)
    axes.spines[:].set_color(PALE)
    if classes > MOST_NAMES:
        ticks = np.arange(0, classes, 10)
        axes.set_xticks(ticks, ticks, fontsize=8)
        axes.set_yticks(ticks, ticks, fontsize=8)
        return
    names = [shorten(name, _NAME_LENGTH) for name in class_names]
    axes.set_xticks(range(classes), names, rotation=90, fontsize=8)
    axes.set_yticks(range(classes), names, fontsize=8)
    borders = np.arange(classes - 1) + 0.5
    axes.hlines(borders, -0.5, classes - 0.5, color=PALE, lw=0.4)
    axes.vlines(borders, -0.5, classes - 0.5, color=PALE, lw=0.4)


def reliability_figure(predictions: Predictions, title: str = "Reliability") -> Figure:
    """Draw accuracy against confidence in 15 bins, over the number of clips in each bin."""
    correct = predictions.predicted == predictions.labels
    curve = reliability_curve(predictions.confidence, correct)
    error = expected_calibration_error(predictions.confidence, correct)
    figure = new_figure(5.2, 6.0)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    width = curve.edges[1]
    centres = curve.edges[:-1] + width / 2
    upper.plot([0, 1], [0, 1], color=GREY, ls="--", lw=1.2, label="perfect calibration")
    upper.bar(
        centres, curve.accuracy, width * 0.92, color=BLUE, alpha=0.85, label="accuracy in bin"
    )
    upper.plot(
        curve.confidence, curve.accuracy, "o", color=ORANGE, ms=5, mec="white", mew=0.8,
        clip_on=False,
        label="accuracy at mean confidence",
    )  # fmt: skip
    upper.set_ylim(0, 1.02)
    upper.set_ylabel("accuracy", color=INK)
    upper.set_title(f"{title}: ECE {100 * error:.1f} %, {len(predictions)} clips", color=INK)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    lower.bar(centres, curve.clips, width * 0.92, color=GREY)
    lower.set_xlim(0, 1)
    lower.set_ylabel("clips", color=INK)
    lower.set_xlabel("confidence: probability of the predicted class", color=INK)
    for axes in (upper, lower):
        clean_axes(axes, "y")
    return figure


def per_class_figure(
    per_class: Sequence[Mapping[str, Any]], title: str = "Accuracy of each class"
) -> Figure:
    """Draw one bar a class, the best first; classes without test clips come last, without a bar.

    Args:
        per_class: rows with ``name``, ``support`` and ``accuracy``, as ``evaluate`` returns them.
        title: of the picture.
    """
    rows = sorted(per_class, key=lambda row: (row["accuracy"] is None, -(row["accuracy"] or 0)))
    shown = [row["accuracy"] for row in rows if row["accuracy"] is not None]
    mean = float(np.mean(shown)) if shown else 0.0
    columns = -(-len(rows) // _ROWS_A_COLUMN)
    height = -(-len(rows) // columns)
    width = 4.4 + _names_width([row["name"] for row in rows])
    figure = new_figure(width * columns, 0.22 * height + 1.3)
    for column, axes in enumerate(figure.subplots(1, columns, squeeze=False)[0]):
        _draw_class_bars(axes, rows[column * height : (column + 1) * height], height, mean)
    figure.suptitle(f"{title}; dashed: their mean, {100 * mean:.1f} %", color=INK, fontsize=12)
    return figure


def _draw_class_bars(
    axes: Axes, rows: Sequence[Mapping[str, Any]], height: int, mean: float
) -> None:
    positions = np.arange(len(rows))
    values = [row["accuracy"] or 0.0 for row in rows]
    colours = [BLUE if value >= mean else ORANGE for value in values]
    axes.barh(positions, values, height=0.7, color=colours)
    axes.axvline(mean, color=INK, ls="--", lw=1)
    for position, row in enumerate(rows):
        absent = row["accuracy"] is None
        note = "no test clips" if absent else f"{100 * row['accuracy']:.0f} %"
        place, side = (0.012, "left") if absent else (1.12, "right")
        axes.text(place, position, note, ha=side, va="center", fontsize=8, color=INK)
    names = [f"{shorten(row['name'], _NAME_LENGTH)} ({row['support']})" for row in rows]
    axes.set_yticks(positions, names)
    axes.set_ylim(height - 0.4, -0.6)
    axes.set_xlim(0, 1.13)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25", "50", "75", "100 %"])
    axes.set_xlabel("accuracy (number of clips behind the name)", color=INK)
    clean_axes(axes, "x")
    axes.tick_params(axis="y", labelsize=8, length=0)
