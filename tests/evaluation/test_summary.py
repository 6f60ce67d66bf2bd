import json
import re

import numpy as np
import pytest

from har.errors import HarError
from har.evaluation import intervals
from har.evaluation.calibration import (
    adaptive_calibration_error,
    brier_scores,
    expected_calibration_error,
)
from har.evaluation.intervals import bootstrap_intervals
from har.evaluation.metrics import (
    confusion_matrix,
    log_losses,
    macro_f1,
    mean_class_accuracy,
    top_k_accuracy,
)
from har.evaluation.predictions import Predictions
from har.evaluation.summary import UNKNOWN, evaluate, overall_scores
from har.evaluation.totals import METRICS, tally


def synthetic(clips=200, classes=6, subjects=8, seed=0, skill=2.0) -> Predictions:
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=clips)
    subject = rng.integers(subjects, size=clips)
    logits = rng.normal(size=(clips, classes))
    logits[np.arange(clips), labels] += skill * rng.random(subjects)[subject]
    scores = np.exp(logits)
    return Predictions(
        probabilities=scores / scores.sum(axis=1, keepdims=True),
        labels=labels,
        clip_ids=np.array([f"clip{row:04}" for row in range(clips)]),
        subjects=np.array([f"P{value:02}" for value in subject]),
        cameras=np.array([f"C{value}" for value in rng.integers(3, size=clips)]),
        class_names=tuple(f"action {index}" for index in range(classes)),
    )


def subset(predictions: Predictions, rows: np.ndarray, **changes) -> Predictions:
    names = ("probabilities", "labels", "clip_ids", "subjects", "cameras")
    values = {name: getattr(predictions, name)[rows] for name in names}
    return Predictions(**(values | {"class_names": predictions.class_names} | changes))


def test_results_are_plain_json():
    results = evaluate(synthetic(), bootstrap=50)
    assert json.loads(json.dumps(results, allow_nan=False)) == results
    assert set(results["metrics"]) == {*METRICS, "clips", "classes", "classes_tested"}
    assert set(results["intervals"]) == set(METRICS)
    assert (results["interval_unit"], results["interval_reason"]) == ("subject", None)


def test_fractions_and_groups_by_hand():
    predictions = Predictions(
        probabilities=[[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]],
        labels=[0, 1, 1, 1],
        clip_ids=list("wxyz"),
        subjects=["A", "A", "B", ""],
        cameras=["1", "1", "1", "1"],
        class_names=("fall", "walk"),
    )
    results = evaluate(predictions, bootstrap=0)
    assert results["metrics"]["top1"] == 0.75
    assert results["metrics"]["top5"] == 1.0
    assert results["metrics"]["mean_class_accuracy"] == pytest.approx((1 + 2 / 3) / 2)
    assert results["per_camera"]["1"]["clips"] == 4
    assert results["per_subject"]["A"]["top1"] == 1.0
    assert results["per_subject"]["B"] == {
        "clips": 1, "top1": 0.0, "mean_class_accuracy": 0.0, "macro_f1": 0.0,
    }  # fmt: skip
    assert results["per_subject"][UNKNOWN]["top1"] == 1.0
    assert results["intervals"] == {}
    assert results["interval_unit"] is None


def test_metrics_equal_the_functions_that_compute_one_each():
    predictions = synthetic(classes=9)
    probabilities, labels = predictions.probabilities, predictions.labels
    confidence, correct = predictions.confidence, predictions.predicted == labels
    confusion = confusion_matrix(labels, predictions.predicted, 9)
    hits, support, predicted = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    assert overall_scores(predictions) == pytest.approx(
        {
            "top1": top_k_accuracy(probabilities, labels, 1),
            "top5": top_k_accuracy(probabilities, labels, 5),
            "mean_class_accuracy": float(mean_class_accuracy(hits, support)),
            "macro_f1": float(macro_f1(hits, support, predicted)),
            "ece": expected_calibration_error(confidence, correct),
            "adaptive_ece": adaptive_calibration_error(confidence, correct),
            "brier": brier_scores(probabilities, labels).mean(),
            "nll": log_losses(probabilities, labels).mean(),
        }
    )


def test_absent_classes_are_named():
    predictions = synthetic(classes=4)
    shown = subset(predictions, np.flatnonzero(predictions.labels != 2))
    results = evaluate(shown, bootstrap=20)
    assert results["absent_classes"] == ["action 2"]
    assert (results["metrics"]["classes"], results["metrics"]["classes_tested"]) == (4, 3)
    assert results["per_class"][2]["accuracy"] is None


def test_a_single_class():
    predictions = Predictions([[1.0]] * 3, [0] * 3, list("abc"), list("xyz"), [""] * 3, ("only",))
    results = evaluate(predictions, bootstrap=20)
    assert results["metrics"]["top1"] == results["metrics"]["macro_f1"] == 1.0
    assert results["intervals"]["top1"] == [1.0, 1.0]


def test_intervals_equal_resampling_the_clips_of_drawn_subjects():
    predictions = synthetic(clips=60, subjects=4)
    names, groups = np.unique(predictions.subjects, return_inverse=True)
    rng = np.random.default_rng(5)
    drawn: dict[str, list[float]] = {"top1": [], "macro_f1": [], "ece": [], "nll": []}
    for picked in rng.integers(len(names), size=(40, len(names))):
        rows = np.concatenate([np.flatnonzero(groups == subject) for subject in picked])
        unique = np.array([f"{row}" for row in range(len(rows))])
        metrics = evaluate(subset(predictions, rows, clip_ids=unique), bootstrap=0)["metrics"]
        for name, values in drawn.items():
            values.append(metrics[name])
    bounds = bootstrap_intervals(predictions, resamples=40, seed=5).bounds
    for name, values in drawn.items():
        assert bounds[name] == pytest.approx(np.percentile(values, [2.5, 97.5])), name


def test_intervals_are_seeded():
    predictions = synthetic()
    first, again, other = (bootstrap_intervals(predictions, 100, seed).bounds for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_subjects_give_wider_intervals_than_clips_when_people_differ():
    predictions = synthetic(clips=600, subjects=6, skill=6.0)
    unknown = subset(predictions, np.arange(600), subjects=np.full(600, ""))
    by_subject, by_clip = (bootstrap_intervals(p, 500) for p in (predictions, unknown))
    assert by_clip.unit == "clip"
    width = {
        unit.unit: unit.bounds["top1"][1] - unit.bounds["top1"][0] for unit in (by_subject, by_clip)
    }
    assert width["subject"] > 1.5 * width["clip"]


def test_clip_interval_is_near_the_binomial_one():
    clips = 400
    correct = np.arange(clips) < 300
    predictions = Predictions(
        probabilities=np.where(correct[:, None], [0.9, 0.1], [0.1, 0.9]),
        labels=np.zeros(clips, dtype=int),
        clip_ids=np.arange(clips).astype(str),
        subjects=np.full(clips, ""),
        cameras=np.full(clips, ""),
        class_names=("a", "b"),
    )
    low, high = bootstrap_intervals(predictions, 1000).bounds["top1"]
    half = 1.96 * np.sqrt(0.75 * 0.25 / clips)
    assert (low, high) == pytest.approx((0.75 - half, 0.75 + half), abs=0.008)


@pytest.mark.parametrize(
    ("subjects", "reason"),
    [
        (["A", "B"] * 100, r"2 test subject\(s\), at least 3 needed"),
        (["A", "B", "C", ""] * 50, "subject of 50 of 200 clips is unknown"),
    ],
)
def test_falls_back_to_clips_with_a_reason(subjects, reason):
    predictions = subset(synthetic(), np.arange(200), subjects=np.array(subjects))
    results = evaluate(predictions, bootstrap=20)
    assert results["interval_unit"] == "clip"
    assert re.search(reason, results["interval_reason"])


def test_bootstrap_arguments_are_checked():
    with pytest.raises(HarError, match="at least 2 resamples, got 1"):
        bootstrap_intervals(synthetic(), 1)
    with pytest.raises(HarError, match=r"between 0 and 1, got 95"):
        bootstrap_intervals(synthetic(), level=95)


def test_a_thousand_resamples_do_not_evaluate_the_clips_a_thousand_times(monkeypatch):
    predictions = synthetic(clips=16_000, classes=60, subjects=20)
    tallied = []

    def counted(*arguments):
        tallied.append(arguments)
        return tally(*arguments)

    monkeypatch.setattr(intervals, "tally", counted)
    assert bootstrap_intervals(predictions, 1000).bounds
    assert len(tallied) == 1
