import pytest
from hypothesis import given
from hypothesis import strategies as st
from taxonomy_metrics_helper import LEAVES, TAXONOMY, leaves

from har.evaluation.falls import FALL, FALLEN, NEITHER, OPEN, fall_groups, fall_scores
from har.evaluation.label_sets import LabelPairs
from har.paths import datasets_root
from har.taxonomy import load_crosswalk

FALL_LABELS = {
    "omnifall": ({"fall"}, {"fallen"}),
    "upfall": (
        {
            "falling forward using hands",
            "falling forward using knees",
            "falling backwards",
            "falling sideward",
            "falling sitting in empty chair",
        },
        set(),
    ),
    "gmdcsa24": ({"Falling (FW)", "Falling (BW)", "Falling (SW)"}, set()),
    "synthetic_home": (
        {"fall_forward", "fall_backward", "fall_sideways", "fall_from_chair"},
        {"fallen"},
    ),
    "nwucla": (set(), set()),
}


@pytest.fixture(scope="module")
def crosswalk():
    return load_crosswalk(datasets_root())


@pytest.mark.parametrize("dataset", FALL_LABELS)
def test_which_labels_are_falls(crosswalk, dataset):
    names = crosswalk.mapping(dataset).names
    fall, fallen = FALL_LABELS[dataset]
    assert labels_of_group(crosswalk, dataset, names, FALL) == fall
    assert labels_of_group(crosswalk, dataset, names, FALLEN) == fallen
    assert len(labels_of_group(crosswalk, dataset, names, NEITHER)) == len(names) - len(
        fall | fallen
    )


def test_the_official_classes_of_omnifall(crosswalk, real_data):
    text = (real_data / "labels" / "omnifall_16.txt").read_text()
    rows = [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]
    names = [name for _, name in rows]
    assert len(names) == 16
    assert labels_of_group(crosswalk, "omnifall", names, FALL) == {"fall"}
    assert labels_of_group(crosswalk, "omnifall", names, FALLEN) == {"fallen"}


def labels_of_group(crosswalk, dataset, names, group):
    labels = [crosswalk.admissible_leaves(dataset, name) for name in names]
    groups = fall_groups(labels, crosswalk.taxonomy)
    return {name for name, number in zip(names, groups, strict=True) if number == group}


def test_scores_by_hand():
    fall, fallen, other, nothing = (
        leaves("falling"),
        leaves("after_fall"),
        leaves("sitting"),
        leaves(),
    )
    clips = [
        (fall, leaves("faint")),
        (fall, fall),
        (fall, fallen),
        (fallen, fallen),
        (fallen, nothing),
        (other, other),
        (nothing, other),
        (nothing, fall),
    ]
    scores = fall_scores(LabelPairs.of_clips(*zip(*clips, strict=True)), TAXONOMY)
    assert scores.fall.true_positives == 2
    assert scores.fall.sensitivity == pytest.approx(2 / 3)
    assert scores.fall.specificity == pytest.approx(4 / 5)
    assert scores.fall.precision == pytest.approx(2 / 3)
    assert scores.fall.f1 == pytest.approx(2 / 3)
    assert scores.fall.balanced_accuracy == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert (scores.fallen.sensitivity, scores.fallen.f1) == (0.5, 0.5)
    union = scores.fall_or_fallen
    assert (union.true_positives, union.false_negatives) == (4, 1)
    assert (union.false_positives, union.true_negatives) == (1, 2)
    assert scores.balanced_accuracy == pytest.approx((2 / 3 + 1 / 2 + 2 / 3) / 3)
    assert scores.macro_f1 == pytest.approx((2 / 3 + 1 / 2 + 2 / 3) / 3)
    assert (scores.clips, scores.open_clips) == (8, 0)


def test_undefined_scores_are_none():
    other, fall = leaves("sitting"), leaves("falling")
    assert fall_scores(LabelPairs.of_clips([other], [other]), TAXONOMY) is None
    only_falls = fall_scores(LabelPairs.of_clips([fall], [fall]), TAXONOMY)
    assert only_falls.fall.sensitivity == 1
    assert only_falls.fall.specificity is None
    assert only_falls.fall.balanced_accuracy is None
    assert only_falls.fallen is None
    no_falls = fall_scores(
        LabelPairs(
            (other,),
            (other, fall),
            LabelPairs.of_clips([other], [other]).clips.repeat(2, 1) * [1, 0],
        ),
        TAXONOMY,
    )
    assert (no_falls.fall.sensitivity, no_falls.fall.precision, no_falls.fall.f1) == (None,) * 3
    assert no_falls.fall.specificity == 1


def test_labels_that_may_be_a_fall_do_not_count():
    doubtful = leaves("health")  # holds faint, which is a fall
    assert fall_groups([doubtful, leaves("fall_forward", "after_fall")], TAXONOMY).tolist() == [
        OPEN,
        OPEN,
    ]
    pairs = LabelPairs.of_clips([doubtful, leaves("faint")], [leaves("faint"), doubtful])
    scores = fall_scores(pairs, TAXONOMY)
    assert (scores.clips, scores.open_clips) == (1, 1)
    assert scores.fall.sensitivity == 0


@given(st.lists(st.sampled_from([leaves(leaf) for leaf in LEAVES]), min_size=1, max_size=20))
def test_perfect_predictions_are_perfect(labels):
    scores = fall_scores(LabelPairs.of_clips(labels, labels), TAXONOMY)
    if scores is None:
        assert not set(labels) & {leaves("fall_forward"), leaves("faint"), leaves("after_fall")}
    else:
        assert (scores.balanced_accuracy, scores.macro_f1) == (1, 1)
        union = scores.fall_or_fallen
        assert {union.sensitivity, union.f1, union.precision} == {1}
        assert union.specificity in (1, None)
