"""How far methods hold under faults of camera and pose estimator, compared on the same clips."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from har.errors import HarError
from har.evaluation.intervals import LEVEL
from har.evaluation.predictions import Predictions
from har.evaluation.robustness_parts import (
    Resampling,
    binned_accuracy,
    coverage_curve,
    group_gaps,
)

Condition = tuple[str, int]
"""Name of a corruption, and its severity."""

CLEAN: Condition = ("clean", 0)


@dataclass(frozen=True)
class FilterVerdicts:
    """What a quality filter says of the clips under every condition.

    Attributes:
        score: (N,) by condition, the higher the better.
        accepted: (N,) bool by condition.
    """

    score: Mapping[Condition, np.ndarray]
    accepted: Mapping[Condition, np.ndarray]


@dataclass(frozen=True)
class MethodPredictions:
    """What one method says of the same clips under every condition.

    Attributes:
        by_condition: predictions by corruption and severity; ``CLEAN`` is among them.
    """

    by_condition: Mapping[Condition, Predictions]

    @property
    def clean(self) -> Predictions:
        """Predictions on the clips as they were recorded."""
        return self.by_condition[CLEAN]

    @cached_property
    def correct(self) -> Mapping[Condition, np.ndarray]:
        """(N,) bool by condition: which clips are recognised."""
        return {key: p.predicted == p.labels for key, p in self.by_condition.items()}


def robustness_summary(
    methods: Mapping[str, MethodPredictions],
    changed: Mapping[Condition, int],
    baseline: str,
    filters: Mapping[str, FilterVerdicts] | None = None,
    conditions: Mapping[str, np.ndarray] | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """Return how far methods hold, as plain JSON types; accuracies are fractions.

    A corruption that changes no clip, such as a swap of people in clips of one person, does not
    count. Where it is undefined, a value is None.

    Args:
        methods: by name; all have the same clips and conditions.
        changed: how many clips each condition changes.
        baseline: the method that the errors of the others are divided by.
        filters: verdicts on the clips by name of the filter.
        conditions: measured conditions of the clips as recorded by name, each (N,); NaN where
            unknown.
        bootstrap: resamples of subjects, or of clips where subjects cannot be resampled, for the
            intervals; 0 leaves the intervals out.
        seed: of the resampling.

    Raises:
        HarError: the methods were not tested on the same clips.
    """
    _check_same_clips(methods)
    counted = _counted_corruptions(changed)
    if not counted:
        raise HarError("no corruption changes any clip: choose others")
    errors = {
        name: {corruption: _mean_error(method, keys) for corruption, keys in counted.items()}
        for name, method in methods.items()
    }
    resampling = Resampling.of(methods[baseline].clean, bootstrap, seed)
    reference = methods[baseline]
    return {
        "clips": len(reference.clean),
        "classes": len(reference.clean.class_names),
        "baseline": baseline,
        "not_applicable": [name for name in _names(changed) if name not in counted],
        "interval_unit": resampling.unit,
        "interval_level": LEVEL,
        "bootstrap": bootstrap,
        "methods": {
            name: {
                **_overall(method, reference, counted, resampling),
                **_relative(errors[name], errors[baseline], method, reference),
                "by_corruption": _by_corruption(method, reference, counted),
                **_groups(method, counted, seed),
                "by_condition": binned_accuracy(
                    conditions or {}, method.correct[CLEAN].astype(np.float64)
                ),
                "coverage": _coverage(method, counted, filters or {}),
                "filters": _filters(method, counted, filters or {}),
            }
            for name, method in methods.items()
        },
    }


def _check_same_clips(methods: Mapping[str, MethodPredictions]) -> None:
    first, *others = methods
    expected = methods[first].clean.clip_ids
    for name in others:
        found = methods[name].clean.clip_ids
        if not np.array_equal(found, expected):
            raise HarError(
                f"{first} was tested on {len(expected)} clips, {name} on {len(found)} other ones: "
                "compare checkpoints of the same dataset, protocol and fold"
            )


def _names(conditions: Mapping[Condition, Any]) -> list[str]:
    return list(dict.fromkeys(name for name, _ in conditions if name != CLEAN[0]))


def _counted_corruptions(changed: Mapping[Condition, int]) -> dict[str, list[Condition]]:
    """Return the conditions of every corruption that changes a clip at any severity."""
    by_name = {name: sorted(key for key in changed if key[0] == name) for name in _names(changed)}
    return {name: keys for name, keys in by_name.items() if any(changed[key] for key in keys)}


def _mean_error(method: MethodPredictions, keys: Sequence[Condition]) -> float:
    return float(np.mean([1 - method.correct[key].mean() for key in keys]))


def _overall(
    method: MethodPredictions,
    reference: MethodPredictions,
    counted: Mapping[str, list[Condition]],
    resampling: Resampling,
) -> dict[str, Any]:
    keys = [key for own in counted.values() for key in own]
    clean, share = method.correct[CLEAN].astype(np.float64), _share_correct(method, counted)
    worst = min(keys, key=lambda key: method.correct[key].mean())
    severities = sorted({severity for _, severity in keys})
    right = np.stack([method.correct[key] for key in keys])
    return {
        "clean": {"top1": float(clean.mean()), "interval": resampling.interval(clean)},
        "corrupted": {"top1": float(share.mean()), "interval": resampling.interval(share)},
        "difference_to_baseline": {
            "corrupted_top1": float((share - _share_correct(reference, counted)).mean()),
            "interval": resampling.interval(share - _share_correct(reference, counted)),
        },
        "by_severity": {
            severity: float(np.mean([method.correct[k].mean() for k in keys if k[1] == severity]))
            for severity in severities
        },
        "worst": {
            "corruption": worst[0],
            "severity": worst[1],
            "top1": float(method.correct[worst].mean()),
        },
        "always_right": float((right.all(axis=0) & method.correct[CLEAN]).mean()),
    }


def _share_correct(method: MethodPredictions, counted: Mapping[str, list[Condition]]) -> np.ndarray:
    """Return (N,) in how much of the corruptions each clip is recognised; all corruptions alike."""
    shares = [np.mean([method.correct[key] for key in keys], axis=0) for keys in counted.values()]
    return np.mean(shares, axis=0)


def _relative(
    own: Mapping[str, float],
    base: Mapping[str, float],
    method: MethodPredictions,
    reference: MethodPredictions,
) -> dict[str, Any]:
    """Return mean corruption errors: 1 is as good as the baseline, lower is better.

    That of the rise of the error is a ratio of means, not a mean of ratios: the rise of a method
    may be about 0 under a single corruption.
    """
    clean, base_clean = (float(1 - m.correct[CLEAN].mean()) for m in (method, reference))
    rise = float(np.mean([error - clean for error in own.values()]))
    base_rise = float(np.mean([error - base_clean for error in base.values()]))
    return {
        "mean_corruption_error": _mean_ratio([(own[name], base[name]) for name in own]),
        "relative_mean_corruption_error": rise / base_rise if base_rise > 0 else None,
    }


def _mean_ratio(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Return the mean of the ratios whose divisor is above 0."""
    ratios = [one / other for one, other in pairs if other > 0]
    return float(np.mean(ratios)) if ratios else None


def _by_corruption(
    method: MethodPredictions,
    reference: MethodPredictions,
    counted: Mapping[str, list[Condition]],
) -> dict[str, Any]:
    table = {}
    for name, keys in counted.items():
        own, base = _mean_error(method, keys), _mean_error(reference, keys)
        table[name] = {
            "top1": {
                severity: float(method.correct[name, severity].mean()) for _, severity in keys
            },
            "mean_top1": 1 - own,
            "corruption_error": own / base if base > 0 else None,
        }
    return table


def _groups(
    method: MethodPredictions, counted: Mapping[str, list[Condition]], seed: int
) -> dict[str, Any]:
    clean, share = method.correct[CLEAN].astype(np.float64), _share_correct(method, counted)
    groups = {"subject": method.clean.subjects, "camera": method.clean.cameras}
    return {
        f"by_{what}": {
            "clean": group_gaps(names, clean, seed),
            "corrupted": group_gaps(names, share, seed),
        }
        for what, names in groups.items()
    }


def _coverage(
    method: MethodPredictions,
    counted: Mapping[str, list[Condition]],
    filters: Mapping[str, FilterVerdicts],
) -> dict[str, Any]:
    """Return coverage curves over the clips of all conditions together, clean ones included."""
    keys = _pooled(counted)
    correct = np.concatenate([method.correct[key] for key in keys]).astype(np.float64)
    own = {key: method.by_condition[key].confidence for key in keys}
    scores = {"model confidence": own} | {f"{n} filter": f.score for n, f in filters.items()}
    return {
        name: coverage_curve(np.concatenate([by_condition[key] for key in keys]), correct)
        for name, by_condition in scores.items()
    }


def _filters(
    method: MethodPredictions,
    counted: Mapping[str, list[Condition]],
    filters: Mapping[str, FilterVerdicts],
) -> dict[str, Any]:
    """Return how many clips of all conditions each filter accepts, and the accuracy on them."""
    keys = _pooled(counted)
    correct = np.concatenate([method.correct[key] for key in keys])
    table = {}
    for name, verdicts in filters.items():
        accepted = np.concatenate([verdicts.accepted[key] for key in keys])
        table[name] = {
            "coverage": float(accepted.mean()),
            "coverage_of_clean": float(verdicts.accepted[CLEAN].mean()),
            "top1": float(correct.mean()),
            "top1_accepted": float(correct[accepted].mean()) if accepted.any() else None,
            "top1_rejected": float(correct[~accepted].mean()) if not accepted.all() else None,
        }
    return table


def _pooled(counted: Mapping[str, list[Condition]]) -> list[Condition]:
    return [CLEAN, *(key for own in counted.values() for key in own)]
