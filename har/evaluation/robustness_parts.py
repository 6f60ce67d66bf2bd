"""Accuracy by group, by bin of a measured condition, and by how many clips a filter keeps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np

from har.evaluation.intervals import LEVEL, draw_weights, why_not_subjects
from har.evaluation.predictions import Predictions
from har.evaluation.summary import UNKNOWN

COVERAGES = (1.0, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5)
BINS = 4
FEWEST_CLIPS = 5
_RESAMPLES = 1000
_NORMAL_QUANTILE = 1.959963984540054


def wilson_interval(mean: float, count: int) -> list[float]:
    """Return the 95 % interval of Wilson (1927) for a share of ``count`` clips.

    For values between 0 and 1 that are not only 0 and 1 it is wider than needed.
    """
    square = _NORMAL_QUANTILE**2 / count
    middle = (mean + square / 2) / (1 + square)
    half = np.sqrt(square * (mean * (1 - mean) + square / 4)) / (1 + square)
    return [float(max(0.0, middle - half)), float(min(1.0, middle + half))]


def group_gaps(names: np.ndarray, values: np.ndarray, seed: int) -> dict[str, Any]:
    """Return the mean of each group, and how far the best and the worst group are apart.

    The largest gap of several groups is above 0 by chance alone: its interval tells by how much.

    Args:
        names: (N,) group of each clip; "" where unknown.
        values: (N,) in [0, 1], 1 for a clip that was recognised.
        seed: of the resampling of clips within groups.

    Returns:
        A dict of ``groups`` (name -> ``clips``, ``top1``, ``interval``), ``gap`` and
        ``gap_interval`` between the groups of at least ``FEWEST_CLIPS`` clips; None for one.
    """
    found = {str(name) or UNKNOWN: values[names == name] for name in np.unique(names)}
    groups = {name: _share(own) for name, own in found.items()}
    large = [own for own in found.values() if len(own) >= FEWEST_CLIPS]
    if len(large) < 2:
        return {"groups": groups, "gap": None, "gap_interval": None}
    means = [own.mean() for own in large]
    rng = np.random.default_rng(seed)
    drawn = np.stack([_resampled_means(own, rng) for own in large])
    tail = 50 * (1 - LEVEL)
    bounds = np.percentile(drawn.max(axis=0) - drawn.min(axis=0), (tail, 100 - tail))
    gap = float(max(means) - min(means))
    return {"groups": groups, "gap": gap, "gap_interval": [float(bound) for bound in bounds]}


def binned_accuracy(
    conditions: Mapping[str, np.ndarray], values: np.ndarray, bins: int = BINS
) -> dict[str, list[dict[str, Any]]]:
    """Return the accuracy in bins of each measured condition, with about equally many clips each.

    Args:
        conditions: (N,) numbers by name, such as the distance of the person; NaN where unknown.
        values: (N,) in [0, 1], 1 for a clip that was recognised.
        bins: how many at most; fewer where many clips have the same number.

    Returns:
        For each condition that differs between clips a list of ``low``, ``high``, ``clips``,
        ``top1`` and ``interval``; a bin holds its lower bound, and the last one its upper bound.
    """
    table = {}
    for name, numbers in conditions.items():
        known = np.isfinite(numbers)
        if not known.any():
            continue
        edges = np.unique(np.quantile(numbers[known], np.linspace(0, 1, bins + 1)))
        if len(edges) < 2:
            continue
        place = np.searchsorted(edges, numbers, side="right").clip(1, len(edges) - 1) - 1
        rows = [
            {"low": float(low), "high": float(high), **_share(values[known & (place == number)])}
            for number, (low, high) in enumerate(pairwise(edges))
            if (known & (place == number)).any()
        ]
        table[name] = rows
    return table


def coverage_curve(
    scores: np.ndarray, values: np.ndarray, coverages: Sequence[float] = COVERAGES
) -> list[dict[str, float]]:
    """Return the accuracy on the best-scored clips, for each share of clips that is kept.

    Clips of equal score are kept as if in random order; clips with NaN go first.

    Returns:
        A list of ``coverage``, ``top1`` and ``threshold``, the lowest score that is kept.
    """
    scores = np.where(np.isnan(scores), -np.inf, scores)
    levels, group = np.unique(-scores, return_inverse=True)
    mean_of_level = np.bincount(group, weights=values) / np.bincount(group)
    order = np.argsort(group, kind="stable")
    running = np.cumsum(mean_of_level[group[order]]) / np.arange(1, len(order) + 1)
    kept = [max(1, round(coverage * len(order))) for coverage in coverages]
    return [
        {
            "coverage": float(coverage),
            "top1": float(running[count - 1]),
            "threshold": float(-levels[group[order[count - 1]]]),
        }
        for coverage, count in zip(coverages, kept, strict=True)
    ]


@dataclass(frozen=True)
class Resampling:
    """Draws of subjects or clips, the same for all methods, so that differences are paired.

    Attributes:
        unit: ``subject``, or ``clip`` where subjects cannot be resampled.
        groups: (N,) int, the unit that each clip belongs to.
        weights: (resamples, units) how often each unit is drawn; None without resamples.
    """

    unit: str
    groups: np.ndarray
    weights: np.ndarray | None

    @classmethod
    def of(cls, predictions: Predictions, resamples: int, seed: int) -> Self:
        """Draw ``resamples`` times from the subjects or clips of predictions."""
        by_subject = why_not_subjects(predictions.subjects) is None
        names = predictions.subjects if by_subject else predictions.clip_ids
        _, groups = np.unique(names, return_inverse=True)
        rng = np.random.default_rng(seed)
        weights = draw_weights(int(groups.max()) + 1, resamples, rng) if resamples else None
        return cls("subject" if by_subject else "clip", groups, weights)

    def interval(self, values: np.ndarray) -> list[float] | None:
        """Return the interval of the mean of (N,) values."""
        if self.weights is None:
            return None
        totals = self.weights @ np.bincount(self.groups, weights=values)
        means = totals / (self.weights @ np.bincount(self.groups))
        tail = 50 * (1 - LEVEL)
        return [float(bound) for bound in np.percentile(means, (tail, 100 - tail))]


def _share(values: np.ndarray) -> dict[str, Any]:
    mean = float(values.mean())
    return {"clips": len(values), "top1": mean, "interval": wilson_interval(mean, len(values))}


def _resampled_means(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return rng.choice(values, size=(_RESAMPLES, len(values))).mean(axis=1)
