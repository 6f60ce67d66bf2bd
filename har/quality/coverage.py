"""Which camera conditions a dataset covers, and how two datasets differ in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from scipy.stats import ks_2samp

from har.quality.statistics import divide


@dataclass(frozen=True)
class Axis:
    """One dimension of the space of conditions.

    Attributes:
        measure: what is divided.
        title: for readers.
        edges: between the ranges, rising.
        names: of the ranges, one more than edges.
        circular: angles in degrees; the first range is centred at 0.
    """

    measure: str
    title: str
    edges: tuple[float, ...]
    names: tuple[str, ...]
    circular: bool = False

    def place(self, values: np.ndarray) -> np.ndarray:
        """Return (N,) the range of each value, -1 where it is not known."""
        shifted = (values + 45) % 360 if self.circular else values
        return np.where(np.isnan(values), -1, np.digitize(shifted, self.edges))


AXES: Mapping[str, tuple[Axis, ...]] = {
    "pose": (
        Axis("distance_m", "distance", (2, 3, 4, 5), ("< 2 m", "2-3 m", "3-4 m", "4-5 m", "> 5 m")),
        Axis(
            "yaw_deg",
            "camera stands",
            (90, 180, 270),
            ("in front", "at the left", "behind", "at the right"),
            circular=True,
        ),
        Axis("luma_mean", "light", (0.25, 0.4, 0.6), ("dark", "dim", "medium", "bright")),
        Axis("occlusion_ratio", "hidden joints", (0.1, 0.3), ("< 10 %", "10-30 %", "> 30 %")),
    ),
    "video": (
        Axis("luma_mean", "light", (0.25, 0.4, 0.6), ("dark", "dim", "medium", "bright")),
        Axis("noise", "noise", (1, 3, 8), ("none", "little", "some", "much")),
        Axis(
            "height_px", "short side", (300, 600, 900), ("< 300 px", "< 600 px", "< 900 px", "more")
        ),
    ),
}


@dataclass(frozen=True, eq=False)
class Coverage:
    """How many clips each cell of the space of conditions has.

    Attributes:
        axes: up to three; those of which nothing is known are left out.
        counts: clips by cell, one dimension an axis.
        unknown: clips of which one of the conditions is not known.
    """

    axes: tuple[Axis, ...]
    counts: np.ndarray
    unknown: int

    def empty(self) -> list[tuple[str, ...]]:
        """Return the names of the cells without clips."""
        return [self._names(cell) for cell in np.argwhere(self.counts == 0)]

    def lacks(self, other: "Coverage") -> list[tuple[tuple[str, ...], int]]:
        """Return the cells that only the other has clips in, with how many; most first."""
        if self.axes != other.axes:
            return []
        cells = np.argwhere((self.counts == 0) & (other.counts > 0))
        found = [(self._names(cell), int(other.counts[tuple(cell)])) for cell in cells]
        return sorted(found, key=lambda item: -item[1])

    def _names(self, cell: np.ndarray) -> tuple[str, ...]:
        return tuple(axis.names[at] for axis, at in zip(self.axes, cell.tolist(), strict=True))


def cover(values: Mapping[str, np.ndarray], axes: Sequence[Axis]) -> Coverage:
    """Count the clips of each cell of the first three axes of which something is known."""
    used = tuple(
        axis for axis in axes if axis.measure in values and np.isfinite(values[axis.measure]).any()
    )[:3]
    counts = np.zeros([len(axis.names) for axis in used], np.int64)
    if not used:
        return Coverage(used, counts, len(next(iter(values.values()), ())))
    places = np.stack([axis.place(np.asarray(values[axis.measure], float)) for axis in used])
    known = (places >= 0).all(axis=0)
    np.add.at(counts, tuple(places[:, known]), 1)
    return Coverage(used, counts, int((~known).sum()))


def cells(coverage: Coverage) -> list[tuple[tuple[str, ...], int]]:
    """Return all cells by their names, with their clips."""
    names = product(*(axis.names for axis in coverage.axes))
    return list(zip(names, coverage.counts.ravel().tolist(), strict=True))


def compare(
    first: Mapping[str, np.ndarray], second: Mapping[str, np.ndarray]
) -> list[dict[str, Any]]:
    """Return how the measures of two datasets differ, the most different first.

    ``distance`` is that of Kolmogorov and Smirnov, in [0, 1]; ``outside`` the share of the second
    dataset's clips that lie outside the middle 98 % of the first's; ``shift`` the difference of the
    medians in interquartile ranges of the first.
    """
    rows = []
    for name in first.keys() & second.keys():
        own, other = _known(first[name]), _known(second[name])
        if len(own) < 2 or len(other) < 2:
            continue
        low, quarter, middle, three, high = np.percentile(own, (1, 25, 50, 75, 99))
        rows.append(
            {
                "measure": name,
                "distance": float(ks_2samp(own, other, method="asymp").statistic),
                "median": float(middle),
                "other_median": float(np.median(other)),
                "shift": float(divide(np.median(other) - middle, three - quarter)),
                "outside": float(((other < low) | (other > high)).mean()),
            }
        )
    return sorted(rows, key=lambda row: (-row["distance"], row["measure"]))


def _known(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, np.float64)
    return values[np.isfinite(values)]
