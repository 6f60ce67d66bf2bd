"""Curves of loss, accuracy and learning rate from the ``metrics.csv`` of a training run."""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from har.errors import HarError
from har.evaluation.style import BLUE, GREEN, INK, ORANGE, clean_axes, new_figure

_PART_COLUMN = re.compile(r"(train|val)[/_](.+)")
_ACCURACY_NAMES = ("accuracy", "acc", "top1", "acc1", "mean_class_accuracy")
_RATE_COLUMN = re.compile(r"(lr|learning_rate)\b.*")
_MOST_MARKERS = 30
_PART_STYLE = {"train": (BLUE, "training"), "val": (ORANGE, "validation")}


@dataclass(frozen=True, slots=True)
class Curve:
    """Values of one column over epochs; both (n,) float64."""

    epochs: np.ndarray
    values: np.ndarray


@dataclass(frozen=True, slots=True)
class TrainingCurves:
    """What a ``metrics.csv`` says about a run.

    Attributes:
        loss, accuracy: part ("train" or "val") -> curve.
        learning_rate: column name -> curve; one for each parameter group.
    """

    loss: dict[str, Curve]
    accuracy: dict[str, Curve]
    learning_rate: dict[str, Curve]


def read_training_curves(metrics_csv: Path) -> TrainingCurves:
    """Read the file that Lightning's ``CSVLogger`` writes.

    Columns are found by name: ``train`` or ``val``, then ``/`` or ``_``, then ``loss`` or one of
    ``_ACCURACY_NAMES``; and columns that start with ``lr`` or ``learning_rate``. Of values logged
    by step and by epoch, those by epoch are taken. Rows that name no epoch get one from their step.

    Raises:
        HarError: the file is missing or empty, or has no loss column.
    """
    columns = _read_columns(metrics_csv)
    epochs = _row_epochs(columns)
    measures: dict[str, dict[str, Curve]] = {}
    rates: dict[str, Curve] = {}
    for name, values in columns.items():
        known = np.isfinite(values)
        if not known.any():
            continue
        curve = Curve(epochs[known], values[known])
        if found := _PART_COLUMN.fullmatch(name):
            measures.setdefault(found[2].removesuffix("_epoch"), {})[found[1]] = curve
        elif _RATE_COLUMN.fullmatch(name):
            rates[name] = curve
    if "loss" not in measures:
        raise HarError(
            f"{metrics_csv} has no column of losses such as 'train/loss' or 'val/loss'; "
            f"its columns are {sorted(columns)}."
        )
    return TrainingCurves(measures["loss"], _accuracy_curves(measures), rates)


def _accuracy_curves(measures: dict[str, dict[str, Curve]]) -> dict[str, Curve]:
    """Return for each part the accuracy that comes first in ``_ACCURACY_NAMES``."""
    curves: dict[str, Curve] = {}
    for name in _ACCURACY_NAMES:
        curves = measures.get(name, {}) | curves
    return dict(sorted(curves.items()))


def training_figure(curves: TrainingCurves, title: str = "Training") -> Figure:
    """Draw loss, accuracy and learning rate by epoch, side by side; what is missing is left out."""
    panels = [
        (draw, data)
        for draw, data in (
            (_draw_loss, curves.loss),
            (_draw_accuracy, curves.accuracy),
            (_draw_rate, curves.learning_rate),
        )
        if data
    ]
    figure = new_figure(4.4 * len(panels), 3.6)
    row = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (draw, data) in zip(row, panels, strict=True):
        draw(axes, data)
        axes.set_xlabel("epoch", color=INK)
        axes.xaxis.get_major_locator().set_params(integer=True)
        clean_axes(axes)
    figure.suptitle(title, color=INK, fontsize=12)
    return figure


def _draw_parts(axes: Axes, curves: dict[str, Curve], scale: float) -> None:
    for part, curve in curves.items():
        colour, label = _PART_STYLE[part]
        marker = "o" if len(curve.epochs) < _MOST_MARKERS else None
        axes.plot(
            curve.epochs, scale * curve.values, color=colour, lw=1.8, ms=3.5, marker=marker,
            label=label,
        )  # fmt: skip


def _draw_loss(axes: Axes, curves: dict[str, Curve]) -> None:
    _draw_parts(axes, curves, scale=1)
    axes.set_ylim(bottom=0)
    axes.set_title("loss", color=INK, fontsize=11)
    axes.legend(frameon=False, fontsize=9, loc="upper right")


def _draw_accuracy(axes: Axes, curves: dict[str, Curve]) -> None:
    _draw_parts(axes, curves, scale=100)
    if "val" in curves:
        _mark_best(axes, curves["val"])
    axes.set_ylim(0, 102)
    axes.set_title("accuracy, %", color=INK, fontsize=11)
    axes.legend(frameon=False, fontsize=9, loc="lower right")


def _mark_best(axes: Axes, curve: Curve) -> None:
    best = int(curve.values.argmax())
    epoch, percent = curve.epochs[best], 100 * curve.values[best]
    axes.plot(
        [epoch], [percent], "o", ms=10, mfc="none", mec=INK, mew=1.2, ls="none",
        label=f"best: {percent:.1f} %, epoch {epoch:.0f}",
    )  # fmt: skip


def _draw_rate(axes: Axes, curves: dict[str, Curve]) -> None:
    for name, curve in curves.items():
        axes.plot(curve.epochs, curve.values, color=GREEN, lw=1.8, label=name)
    axes.set_ylim(bottom=0)
    axes.set_title("learning rate", color=INK, fontsize=11)
    if len(curves) > 1:
        axes.legend(frameon=False, fontsize=9)


def _read_columns(path: Path) -> dict[str, np.ndarray]:
    """Return column name -> (rows,) float64, NaN where a row has no number."""
    if not path.is_file():
        raise HarError(f"There is no file {path}; train with the CSV logger first.")
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        raise HarError(f"{path} has no rows: the run stopped before it logged anything.")
    names = [name for name in rows[0] if name]
    return {name: np.array([_number(row[name]) for row in rows]) for name in names}


def _number(text: str | None) -> float:
    try:
        return float(text) if text else np.nan
    except ValueError:
        return np.nan


def _row_epochs(columns: dict[str, np.ndarray]) -> np.ndarray:
    """Return the epoch of each row; without one, interpolated between the ends of epochs."""
    rows = len(next(iter(columns.values())))
    epochs = columns.get("epoch", np.full(rows, np.nan))
    steps = columns.get("step", np.arange(rows, dtype=np.float64))
    known = np.isfinite(epochs)
    if not known.any():
        return steps
    ended = np.unique(epochs[known])
    last_steps = [steps[epochs == epoch].max() for epoch in ended]
    return np.where(known, epochs, np.interp(steps, last_steps, ended))
