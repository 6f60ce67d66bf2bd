"""Class balance and coverage: how many clips of each class were seen in which scene."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from har.data.index_columns import sort_names
from har.data.store_index import StoreIndex
from har.samples import UNLABELLED

SCENE = ("subject", "camera", "setup")
UNKNOWN = "unknown"
BINS = 4


@dataclass(frozen=True, slots=True)
class Coverage:
    """Clips of each class by the values of one attribute.

    Attributes:
        attribute: such as ``camera``, or ``condition.<name>`` in bins of equal numbers of clips.
        values: V names; ``unknown`` for clips of which it is not known.
        counts: (K, V) int64, clips of each class with each value.
    """

    attribute: str
    values: tuple[str, ...]
    counts: np.ndarray

    @property
    def empty(self) -> list[tuple[int, str]]:
        """Class and value of every cell without a clip, where the class has clips at all."""
        present = self.counts.sum(axis=1) > 0
        cells = np.argwhere((self.counts == 0) & present[:, None])
        return [(int(label), self.values[value]) for label, value in cells]


@dataclass(frozen=True, slots=True)
class Balance:
    """Class balance of a dataset.

    Attributes:
        class_names: K names.
        counts: (K,) int64, clips of each class.
        unlabelled: clips without a label.
        coverage: one entry for each attribute that the dataset knows.
    """

    class_names: tuple[str, ...]
    counts: np.ndarray
    unlabelled: int
    coverage: tuple[Coverage, ...]

    @property
    def imbalance(self) -> float:
        """Largest class over the smallest that has clips; 1 is balanced."""
        present = self.counts[self.counts > 0]
        return float(present.max() / present.min()) if len(present) else float("nan")

    def rows(self) -> Iterator[tuple[str, str, str, int]]:
        """Yield attribute, value, class and number of clips of every cell."""
        for label, name in enumerate(self.class_names):
            yield "all", "", name, int(self.counts[label])
        for part in self.coverage:
            for column, value in enumerate(part.values):
                for label, name in enumerate(self.class_names):
                    yield part.attribute, value, name, int(part.counts[label, column])

    def summary(self) -> dict[str, Any]:
        """Return what matters as plain data."""
        return {
            "clips": dict(zip(self.class_names, self.counts.tolist(), strict=True)),
            "unlabelled": self.unlabelled,
            "classes_without_clips": [
                name for name, n in zip(self.class_names, self.counts, strict=True) if n == 0
            ],
            "imbalance_ratio": self.imbalance,
            "coverage": {part.attribute: self._describe(part) for part in self.coverage},
        }

    def _describe(self, part: Coverage) -> dict[str, Any]:
        filled = part.counts[part.counts > 0]
        return {
            "values": len(part.values),
            "fewest_clips_in_a_cell": int(part.counts.min()),
            "median_clips_in_a_filled_cell": float(np.median(filled)) if len(filled) else 0.0,
            "empty_cells": [
                {"class": self.class_names[label], "value": value} for label, value in part.empty
            ],
        }


def measure_balance(index: StoreIndex, class_names: tuple[str, ...]) -> Balance:
    """Count the clips of a store by class, subject, camera, setup and condition."""
    known = [name for name in SCENE if (index.column(name) != "").any()]
    columns = {name: index.column(name) for name in known}
    columns |= {f"condition.{name}": _binned(v) for name, v in sorted(index.conditions.items())}
    labelled = index.label != UNLABELLED
    return Balance(
        class_names=class_names,
        counts=np.bincount(index.label[labelled], minlength=len(class_names)),
        unlabelled=int((~labelled).sum()),
        coverage=tuple(
            _cover(name, column[labelled], index.label[labelled], len(class_names))
            for name, column in columns.items()
        ),
    )


def _cover(attribute: str, column: np.ndarray, labels: np.ndarray, classes: int) -> Coverage:
    column = np.where(column == "", UNKNOWN, column)
    values = sort_names(np.unique(column).tolist())
    number = {value: place for place, value in enumerate(values)}
    places = np.array([number[value] for value in column.tolist()], dtype=np.int64)
    cells = np.bincount(labels * len(values) + places, minlength=classes * len(values))
    return Coverage(attribute, tuple(values), cells.reshape(classes, len(values)))


def _binned(values: np.ndarray) -> np.ndarray:
    """Return (N,) names of the bins of a condition, each with about as many clips; "" for NaN.

    A condition of few different values keeps them.
    """
    known = ~np.isnan(values)
    names = np.full(len(values), "", dtype="<U40")
    different = np.unique(values[known])
    if len(different) <= BINS:
        names[known] = [f"{value:g}" for value in values[known]]
        return names
    edges = np.quantile(values[known], np.linspace(0, 1, BINS + 1))
    number = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, BINS - 1)
    for each in range(BINS):
        names[known & (number == each)] = f"{edges[each]:.3g} to {edges[each + 1]:.3g}"
    return names
