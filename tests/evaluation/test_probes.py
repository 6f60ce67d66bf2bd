import numpy as np
import pytest
from scipy.special import softmax

from har.errors import ConfigError
from har.evaluation.probes import (
    PENALTIES,
    LabelledFeatures,
    fit_linear,
    fit_neighbours,
    run_probe,
)


def clusters(count: int, seed: int, spread: float = 1.0) -> LabelledFeatures:
    """Return features of three classes around three corners of a cube."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    features = 4.0 * np.eye(5)[labels] + spread * rng.normal(size=(count, 5))
    return LabelledFeatures(features.astype(np.float32), labels)


@pytest.mark.parametrize("kind", ["knn", "linear"])
def test_separate_clusters_are_told_apart(kind):
    test = clusters(60, seed=2, spread=0.3)
    found = run_probe(kind, clusters(60, 0, 0.3), clusters(30, 1, 0.3), test.features, classes=4)
    assert (found.probabilities.argmax(1) == test.labels).all()
    np.testing.assert_allclose(found.probabilities.sum(1), 1)
    assert found.probabilities.shape == (60, 4)


def test_the_setting_is_the_best_on_validation_and_the_final_fit_takes_both_parts():
    train, validation, test = (clusters(n, seed, 3.0) for seed, n in enumerate((90, 45, 50)))
    found = run_probe("linear", train, validation, test.features, classes=3)
    assert tuple(found.validation) == PENALTIES
    assert found.validation[found.setting] == max(found.validation.values())
    again = fit_linear(train.join(validation), 3, found.setting)(test.features)
    np.testing.assert_array_equal(found.probabilities, again)


def test_neighbours_vote_by_cosine_similarity_as_in_a_loop():
    train, test = clusters(40, 0, 2.0), clusters(7, 1, 2.0)
    mean, deviation = train.features.mean(0), train.features.std(0)
    for row, query in enumerate((test.features - mean) / deviation):
        near = []
        for known, label in zip((train.features - mean) / deviation, train.labels, strict=True):
            cosine = known @ query / np.linalg.norm(known) / np.linalg.norm(query)
            near.append((float(cosine), int(label)))
        votes = np.zeros(3)
        for cosine, label in sorted(near)[-5:]:
            votes[label] += np.exp(cosine / 0.07)
        found = fit_neighbours(train, 3, 5)(test.features)[row]
        np.testing.assert_allclose(found, votes / votes.sum(), atol=1e-4)


def test_more_neighbours_than_clips_are_all_clips():
    train, test = clusters(6, 0), clusters(4, 1)
    all_of_them = fit_neighbours(train, 3, 6)(test.features)
    np.testing.assert_array_equal(fit_neighbours(train, 3, 50)(test.features), all_of_them)


def test_the_linear_probe_is_at_the_minimum_of_its_loss():
    """Two more clips of opposite label would pull it equally, if the slope were not zero."""
    train, penalty = clusters(60, 0, 2.0), 0.1
    scaled = (train.features - train.features.mean(0)) / train.features.std(0)
    predict = fit_linear(train, 3, penalty)
    errors = (predict(train.features) - np.eye(3)[train.labels]) / len(scaled)
    np.testing.assert_allclose(errors.sum(0), 0, atol=1e-4)
    weights = -scaled.T @ errors / penalty
    logits = scaled @ weights
    shift = np.log(predict(train.features)) - logits
    np.testing.assert_allclose(
        softmax(logits + shift.mean(0), 1), predict(train.features), atol=1e-2
    )


def test_a_feature_that_never_changes_is_harmless():
    train, test = clusters(30, 0), clusters(9, 1)
    flat = [
        LabelledFeatures(np.c_[p.features, np.full(len(p.labels), 7)], p.labels)
        for p in (train, test)
    ]
    for fit, setting in ((fit_neighbours, 3), (fit_linear, 0.1)):
        expected = fit(train, 3, setting)(test.features)
        np.testing.assert_allclose(fit(flat[0], 3, setting)(flat[1].features), expected, atol=1e-6)


def test_a_probe_that_there_is_not_is_told():
    part = clusters(6, 0)
    with pytest.raises(ConfigError, match=r"'liner' is no probe\. Did you mean 'linear'"):
        run_probe("liner", part, part, part.features, classes=3)
