"""Filters: verdicts, limits from good clips, coverage and comparison."""

from collections.abc import Callable

import numpy as np
import pytest

from har.config.build import build
from har.errors import ConfigError, HarError
from har.quality.calibrate import calibrated_rules, matching_augmentation
from har.quality.coverage import AXES, compare, cover
from har.quality.filters import Percentile, Stratify, Threshold, join_verdicts, judge, strata_of
from har.quality.pose_pass import pose_measures

VALUES = {
    "jitter": np.array([0.1, 0.2, 0.4, np.nan]),
    "missing_ratio": np.array([0.0, 0.5, 0.9, 0.1]),
}
EVERYTHING = np.arange(4)


def test_verdicts_tell_weight_score_and_reason() -> None:
    rules = [
        Threshold("jitter", most=0.15, action="weight", weight=0.5),
        Threshold("missing_ratio", most=0.6, action="drop"),
        Threshold("missing_ratio", most=0.05, action="flag"),
    ]
    verdicts = judge(VALUES, rules, EVERYTHING)
    assert verdicts.weight.tolist() == [1, 0.5, 0, 1]
    assert verdicts.accepted.tolist() == [True, False, False, True]
    assert verdicts.score[[0, 1]] == pytest.approx([1, 0.1])
    assert verdicts.reasons[0] == ""
    assert verdicts.reasons[1] == ("jitter = 0.2, above 0.15; missing_ratio = 0.5, above 0.05")
    assert verdicts.reasons[3] == "missing_ratio = 0.1, above 0.05"
    assert verdicts.counts(EVERYTHING) == {"missing_ratio": 3, "jitter": 2}
    joined = join_verdicts([verdicts, verdicts])
    assert joined.weight.tolist() == [1, 0.5, 0, 1] * 2


def test_unknown_is_rejected_only_where_asked() -> None:
    assert judge(VALUES, [Threshold("jitter", most=1)], EVERYTHING).accepted.all()
    strict = judge(VALUES, [Threshold("jitter", most=1, unknown=True)], EVERYTHING)
    assert strict.reasons[3] == "jitter = unknown"
    assert strict.weight.tolist() == [1, 1, 1, 0]


def test_percentiles_are_those_of_the_reference() -> None:
    rule = Percentile("missing_ratio", most=50)
    verdicts = judge(VALUES, [rule], np.array([0, 1]))
    assert verdicts.rules[0].most == pytest.approx(0.25)
    assert verdicts.weight.tolist() == [1, 0, 0, 1]
    nothing = judge({"jitter": np.full(2, np.nan)}, [Percentile("jitter", most=9)], EVERYTHING[:2])
    assert nothing.accepted.all()


def test_strata_reject_nothing() -> None:
    rules = [Stratify("jitter", [0.15, 0.3])]
    assert judge(VALUES, rules, EVERYTHING).accepted.all()
    assert strata_of(rules)[0].ranges() == [(-np.inf, 0.15), (0.15, 0.3), (0.3, np.inf)]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Threshold("jitter"), "jitter: a rule needs a limit"),
        (lambda: Threshold("jitter", least=2, most=1), "least=2 is above most=1"),
        (lambda: Threshold("jitter", most=1, action="weight", weight=1), "not between 0 and 1"),
        (lambda: Threshold("jitter", most=1, action="skip"), "allowed: drop, weight, flag"),
        (lambda: Percentile("jitter", most=101), r"percentile of 101 is not in \[0, 100\]"),
        (lambda: Stratify("jitter", [2, 1]), "edges must rise"),
    ],
)
def test_rules_without_sense_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()


def test_unknown_measures_are_all_named() -> None:
    rules = [Threshold("jiter", most=1), Threshold("colour", most=1)]
    with pytest.raises(ConfigError, match=r"'jiter' Did you mean 'jitter'\?, 'colour'"):
        judge(VALUES, rules, EVERYTHING)


def test_calibration_accepts_the_good_clips() -> None:
    rng = np.random.default_rng(0)
    values = {name: np.full(200, np.nan) for name in pose_measures()}
    values["jitter"] = rng.uniform(0, 0.1, 200)
    values["confidence_mean"] = rng.uniform(0.6, 0.9, 200)
    values["duration_sec"] = rng.uniform(1, 4, 200)
    written = calibrated_rules(values, pose_measures(), 99, "drop")
    assert [rule["measure"] for rule in written] == ["duration_sec", "confidence_mean", "jitter"]
    verdicts = judge(values, [build(rule) for rule in written], np.arange(200))
    assert verdicts.accepted.mean() > 0.97
    bad = {**values, "jitter": np.full(200, 0.3)}
    assert not judge(bad, [build(rule) for rule in written], np.arange(200)).accepted.any()
    with pytest.raises(HarError, match="3 clips are too few"):
        calibrated_rules({k: v[:3] for k, v in values.items()}, pose_measures(), 99, "drop")
    with pytest.raises(HarError, match="keep=10: a percentage above 50"):
        calibrated_rules(values, pose_measures(), 10, "drop")


def test_augmentation_covers_what_the_target_has_more_of() -> None:
    source = {"jitter": np.full(9, 0.01), "yaw_deg": np.linspace(-10, 10, 9)}
    target = {"jitter": np.full(9, 0.05), "yaw_deg": np.linspace(-60, 60, 9)}
    added = matching_augmentation(source, target, trunk_m=0.5)
    kinds = {node["_target_"].rpartition(".")[2]: node for node in added}
    assert kinds["Jitter"]["sigma"] == pytest.approx(0.5 * np.sqrt(0.05**2 - 0.01**2), rel=1e-3)
    assert np.rad2deg(kinds["RandomRotation"]["max_angle_rad"][1]) == pytest.approx(50, abs=12)
    for node in added:
        build(node)
    assert matching_augmentation(target, target, 0.5) == []


def test_coverage_counts_cells_and_names_the_gaps() -> None:
    values = {
        "distance_m": np.array([1.0, 1.0, 2.5, np.nan]),
        "yaw_deg": np.array([0.0, -40.0, 180.0, 0.0]),
    }
    covered = cover(values, AXES["pose"])
    assert [axis.measure for axis in covered.axes] == ["distance_m", "yaw_deg"]
    assert covered.counts[0, 0] == 2
    assert covered.counts[1, 2] == 1
    assert covered.unknown == 1
    assert len(covered.empty()) == 18
    other = cover({"distance_m": np.array([4.5]), "yaw_deg": np.array([-90.0])}, AXES["pose"])
    assert covered.lacks(other) == [(("4-5 m", "at the right"), 1)]


def test_comparison_puts_the_largest_difference_first() -> None:
    rng = np.random.default_rng(0)
    first = {"a": rng.normal(0, 1, 300), "b": rng.normal(0, 1, 300)}
    second = {"a": rng.normal(0, 1, 300), "b": rng.normal(5, 1, 300)}
    rows = compare(first, second)
    assert [row["measure"] for row in rows] == ["b", "a"]
    assert rows[0]["distance"] > 0.9
    assert rows[0]["outside"] > 0.9
    assert rows[1]["distance"] < 0.2
