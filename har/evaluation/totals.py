"""Sums over clips from which every metric follows.

Sums of a union of groups are the sums of the sums: this is what makes resampling of subjects
cheap. Letters: U groups of clips (such as subjects), B resamples, K classes.
"""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from har.evaluation.calibration import (
    BINS,
    brier_scores,
    calibration_error,
    equal_mass_bins,
    equal_width_bins,
)
from har.evaluation.metrics import label_ranks, log_losses, macro_f1, mean_class_accuracy
from har.evaluation.predictions import Predictions

METRICS = (
    "top1", "top5", "mean_class_accuracy", "macro_f1", "ece", "adaptive_ece", "brier", "nll",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the clips of U groups.

    Attributes:
        clips: (U,) clips.
        top1, top5: (U,) clips whose true class is first, or among the first five.
        brier, nll: (U,) sums of the scores.
        hits, support, predicted: (U, K) clips recognised, shown, and predicted, of each class.
        gaps, adaptive_gaps: (U, bins) sums of ``correct - confidence`` in bins of equal width,
            and of equal numbers of clips.
    """

    clips: np.ndarray
    top1: np.ndarray
    top5: np.ndarray
    brier: np.ndarray
    nll: np.ndarray
    hits: np.ndarray
    support: np.ndarray
    predicted: np.ndarray
    gaps: np.ndarray
    adaptive_gaps: np.ndarray

    def weighted(self, weights: np.ndarray) -> Self:
        """Return the totals of B samples that hold group u ``weights[b, u]`` times."""
        return type(self)(**{f.name: weights @ getattr(self, f.name) for f in fields(self)})

    def scores(self) -> dict[str, np.ndarray]:
        """Return each of ``METRICS`` for each group, (U,) float64."""
        return {
            "top1": self.top1 / self.clips,
            "top5": self.top5 / self.clips,
            "mean_class_accuracy": mean_class_accuracy(self.hits, self.support),
            "macro_f1": macro_f1(self.hits, self.support, self.predicted),
            "ece": calibration_error(self.gaps, self.clips),
            "adaptive_ece": calibration_error(self.adaptive_gaps, self.clips),
            "brier": self.brier / self.clips,
            "nll": self.nll / self.clips,
        }


def tally(predictions: Predictions, groups: np.ndarray) -> Totals:
    """Return the totals of each group.

    The bins of ``adaptive_gaps`` are those of all clips together, for every group.

    Args:
        predictions: N clips.
        groups: (N,) int, the group of each clip; every group from 0 to the highest has a clip.
    """
    count = int(groups.max()) + 1
    classes = len(predictions.class_names)
    ranks = label_ranks(predictions.probabilities, predictions.labels)
    correct = (ranks == 0).astype(np.float64)
    gap = correct - predictions.confidence

    def per_group(values: np.ndarray | None = None) -> np.ndarray:
        return np.bincount(groups, values, count).astype(np.float64)

    def per_cell(column: np.ndarray, width: int, values: np.ndarray | None = None) -> np.ndarray:
        cells = np.bincount(groups * width + column, values, count * width)
        return cells.reshape(count, width).astype(np.float64)

    return Totals(
        clips=per_group(),
        top1=per_group(correct),
        top5=per_group(ranks < 5),
        brier=per_group(brier_scores(predictions.probabilities, predictions.labels)),
        nll=per_group(log_losses(predictions.probabilities, predictions.labels)),
        hits=per_cell(predictions.labels, classes, correct),
        support=per_cell(predictions.labels, classes),
        predicted=per_cell(predictions.predicted, classes),
        gaps=per_cell(equal_width_bins(predictions.confidence), BINS, gap),
        adaptive_gaps=per_cell(equal_mass_bins(predictions.confidence), BINS, gap),
    )
