import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from taxonomy_metrics_helper import HIERARCHY, LEAVES, TAXONOMY, leaves

from har.errors import HarError, TaxonomyError
from har.evaluation.hierarchy import (
    hierarchical_scores,
    level_accuracies,
    level_accuracies_of_pairs,
    mistake_severity,
)
from har.evaluation.label_sets import Hierarchy, LabelPairs
from har.taxonomy import load_taxonomy

SHIPPED = load_taxonomy()
SHIPPED_HIERARCHY = Hierarchy.of(SHIPPED)
LABELS = st.frozensets(st.sampled_from(LEAVES), max_size=3)
CONCEPT_LABELS = st.sampled_from(sorted(TAXONOMY.concepts)).map(leaves)
SHIPPED_LABELS = st.sampled_from(sorted(SHIPPED.concepts)).map(SHIPPED.leaves)


def pairs_of(*clips):
    """Count clips that are given as (true, predicted)."""
    return LabelPairs.of_clips(*zip(*clips, strict=True))


def accuracies(pairs, hierarchy=HIERARCHY):
    return {s.level: (s.accuracy, s.clips) for s in level_accuracies_of_pairs(pairs, hierarchy)}


def names(row):
    return {name for name, is_set in zip(HIERARCHY.concepts, row, strict=True) if is_set}


def above(identity, taxonomy=TAXONOMY):
    return {identity, *taxonomy.ancestors(identity)}


def test_depth_and_height_are_the_longest_ways():
    depth = dict(zip(HIERARCHY.concepts, HIERARCHY.depth.tolist(), strict=True))
    height = dict(zip(HIERARCHY.concepts, HIERARCHY.height.tolist(), strict=True))
    assert (depth["situation"], depth["health"], depth["faint"]) == (0, 1, 2)
    assert (height["situation"], height["health"], height["faint"]) == (2, 1, 0)
    assert HIERARCHY.top_height == 3
    assert list(HIERARCHY.levels()) == ["kind", "depth 1", "depth 2", "leaf"]


def test_what_labels_entail_and_leave_open():
    labels = [leaves("falling"), leaves("faint"), leaves("sitting", "health"), frozenset()]
    falling, faint, apart, nothing = HIERARCHY.entailed(labels)
    assert names(falling) == {"situation", "falling"}
    assert names(faint) == {"faint", "falling", "health", "situation"}
    assert not apart.any()
    assert not nothing.any()
    assert names(HIERARCHY.open(labels)[0]) == {"fall_forward", "faint", "health"}


def test_labels_are_sets_of_leaves():
    with pytest.raises(
        TaxonomyError, match=r"sets of leaf concepts, .* none: \['falling', 'fly'\]"
    ):
        HIERARCHY.entailed([frozenset({"falling", "fly", "faint"})])
    with pytest.raises(HarError, match="got 1 true and 0 predicted"):
        LabelPairs.of_clips([leaves("faint")], [])


def test_a_clip_counts_only_at_the_levels_that_its_label_tells():
    pairs = pairs_of(
        (leaves("falling"), leaves("fall_forward")),  # finer than the label, and right
        (leaves("fall_forward"), leaves("falling")),  # right, but coarser
        (leaves("standing"), leaves("sitting")),  # right kind
        (leaves("sneeze"), frozenset()),  # no concept
        (frozenset(), leaves("standing")),  # counts nowhere
        (leaves("standing", "sneeze"), leaves("standing")),  # the label tells no kind
    )
    assert accuracies(pairs) == {
        "kind": (3 / 4, 4),
        "depth 1": (2 / 4, 4),
        "depth 2": (0 / 2, 2),
        "leaf": (0 / 3, 3),
    }


def test_one_of_several_concepts_of_a_level_is_enough():
    pairs = pairs_of((leaves("faint"), leaves("chest_pain")), (leaves("sneeze"), leaves("faint")))
    assert accuracies(pairs)["depth 1"] == (1, 2)
    assert accuracies(pairs)["depth 2"] == (0, 2)


def test_probabilities_are_summed_at_each_level():
    atoms = [leaves(name) for name in ("standing", "fall_forward", "faint", "after_fall")]
    true = [leaves("falling")]
    probabilities = np.array([[0.4, 0.3, 0.3, 0.0], [0.7, 0.2, 0.1, 0.0]])
    found = level_accuracies(probabilities, atoms, true, np.array([0, 0]), HIERARCHY)
    assert [score.accuracy for score in found] == [0.5, 0.5, None, None]


def test_equal_sums_go_to_the_most_probable_label_and_undecided_mass_competes():
    atoms = [leaves("standing"), leaves("on_chair"), leaves("faint")]
    even = np.full((3, 3), 1 / 3)
    true = [leaves("standing"), leaves("on_chair"), leaves("faint")]
    found = level_accuracies(even, atoms, true, np.arange(3), HIERARCHY)
    assert [score.accuracy for score in found] == pytest.approx([2 / 3, 1 / 3, 0, 1 / 3])
    shallow = np.array([[0.9, 0.1, 0.0]])  # at depth 2, standing is no concept, but is the guess
    found = level_accuracies(shallow, atoms, [leaves("on_chair")], np.array([0]), HIERARCHY)
    assert [score.accuracy for score in found] == [1, 0, 0, 0]


def test_hierarchical_scores_by_hand():
    pairs = pairs_of(
        (leaves("falling"), leaves("fall_forward")),  # 2 of 2 decided, 2 of 2 wanted
        (leaves("fall_forward"), leaves("falling")),  # 2 of 2, 2 of 3
        (leaves("standing"), leaves("on_chair")),  # 1 of 3, 1 of 2
        (leaves("standing"), frozenset()),  # 0 of 0, 0 of 2
        (frozenset(), leaves("standing")),
    )
    scores = hierarchical_scores(pairs, HIERARCHY)
    assert scores.precision == pytest.approx(5 / 7)
    assert scores.recall == pytest.approx(5 / 9)
    assert scores.f1 == pytest.approx(10 / 16)
    assert scores.clips == 4


def test_severity_of_mistakes_by_hand():
    pairs = pairs_of(
        (leaves("on_chair"), leaves("on_floor")),  # sitting: 1
        (leaves("on_chair"), leaves("standing")),  # posture: 2
        (leaves("faint"), leaves("chest_pain")),  # health, not situation: 1
        (leaves("faint"), leaves("standing")),  # nothing in common: 3
        (leaves("falling"), leaves("faint")),  # no mistake
        (frozenset(), leaves("faint")),
    )
    severity = mistake_severity(pairs, HIERARCHY)
    assert (severity.mean, severity.mean_over_clips) == (7 / 4, 7 / 5)
    assert (severity.worst, severity.mistakes, severity.clips) == (3, 4, 5)


def test_clips_without_concepts_leave_the_scores_undefined():
    pairs = pairs_of((frozenset(), leaves("faint")))
    assert set(accuracies(pairs).values()) == {(None, 0)}
    assert hierarchical_scores(pairs, HIERARCHY).f1 is None
    assert mistake_severity(pairs, HIERARCHY).mean is None
    assert mistake_severity(pairs, HIERARCHY).mean_over_clips is None


@settings(max_examples=50)
@given(st.lists(SHIPPED_LABELS, min_size=1, max_size=20))
def test_perfect_predictions_are_perfect(labels):
    pairs = LabelPairs.of_clips(labels, labels)
    scores = hierarchical_scores(pairs, SHIPPED_HIERARCHY)
    assert (scores.precision, scores.recall, scores.f1) == (1, 1, 1)
    levels = accuracies(pairs, SHIPPED_HIERARCHY).values()
    assert {accuracy for accuracy, _ in levels} <= {1, None}
    assert mistake_severity(pairs, SHIPPED_HIERARCHY).mean_over_clips == 0


@settings(max_examples=100)
@given(st.lists(st.tuples(LABELS, LABELS), min_size=1, max_size=20))
def test_scores_stay_in_their_bounds_and_agree_with_plain_sets(clips):
    pairs = pairs_of(*clips)
    scores = hierarchical_scores(pairs, HIERARCHY)
    shared = decided = wanted = 0
    for true, predicted in clips:
        if told := plain_entailed(true):
            given_concepts = plain_entailed(predicted)
            shared += len(told & given_concepts)
            wanted += len(told)
            decided += sum(
                concept in told or TAXONOMY.leaves(concept).isdisjoint(true)
                for concept in given_concepts
            )
    assert scores.precision == (pytest.approx(shared / decided) if decided else None)
    assert scores.recall == (pytest.approx(shared / wanted) if wanted else None)
    assert scores.precision is None or 0 <= scores.precision <= 1
    severity = mistake_severity(pairs, HIERARCHY)
    assert severity.mean is None or 0 < severity.mean <= severity.worst


def plain_entailed(label):
    return set.intersection(*(above(leaf) for leaf in label)) if label else set()


@settings(max_examples=50)
@given(st.data(), SHIPPED_LABELS)
def test_a_fine_prediction_within_a_coarse_label_is_right(data, label):
    fine = frozenset({data.draw(st.sampled_from(sorted(label)))})
    pairs = LabelPairs.of_clips([label], [fine])
    levels = accuracies(pairs, SHIPPED_HIERARCHY).values()
    assert {accuracy for accuracy, clips in levels if clips} == {1}
    assert hierarchical_scores(pairs, SHIPPED_HIERARCHY).f1 == 1
    assert mistake_severity(pairs, SHIPPED_HIERARCHY).mistakes == 0


@settings(max_examples=50)
@given(st.lists(st.tuples(CONCEPT_LABELS, CONCEPT_LABELS), min_size=1, max_size=12))
def test_certain_probabilities_are_predicted_labels(clips):
    pairs = pairs_of(*clips)
    columns = [pairs.predicted.index(predicted) for _, predicted in clips]
    rows = np.array([pairs.true.index(true) for true, _ in clips])
    certain = np.eye(len(pairs.predicted))[columns]
    found = level_accuracies(certain, pairs.predicted, pairs.true, rows, HIERARCHY)
    assert found == level_accuracies_of_pairs(pairs, HIERARCHY)
