import sys

import numpy as np
import pytest

from har.audit.planting import plant_errors
from har.audit.suspects import Ranking, rank_suspects, recall_curve
from har.errors import HarError
from har.evaluation.predictions import Predictions


def predict(labels, given, classes, sharpness=3.0, seed=0):
    """Return predictions of a model that mostly knows the true labels."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1, (len(labels), classes))
    logits[np.arange(len(labels)), labels] += sharpness
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    names = np.array([f"clip_{number}" for number in range(len(labels))])
    blank = np.full(len(labels), "")
    return Predictions(probabilities, given, names, blank, blank, tuple("abcdef")[:classes])


@pytest.fixture
def planted():
    pytest.importorskip("cleanlab", reason="needs the extra 'audit'")
    labels = np.arange(600) % 6
    return labels, plant_errors(labels, 6, 0.05, np.random.default_rng(1))


@pytest.mark.parametrize(
    "ranking",
    [
        Ranking(),
        Ranking(score="normalized_margin", adjusted=True),
        Ranking(pruning="both"),
        Ranking(pruning="confident_learning"),
        Ranking(score="confidence_weighted_entropy", pruning="prune_by_class"),
    ],
)
def test_planted_errors_come_first(planted, ranking):
    labels, errors = planted
    suspects = rank_suspects(predict(labels, errors.labels, 6), ranking)
    assert sorted(suspects.order.tolist()) == list(range(600))
    curve = recall_curve(suspects.order, errors.rows)
    assert curve[int(0.08 * 600)] > 0.75
    assert (curve[0], curve[-1], len(curve)) == (0, 1, 601)


def test_marked_clips_come_before_all_others(planted):
    labels, errors = planted
    suspects = rank_suspects(predict(labels, errors.labels, 6), Ranking(pruning="both"))
    marked = suspects.marked[suspects.order]
    assert 0 < marked.sum() < 600
    assert marked[: marked.sum()].all()


def test_suggestions_are_never_the_given_label(planted):
    labels, errors = planted
    suspects = rank_suspects(predict(labels, errors.labels, 6))
    assert (suspects.suggested != errors.labels).all()
    assert (suspects.suggested == labels)[errors.rows].mean() > 0.8
    assert suspects.joint.sum() == pytest.approx(600, abs=6)


def test_one_class_cannot_be_audited(planted):
    with pytest.raises(HarError, match="only one class"):
        rank_suspects(predict(np.zeros(9, int), np.zeros(9, int), 1))


def test_a_missing_library_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "cleanlab", None)
    with pytest.raises(HarError, match=r"library cleanlab.*pip install .*\[audit\]"):
        rank_suspects(predict(np.arange(6), np.arange(6), 6))


def test_unknown_rankings():
    with pytest.raises(HarError, match=r"score 'self_confidense'.*mean 'self_confidence'"):
        Ranking(score="self_confidense")
    with pytest.raises(HarError, match=r"pruning 'x' is not known. There are: none, both"):
        Ranking(pruning="x")
    with pytest.raises(HarError, match="confidence_weighted_entropy cannot be adjusted"):
        Ranking(score="confidence_weighted_entropy", adjusted=True)
