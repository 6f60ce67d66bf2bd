"""Every metric against hand-computed values and against loops in plain Python."""

import math
import random

import numpy as np
import pytest

from har.evaluation.calibration import (
    adaptive_calibration_error,
    brier_scores,
    equal_mass_bins,
    equal_width_bins,
    expected_calibration_error,
    reliability_curve,
)
from har.evaluation.metrics import (
    class_scores,
    confusion_matrix,
    label_ranks,
    log_losses,
    macro_f1,
    mean_class_accuracy,
    top_k_accuracy,
)

LABELS = np.array([0, 0, 0, 1, 1, 2])
PREDICTED = np.array([0, 0, 1, 1, 0, 3])
CONFUSION = [[2, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]]
NAMES = ("sit", "stand", "fall", "walk")


def random_problem(seed: int, clips: int, classes: int) -> tuple[list[list[float]], list[int]]:
    rng = random.Random(seed)
    rows = []
    for _ in range(clips):
        weights = [rng.random() ** 3 + 1e-6 for _ in range(classes)]
        rows.append([weight / sum(weights) for weight in weights])
    shown = max(1, classes - 1)
    return rows, [rng.randrange(shown) for _ in range(clips)]


def plain_top_k(rows, labels, k):
    hits = 0
    for row, label in zip(rows, labels, strict=True):
        order = sorted(range(len(row)), key=lambda index: (-row[index], index))
        hits += label in order[:k]
    return hits / len(rows)


def plain_class_metrics(labels, predicted, classes):
    accuracies, f1 = [], []
    for cls in range(classes):
        tp = sum(t == cls and p == cls for t, p in zip(labels, predicted, strict=True))
        shown, given = labels.count(cls), predicted.count(cls)
        if shown:
            accuracies.append(tp / shown)
        if shown or given:
            precision = tp / given if given else 0
            recall = tp / shown if shown else 0
            both = precision + recall
            f1.append(2 * precision * recall / both if both else 0)
    return sum(accuracies) / len(accuracies), sum(f1) / len(f1)


def plain_ece(rows, labels, bins=15):
    groups = {}
    for row, label in zip(rows, labels, strict=True):
        best = max(row)
        groups.setdefault(math.ceil(best * bins), []).append((best, row.index(best) == label))
    error = 0.0
    for members in groups.values():
        confidence = sum(best for best, _ in members) / len(members)
        accuracy = sum(right for _, right in members) / len(members)
        error += len(members) / len(rows) * abs(accuracy - confidence)
    return error


def plain_brier(rows, labels):
    return sum(
        (value - (index == label)) ** 2
        for row, label in zip(rows, labels, strict=True)
        for index, value in enumerate(row)
    ) / len(rows)


@pytest.mark.parametrize(("clips", "classes"), [(1, 1), (1, 3), (7, 2), (60, 5), (200, 12)])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_against_plain_python(seed, clips, classes):
    rows, labels = random_problem(seed, clips, classes)
    probabilities, truth = np.array(rows), np.array(labels)
    best = probabilities.argmax(axis=1)
    correct = best == truth
    for k in (1, 2, 5):
        assert top_k_accuracy(probabilities, truth, k) == pytest.approx(
            plain_top_k(rows, labels, k)
        )
    confusion = confusion_matrix(truth, best, classes)
    hits, support, predicted = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    accuracy, f1 = plain_class_metrics(labels, best.tolist(), classes)
    assert mean_class_accuracy(hits, support) == pytest.approx(accuracy)
    assert macro_f1(hits, support, predicted) == pytest.approx(f1)
    ece = expected_calibration_error(probabilities.max(axis=1), correct)
    assert ece == pytest.approx(plain_ece(rows, labels))
    assert brier_scores(probabilities, truth).mean() == pytest.approx(plain_brier(rows, labels))
    nll = -sum(math.log(row[label]) for row, label in zip(rows, labels, strict=True)) / clips
    assert log_losses(probabilities, truth).mean() == pytest.approx(nll)


def test_top_k_with_few_classes_is_one():
    assert top_k_accuracy(np.array([[0.9, 0.1], [0.9, 0.1]]), np.array([1, 0]), 5) == 1.0


def test_ties_go_to_the_lower_index_like_argmax():
    even = np.full((3, 3), 1 / 3)
    assert label_ranks(even, np.array([0, 1, 2])).tolist() == [0, 1, 2]
    assert even.argmax(axis=1).tolist() == [0, 0, 0]


def test_confusion_matrix_by_hand():
    assert confusion_matrix(LABELS, PREDICTED, 4).tolist() == CONFUSION


def test_absent_class_has_no_accuracy_but_lowers_macro_f1_when_predicted():
    confusion = np.array(CONFUSION)
    hits, support, predicted = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    assert mean_class_accuracy(hits, support) == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    # F1: 4/6, 2/4, 0 and, for the class that is predicted but never shown, 0.
    assert macro_f1(hits, support, predicted) == pytest.approx((2 / 3 + 1 / 2 + 0 + 0) / 4)


def test_class_neither_shown_nor_predicted_is_left_out():
    hits = support = predicted = np.array([4, 0, 2])
    assert mean_class_accuracy(hits, support) == 1
    assert macro_f1(hits, support, predicted) == 1


def test_class_metrics_of_many_resamples_at_once():
    hits = np.array([[2, 1, 0], [3, 0, 0]])
    support = np.array([[3, 2, 1], [3, 0, 0]])
    predicted = np.array([[3, 2, 1], [3, 0, 0]])
    np.testing.assert_allclose(mean_class_accuracy(hits, support), [(2 / 3 + 1 / 2) / 3, 1])
    np.testing.assert_allclose(macro_f1(hits, support, predicted), [(2 / 3 + 1 / 2) / 3, 1])


def test_class_scores_by_hand():
    sit, stand, fall, walk = class_scores(np.array(CONFUSION), NAMES)
    assert (sit.support, sit.predicted, sit.accuracy, sit.precision) == (3, 3, 2 / 3, 2 / 3)
    assert (stand.f1, stand.confused_with, stand.confused_clips) == (0.5, "sit", 1)
    assert (fall.accuracy, fall.recall, fall.precision, fall.f1) == (0.0, 0.0, None, 0.0)
    assert (fall.confused_with, fall.confused_clips) == ("walk", 1)
    assert (walk.support, walk.accuracy, walk.precision, walk.f1) == (0, None, 0.0, 0.0)
    assert walk.confused_with is None


def test_scores_of_a_class_that_never_occurs_are_none():
    scores = class_scores(np.array([[2, 0], [0, 0]]), ("a", "b"))[1]
    assert (scores.accuracy, scores.precision, scores.recall, scores.f1) == (None,) * 4


def test_log_loss_of_a_zero_probability_is_capped():
    assert log_losses(np.array([[0.0, 1.0]]), np.array([0]))[0] == pytest.approx(27.631, abs=1e-3)


def test_ece_by_hand():
    confidence = np.array([0.95, 0.97, 0.55, 0.55])
    correct = np.array([True, False, True, True])
    # Top bin: accuracy 0.5 against 0.96; the other: 1 against 0.55.
    expected = (2 * 0.46 + 2 * 0.45) / 4
    assert expected_calibration_error(confidence, correct) == pytest.approx(expected)
    assert adaptive_calibration_error(confidence, correct, bins=2) == pytest.approx(expected)


def test_perfect_calibration_is_zero():
    confidence, correct = np.full(4, 0.75), np.array([True, True, True, False])
    assert expected_calibration_error(confidence, correct) == pytest.approx(0)
    assert adaptive_calibration_error(confidence, correct) == pytest.approx(0)


def test_adaptive_bins_are_even_and_do_not_depend_on_order():
    rng = np.random.default_rng(0)
    confidence = 1 - rng.random(150) ** 4
    assert np.bincount(equal_mass_bins(confidence)).tolist() == [10] * 15
    confidence, correct = confidence.round(1), rng.random(150) < 0.7
    order = rng.permutation(150)
    assert adaptive_calibration_error(confidence[order], correct[order]) == pytest.approx(
        adaptive_calibration_error(confidence, correct)
    )


def test_brier_spans_zero_to_two():
    scores = brier_scores(np.array([[1.0, 0.0], [1.0, 0.0], [0.5, 0.5]]), np.array([0, 1, 1]))
    np.testing.assert_allclose(scores, [0, 2, 0.5])


def test_reliability_curve_by_hand():
    curve = reliability_curve(np.array([0.6, 0.8, 1.0]), np.array([False, True, True]), bins=2)
    assert curve.edges.tolist() == [0, 0.5, 1]
    assert curve.clips.tolist() == [0, 3]
    assert np.isnan(curve.confidence[0])
    assert np.isnan(curve.accuracy[0])
    assert (curve.confidence[1], curve.accuracy[1]) == pytest.approx((0.8, 2 / 3))


def test_bins_hold_their_upper_edge():
    confidence = np.array([0.5, 0.75, 1.0])
    assert equal_width_bins(confidence, bins=2).tolist() == [0, 1, 1]
    assert equal_mass_bins(np.array([0.2, 0.5, 0.5, 0.9]), bins=2).tolist() == [0, 0, 0, 1]


def test_confidence_just_above_one_stays_in_the_last_bin():
    curve = reliability_curve(np.array([1.0000001, 0.0]), np.array([True, False]))
    assert (curve.clips[-1], curve.clips[0]) == (1, 1)
