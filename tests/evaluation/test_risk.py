import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from taxonomy_metrics_helper import HIERARCHY, LEAVES, TAXONOMY, leaves

from har.errors import HarError
from har.evaluation.label_sets import LabelPairs
from har.evaluation.risk import RISK_COSTS, label_risks, risk_scores
from har.taxonomy.concept import RISKS


def risks_of(*labels):
    return [RISKS[level] for level in label_risks(labels, HIERARCHY, TAXONOMY)]


def test_the_risk_of_labels():
    assert risks_of(leaves("on_chair"), leaves("on_floor")) == ["none", "watch"]
    assert risks_of(leaves("falling"), leaves("fall_forward", "after_fall")) == ["urgent", "urgent"]
    assert risks_of(leaves("sitting")) == ["none"], "the concept's own level where leaves differ"
    assert risks_of(leaves("sneeze", "chest_pain")) == ["watch"]
    assert risks_of(leaves("on_chair", "faint")) == ["urgent"], "no common concept: the highest"
    assert risks_of(frozenset()) == ["none"]


def test_cost_and_confusion_by_hand():
    true = [leaves(*n) for n in (["falling"], ["falling"], ["on_floor"], ["standing"], ["sneeze"])]
    predicted = [
        leaves("faint"),
        frozenset(),
        leaves("standing"),
        leaves("falling"),
        leaves("sneeze"),
    ]
    pairs = LabelPairs.of_clips([*true, frozenset()], [*predicted, leaves("falling")])
    scores = risk_scores(pairs, HIERARCHY, TAXONOMY)
    assert scores.levels == RISKS
    assert scores.confusion == [[1, 0, 1], [1, 0, 0], [1, 0, 1]]
    assert scores.cost == pytest.approx((1 + 3 + 10) / 5)
    assert scores.cost_of_silence == pytest.approx((3 + 10 + 10) / 5)
    assert scores.clips == 5, "a clip without a concept has no risk to miss"


def test_own_costs():
    costs = {"none": [0, 1, 1], "watch": [1, 0, 1], "urgent": [1, 1, 0]}
    pairs = LabelPairs.of_clips([leaves("faint")] * 2, [leaves("faint"), leaves("standing")])
    assert risk_scores(pairs, HIERARCHY, TAXONOMY, costs).cost == 0.5


def test_nothing_to_count():
    pairs = LabelPairs.of_clips([frozenset()], [leaves("faint")])
    scores = risk_scores(pairs, HIERARCHY, TAXONOMY)
    assert (scores.cost, scores.cost_of_silence, scores.clips) == (None, None, 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"urgent": (1, 2)}, "need a row for each of none, watch, urgent"),
        ({"dire": (1, 2, 3)}, "need a row for each of none, watch, urgent"),
        ({"urgent": (1, -2, 0)}, "must be finite and not negative"),
        ({"urgent": (1, float("nan"), 0)}, "must be finite"),
        ({"watch": (1, 1, 1)}, "right answers cost nothing"),
    ],
)
def test_unusable_costs_are_refused(change, message):
    pairs = LabelPairs.of_clips([leaves("faint")], [leaves("faint")])
    with pytest.raises(HarError, match=re.escape(message)):
        risk_scores(pairs, HIERARCHY, TAXONOMY, {**RISK_COSTS, **change})


def test_missing_an_emergency_is_the_dearest_mistake():
    costs = np.array([RISK_COSTS[level] for level in RISKS])
    assert costs.argmax() == costs.shape[1] * RISKS.index("urgent") + RISKS.index("none")


@given(st.lists(st.frozensets(st.sampled_from(LEAVES), min_size=1), min_size=1, max_size=10))
def test_right_predictions_cost_nothing_and_no_mistake_costs_more_than_a_missed_emergency(labels):
    right = risk_scores(LabelPairs.of_clips(labels, labels), HIERARCHY, TAXONOMY)
    assert right.cost == 0
    silent = LabelPairs.of_clips(labels, [frozenset()] * len(labels))
    scores = risk_scores(silent, HIERARCHY, TAXONOMY)
    assert scores.cost == scores.cost_of_silence <= 10
