import numpy as np
import pytest

from har.errors import HarError
from har.evaluation.significance import (
    average_ranks,
    holm,
    paired_permutation,
    pareto_front,
    seed_interval,
)


def test_interval_over_seeds_is_students():
    found = seed_interval([0.90, 0.91, 0.92])
    assert found.mean == pytest.approx(0.91)
    assert found.high - found.mean == pytest.approx(4.302653 * 0.01 / 3**0.5, rel=1e-5)
    assert seed_interval([0.5]).low is None


def test_few_units_are_flipped_in_every_way():
    first, second = np.ones(5), np.zeros(5)
    assert paired_permutation(first, second) == pytest.approx(2 / 32)
    assert paired_permutation(first, first) == 1.0


def test_equal_methods_are_seldom_told_apart():
    rng = np.random.default_rng(0)
    pairs = rng.integers(0, 2, size=(200, 2, 80)).astype(float)
    found = np.array([paired_permutation(a, b, permutations=400) for a, b in pairs])
    assert (found < 0.05).mean() <= 0.09


def test_clips_of_one_subject_count_as_one():
    subjects = np.repeat(["a", "b", "c"], 50)
    first, second = np.ones(150), np.zeros(150)
    assert paired_permutation(first, second) < 0.001
    assert paired_permutation(first, second, subjects) == pytest.approx(0.25)


def test_unequal_clips_are_refused():
    with pytest.raises(HarError, match="equal clips"):
        paired_permutation(np.ones(3), np.ones(4))


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def test_ranks_and_the_critical_difference_of_demsar():
    scores = {"a": [3.0, 3.0], "b": [2.0, 2.0], "c": [1.0, 2.0]}
    found = average_ranks(scores)
    assert found.average == {"a": 1.0, "b": 2.25, "c": 2.75}
    four = average_ranks({name: list(np.arange(14.0) * k) for k, name in enumerate("abcd")})
    assert four.critical_difference == pytest.approx(1.25, abs=0.01)  # Demsar, section 3.2.4


def test_pareto_front():
    assert pareto_front([0.9, 0.8, 0.85], [10.0, 5.0, 12.0]) == [True, True, False]
    assert pareto_front([0.9, 0.95], [1.0, float("nan")]) == [True, False]
