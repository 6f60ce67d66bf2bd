"""One evaluation as plain numbers, ready for JSON."""

from dataclasses import asdict
from typing import Any

import numpy as np

from har.evaluation.intervals import LEVEL, bootstrap_intervals
from har.evaluation.metrics import class_scores, confusion_matrix
from har.evaluation.predictions import Predictions
from har.evaluation.totals import tally

UNKNOWN = "(unknown)"
_GROUP_METRICS = ("top1", "mean_class_accuracy", "macro_f1")


def evaluate(predictions: Predictions, *, bootstrap: int = 1000, seed: int = 0) -> dict[str, Any]:
    """Return the results of one test set as plain JSON types.

    All accuracies and calibration errors are fractions: ``top1`` of 0.93 is 93 percent. ``brier``
    is in [0, 2] and ``nll`` in nats.

    Args:
        predictions: the model's predictions.
        bootstrap: resamples for the 95 % intervals; 0 leaves the intervals out.
        seed: of the resampling.

    Returns:
        A dict of ``metrics`` (each of ``METRICS``, ``clips``, ``classes``, ``classes_tested``),
        ``intervals`` (metric -> [low, high]), ``interval_unit`` ("subject", "clip" or None),
        ``interval_reason`` (why not subjects, or None), ``interval_level``, ``bootstrap``,
        ``per_class`` (list of ``ClassScores`` as dicts), ``absent_classes`` (names of classes
        without test clips), ``per_subject`` and ``per_camera`` (name -> clips, top1,
        mean_class_accuracy, macro_f1; ``UNKNOWN`` stands for clips without a name).
    """
    classes = len(predictions.class_names)
    confusion = confusion_matrix(predictions.labels, predictions.predicted, classes)
    per_class = class_scores(confusion, predictions.class_names)
    absent = [scores.name for scores in per_class if scores.support == 0]
    return {
        "metrics": {
            **overall_scores(predictions),
            "clips": len(predictions),
            "classes": classes,
            "classes_tested": classes - len(absent),
        },
        **_interval_entries(predictions, bootstrap, seed),
        "per_class": [asdict(scores) for scores in per_class],
        "absent_classes": absent,
        "per_subject": _group_scores(predictions, predictions.subjects),
        "per_camera": _group_scores(predictions, predictions.cameras),
    }


def overall_scores(predictions: Predictions) -> dict[str, float]:
    """Return each metric over all clips."""
    everything = np.zeros(len(predictions), dtype=np.int64)
    scores = tally(predictions, everything).scores()
    return {name: float(values[0]) for name, values in scores.items()}


def _interval_entries(predictions: Predictions, bootstrap: int, seed: int) -> dict[str, Any]:
    shared = {"interval_level": LEVEL, "bootstrap": bootstrap}
    if bootstrap == 0:
        return {"intervals": {}, "interval_unit": None, "interval_reason": None, **shared}
    intervals = bootstrap_intervals(predictions, bootstrap, seed)
    return {
        "intervals": {name: list(bounds) for name, bounds in intervals.bounds.items()},
        "interval_unit": intervals.unit,
        "interval_reason": intervals.reason,
        **shared,
    }


def _group_scores(predictions: Predictions, names: np.ndarray) -> dict[str, dict[str, Any]]:
    distinct, groups = np.unique(names, return_inverse=True)
    totals = tally(predictions, groups)
    scores = totals.scores()
    return {
        str(name) or UNKNOWN: {
            "clips": int(totals.clips[row]),
            **{metric: float(scores[metric][row]) for metric in _GROUP_METRICS},
        }
        for row, name in enumerate(distinct)
    }
