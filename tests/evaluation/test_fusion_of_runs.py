"""Late fusion of predictions: pools, the search for weights, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax

from har.errors import HarError
from har.evaluation.fusion import (
    LinearPool,
    LogPool,
    check_disjoint,
    fuse,
    learn_pool,
    mean_log_loss,
    tune_weights,
)
from har.evaluation.predictions import Predictions

CLASSES = 5


def predictions(probabilities: np.ndarray, labels: np.ndarray) -> Predictions:
    clips = len(labels)
    return Predictions(
        probabilities=probabilities,
        labels=labels,
        clip_ids=np.array([f"clip{number:04}" for number in range(clips)]),
        subjects=np.array([f"s{number % 4}" for number in range(clips)]),
        cameras=np.array(["1"] * clips),
        class_names=tuple("abcde"),
    )


def models(*strengths: float, clips: int = 400, seed: int = 0) -> dict[str, Predictions]:
    """Return runs that know the labels more or less well, their mistakes independent."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(CLASSES, size=clips)
    return {
        f"run{number}": predictions(
            softmax(strength * np.eye(CLASSES)[labels] + rng.normal(size=(clips, CLASSES)), axis=1),
            labels,
        )
        for number, strength in enumerate(strengths)
    }


def shuffled(run: Predictions, seed: int = 0) -> Predictions:
    order = np.random.default_rng(seed).permutation(len(run))
    names = ("probabilities", "labels", "clip_ids", "subjects", "cameras")
    return replace(run, **{name: getattr(run, name)[order] for name in names})


def test_the_linear_pool_is_the_weighted_mean():
    runs = models(1, 2, 1, 1)
    fused = fuse(runs, LinearPool((2, 2, 1, 1)))
    expected = (
        sum(w * r.probabilities for w, r in zip((2, 2, 1, 1), runs.values(), strict=True)) / 6
    )
    np.testing.assert_allclose(fused.probabilities, expected)
    same = fuse(runs, LinearPool((0.6, 0.6, 0.3, 0.3)))
    np.testing.assert_allclose(same.probabilities, expected)


def test_the_log_pool_is_the_normalised_geometric_mean():
    runs = models(1, 2)
    first, second = (run.probabilities for run in runs.values())
    product = (first**0.25 * second**0.75) ** (1 / 0.5)
    expected = product / product.sum(axis=1, keepdims=True)
    fused = fuse(runs, LogPool((0.25, 0.75), temperature=0.5))
    np.testing.assert_allclose(fused.probabilities, expected)


def test_the_order_of_the_clips_in_the_files_does_not_matter():
    runs = models(1, 2)
    mixed = {**runs, "run1": shuffled(runs["run1"])}
    pool = LinearPool((1, 1))
    np.testing.assert_array_equal(fuse(runs, pool).probabilities, fuse(mixed, pool).probabilities)


def test_tuned_weights_are_the_best_of_a_grid():
    runs = models(1.0, 2.0, 0.5)
    tuned = tune_weights(runs)
    assert sum(tuned.weights) == pytest.approx(1)
    steps = np.linspace(0, 1, 21)
    grid = [(a, b, 1 - a - b) for a in steps for b in steps if a + b <= 1 + 1e-9]
    losses = [mean_log_loss(fuse(runs, LinearPool(np.maximum(w, 0)))) for w in grid]
    best = mean_log_loss(fuse(runs, tuned))
    assert best <= min(losses) + 1e-9
    np.testing.assert_allclose(tuned.weights, grid[int(np.argmin(losses))], atol=0.05)


def test_a_useless_run_gets_no_weight_and_a_strong_one_the_most():
    runs = models(0.0, 3.0, 1.5)
    for pool in (tune_weights(runs), learn_pool(runs)):
        assert pool.weights[0] < 0.1
        assert pool.weights[1] > 0.55


def test_a_learned_pool_corrects_confidence_too():
    runs = models(2.0, 1.5)
    sharp = {
        name: replace(run, probabilities=softmax(4 * np.log(run.probabilities), axis=1))
        for name, run in runs.items()
    }
    plain, learned = tune_weights(sharp), learn_pool(sharp)
    assert mean_log_loss(fuse(sharp, learned)) < mean_log_loss(fuse(sharp, plain)) - 0.05
    # Sharpening every run by 4 changes the temperature by 4, and nothing else.
    before = learn_pool(runs)
    np.testing.assert_allclose(learned.weights, before.weights, atol=1e-4)
    assert learned.temperature == pytest.approx(4 * before.temperature, rel=1e-3)


def test_learned_weights_are_a_minimum():
    runs = models(2.0, 1.0, 0.5)
    pool = learn_pool(runs)
    best = mean_log_loss(fuse(runs, pool))
    rng = np.random.default_rng(1)
    for _ in range(50):
        shares = np.maximum(np.divide(pool.weights, pool.temperature) + 0.1 * rng.normal(size=3), 0)
        other = LogPool(tuple(shares / shares.sum()), 1 / shares.sum())
        assert mean_log_loss(fuse(runs, other)) >= best - 1e-9


def test_weights_found_on_one_part_help_on_another():
    validation, test = models(2, 1, 0.2, seed=1), models(2, 1, 0.2, seed=2)
    equal = mean_log_loss(fuse(test, LinearPool((1, 1, 1))))
    tuned = mean_log_loss(fuse(test, tune_weights(validation)))
    learned = mean_log_loss(fuse(test, learn_pool(validation)))
    assert learned < tuned < equal


def test_certain_mistakes_cost_a_bounded_loss():
    runs = models(2, 2)
    certain = np.eye(CLASSES)[(runs["run0"].labels + 1) % CLASSES]
    runs["run0"] = replace(runs["run0"], probabilities=certain)
    for pool in (tune_weights(runs), learn_pool(runs)):
        assert pool.weights[0] == pytest.approx(0, abs=1e-6)
        assert np.isfinite(mean_log_loss(fuse(runs, pool)))


def test_runs_that_know_nothing_teach_no_weights():
    runs = models(-4, -4)
    with pytest.raises(HarError, match="no better than guessing"):
        learn_pool(runs)


def test_other_clips_labels_and_classes_are_refused_by_name():
    runs = models(1, 2)
    other = runs["run1"]
    part = Predictions(
        other.probabilities[5:], other.labels[5:], other.clip_ids[5:], other.subjects[5:],
        other.cameras[5:], other.class_names,
    )  # fmt: skip
    message = r"run0 and other are about different clips: run0 alone has 5 clips \(clip0000, "
    with pytest.raises(HarError, match=message):
        fuse({"run0": runs["run0"], "other": part}, LinearPool((1, 1)))
    relabelled = replace(
        other, labels=np.where(np.arange(400) == 7, 9 - other.labels, other.labels) % 5
    )
    with pytest.raises(
        HarError, match=r"other and run0 have different labels for 1 clip \(clip0007"
    ):
        tune_weights({"run0": runs["run0"], "other": relabelled})
    renamed = replace(other, class_names=tuple("abcdf"))
    with pytest.raises(HarError, match="other has other classes than run0: a, b, c, d, f, not"):
        learn_pool({"run0": runs["run0"], "other": renamed})


def test_weights_that_do_not_fit_are_refused():
    runs = models(1, 2)
    with pytest.raises(HarError, match=r"3 weights for 2 runs \(run0, run1\)"):
        fuse(runs, LinearPool((1, 1, 1)))
    for weights in ((0.0, 0.0), (1.0, -1.0), (1.0, float("nan")), (1.0, float("inf")), ()):
        with pytest.raises(HarError, match="at least 0, one of them more"):
            LinearPool(weights)
    with pytest.raises(HarError, match="at least 2 runs, got 1: run0"):
        tune_weights({"run0": runs["run0"]})


def test_validation_clips_that_are_test_clips_are_refused():
    run = models(1)["run0"]
    with pytest.raises(HarError, match=r"400 clips \(clip0000, clip0001, clip0002, ...\) in both"):
        check_disjoint(run, run)
    check_disjoint(replace(run, clip_ids=np.char.add("v", run.clip_ids)), run)
