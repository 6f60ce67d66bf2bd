"""Robustness of methods, computed from predictions that are made here."""

import json

import numpy as np
import pytest

from har.errors import HarError
from har.evaluation.predictions import Predictions
from har.evaluation.robustness import (
    CLEAN,
    FilterVerdicts,
    MethodPredictions,
    robustness_summary,
)
from har.evaluation.robustness_parts import (
    binned_accuracy,
    coverage_curve,
    group_gaps,
    wilson_interval,
)
from har.evaluation.robustness_plots import write_robustness_plots
from har.evaluation.robustness_table import describe_robustness, robustness_rows
from har.record import to_plain

CLIPS, CLASSES = 40, 4
NAMES = tuple(f"class{k}" for k in range(CLASSES))
SUBJECTS = np.repeat([f"s{k}" for k in range(8)], 5)
CAMERAS = np.tile(["a", "b"], 20)
LABELS = np.arange(CLIPS) % CLASSES
IDS = np.array([f"clip{k:02d}" for k in range(CLIPS)])


def predictions(wrong: int, first: int = 0, ids: np.ndarray = IDS) -> Predictions:
    """Return predictions of which so many are wrong, from one clip on; wrong ones are less sure."""
    probabilities = np.full((CLIPS, CLASSES), 0.1)
    given = LABELS.copy()
    given[first : first + wrong] = (given[first : first + wrong] + 1) % CLASSES
    probabilities[np.arange(CLIPS), given] = 0.7
    probabilities[first : first + wrong] = 0.2
    probabilities[np.arange(first, first + wrong), given[first : first + wrong]] = 0.4
    return Predictions(probabilities, LABELS, ids, SUBJECTS, CAMERAS, NAMES)


def method(clean: int, jitter: tuple[int, int], gap: tuple[int, int]) -> MethodPredictions:
    wrong = {CLEAN: clean, ("jitter", 1): jitter[0], ("jitter", 5): jitter[1]}
    wrong |= {("gap", 1): gap[0], ("gap", 5): gap[1], ("swap", 1): clean, ("swap", 5): clean}
    return MethodPredictions({key: predictions(count) for key, count in wrong.items()})


CHANGED = {
    ("jitter", 1): 40,
    ("jitter", 5): 40,
    ("gap", 1): 0,
    ("gap", 5): 30,
    ("swap", 1): 0,
    ("swap", 5): 0,
}
METHODS = {"base": method(4, (8, 16), (4, 20)), "better": method(2, (4, 8), (2, 10))}


@pytest.fixture(scope="module")
def summary():
    filters = {"strict": filter_verdicts()}
    conditions = {"distance_m": np.arange(CLIPS) / 10}
    return robustness_summary(
        METHODS, CHANGED, "base", filters=filters, conditions=conditions, bootstrap=200
    )


def filter_verdicts() -> FilterVerdicts:
    """Return verdicts that reject the first ten clips under jitter 5 only."""
    accepted = {key: np.ones(CLIPS, bool) for key in (CLEAN, *CHANGED)}
    accepted["jitter", 5] = np.arange(CLIPS) >= 10
    return FilterVerdicts({key: own.astype(float) for key, own in accepted.items()}, accepted)


def test_accuracies_are_means_over_corruptions_of_means_over_severities(summary):
    base = summary["methods"]["base"]
    assert base["clean"]["top1"] == 36 / 40
    assert base["by_corruption"]["jitter"]["top1"] == {1: 32 / 40, 5: 24 / 40}
    assert base["by_corruption"]["jitter"]["mean_top1"] == pytest.approx(28 / 40)
    assert base["corrupted"]["top1"] == pytest.approx(28 / 40)
    assert base["by_severity"] == {1: pytest.approx(34 / 40), 5: pytest.approx(22 / 40)}
    assert base["worst"] == {"corruption": "gap", "severity": 5, "top1": 20 / 40}
    assert base["always_right"] == 20 / 40


def test_errors_are_divided_by_those_of_the_baseline(summary):
    base, better = (summary["methods"][name] for name in ("base", "better"))
    assert base["mean_corruption_error"] == base["relative_mean_corruption_error"] == 1
    assert better["mean_corruption_error"] == pytest.approx(0.5)
    assert better["by_corruption"]["gap"]["corruption_error"] == pytest.approx(0.5)
    assert better["relative_mean_corruption_error"] == pytest.approx(0.5)
    assert better["difference_to_baseline"]["corrupted_top1"] == pytest.approx(6 / 40)
    assert base["difference_to_baseline"]["interval"] == [0, 0]


def test_a_corruption_without_effect_does_not_count(summary):
    assert summary["not_applicable"] == ["swap"]
    assert "swap" not in summary["methods"]["base"]["by_corruption"]
    with pytest.raises(HarError, match="no corruption changes any clip"):
        robustness_summary(METHODS, dict.fromkeys(CHANGED, 0), "base", bootstrap=0)


def test_a_perfect_baseline_divides_nothing():
    perfect = {"base": method(0, (0, 0), (0, 0)), "other": method(2, (4, 8), (2, 10))}
    other = robustness_summary(perfect, CHANGED, "base", bootstrap=0)["methods"]["other"]
    assert other["mean_corruption_error"] is None
    assert other["by_corruption"]["gap"]["corruption_error"] is None
    assert other["clean"]["interval"] is None


def test_intervals_hold_the_value(summary):
    assert summary["interval_unit"] == "subject"
    for found in summary["methods"].values():
        low, high = found["corrupted"]["interval"]
        assert low <= found["corrupted"]["top1"] <= high
        assert low < high


def test_a_filter_is_judged_by_what_it_accepts(summary):
    strict = summary["methods"]["base"]["filters"]["strict"]
    assert strict["coverage_of_clean"] == 1
    assert strict["coverage"] == pytest.approx(1 - 10 / 200)
    assert strict["top1_rejected"] == 0
    assert strict["top1_accepted"] > strict["top1"]


def test_leaving_out_the_least_sure_raises_the_accuracy(summary):
    curve = summary["methods"]["base"]["coverage"]["model confidence"]
    assert curve[0]["coverage"] == 1
    assert curve[-1]["top1"] == 1
    assert all(np.diff([point["top1"] for point in curve]) >= 0)


def test_other_clips_are_refused():
    keys = METHODS["base"].by_condition
    other = MethodPredictions({key: predictions(1, ids=np.char.add(IDS, "x")) for key in keys})
    with pytest.raises(HarError, match="base was tested on 40 clips, other on 40 other ones"):
        robustness_summary({"base": METHODS["base"], "other": other}, CHANGED, "base")


def test_groups_and_their_gap():
    values = np.array([1, 1, 1, 1, 0, 0, 1, 0, 0, 0, 1.0])
    names = np.array(["a"] * 5 + ["b"] * 5 + [""])
    found = group_gaps(names, values, seed=0)
    assert found["groups"]["a"]["top1"] == 0.8
    assert found["groups"]["(unknown)"]["clips"] == 1
    assert found["gap"] == pytest.approx(0.6)
    assert found["gap_interval"][0] < 0.6 <= found["gap_interval"][1]
    assert group_gaps(np.array(["a"] * 11), values, seed=0)["gap"] is None


def test_wilson_interval():
    low, high = wilson_interval(0.5, 100)
    assert (low, high) == (pytest.approx(0.4038, abs=1e-4), pytest.approx(0.5962, abs=1e-4))
    assert wilson_interval(1.0, 10)[1] == pytest.approx(1)
    assert wilson_interval(0.0, 10)[0] == 0


def test_bins_hold_about_equally_many_clips():
    values = (np.arange(CLIPS) < 10).astype(float)
    numbers = np.arange(CLIPS, dtype=float)
    numbers[-1] = np.nan
    rows = binned_accuracy({"distance_m": numbers}, values)["distance_m"]
    assert [row["clips"] for row in rows] == [10, 9, 10, 10]
    assert rows[0]["top1"] == 1
    assert rows[-1]["top1"] == 0
    assert binned_accuracy({"same": np.ones(CLIPS), "unknown": numbers * np.nan}, values) == {}


def test_clips_of_equal_score_are_kept_in_no_order():
    curve = coverage_curve(np.zeros(10), np.array([1.0] * 4 + [0.0] * 6))
    assert all(point["top1"] == pytest.approx(0.4) for point in curve)
    scores = np.array([3, 2, 2, 1, np.nan])
    curve = coverage_curve(scores, np.array([1.0, 1, 0, 0, 1]), coverages=(0.2, 0.4, 0.6, 1))
    assert [point["top1"] for point in curve] == pytest.approx([1, 0.75, 2 / 3, 0.6])
    assert [point["threshold"] for point in curve] == [3, 2, 2, -np.inf]


def test_text_rows_and_pictures(summary, tmp_path):
    text = describe_robustness(summary)
    assert "better" in text
    assert "change no clip here: swap" in text
    assert "50.0 % (gap 5)" in text
    rows = robustness_rows(summary)
    assert len(rows) == 2 * (1 + 4)
    assert {"method": "base", "clips": 40, "corruption": "gap", "severity": 5, "top1": 0.5} in rows
    for path in write_robustness_plots(summary, tmp_path):
        assert path.stat().st_size > 5000
    json.dumps(to_plain(summary), allow_nan=False)
