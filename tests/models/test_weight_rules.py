import pytest
import torch

from har.models.weights.rules import (
    ADD,
    JOIN,
    JOIN_INPUTS,
    JOIN_NEGATED,
    TRANSPOSE,
    convert,
    rule,
    under,
)


def test_names_are_templates():
    rules = under("blocks.{b}.", "l{b1}.", [rule("norm.{n}", "bn.{n}"), rule("open.{p}", "a.{p}")])
    own = {"blocks.0.norm.running_mean": torch.zeros(2), "blocks.9.open.bias": torch.zeros(2)}
    published = {"l1.bn.running_mean": torch.ones(2), "l10.a.bias": torch.full((2,), 2.0)}
    done = convert(published, own, rules)
    assert done.problems == done.unused == done.kept == []
    assert done.weights["blocks.0.norm.running_mean"].tolist() == [1, 1]
    assert done.weights["blocks.9.open.bias"].tolist() == [2, 2]


def test_the_first_rule_that_matches_counts():
    rules = [rule("norm.weight", "special"), rule("norm.{n}", "bn.{n}")]
    done = convert({"special": torch.ones(1)}, {"norm.weight": torch.zeros(1)}, rules)
    assert done.taken[0].published == ("special",)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (JOIN, [[1, 2], [3, 4], [5, 6], [7, 8]]),
        (JOIN_NEGATED, [[-1, -2], [-3, -4], [-5, -6], [-7, -8]]),
        (JOIN_INPUTS, [[1, 2, 5, 6], [3, 4, 7, 8]]),
        (ADD, [[6, 8], [10, 12]]),
    ],
)
def test_several_tensors_become_one(change, expected):
    published = {"a": torch.tensor([[1, 2], [3, 4]]), "b": torch.tensor([[5, 6], [7, 8]])}
    own = {"x": torch.zeros(len(expected), len(expected[0]))}
    done = convert(published, own, [rule("x", "a", "b", change=change)])
    assert done.weights["x"].tolist() == expected
    assert done.taken[0].how == change.told


def test_axes_of_length_one_carry_nothing():
    published = {"conv": torch.arange(6.0).view(3, 2, 1, 1)}
    done = convert(published, {"x": torch.zeros(3, 2)}, [rule("x", "conv")])
    assert done.weights["x"].tolist() == [[0, 1], [2, 3], [4, 5]]
    assert done.taken[0].how == "(3, 2, 1, 1) as (3, 2)"


def test_equal_counts_of_another_shape_do_not_fit():
    done = convert({"a": torch.zeros(2, 3)}, {"x": torch.zeros(3, 2)}, [rule("x", "a")])
    assert done.problems == ["x is (3, 2): a (2, 3) does not fit"]
    turned = [rule("x", "a", change=TRANSPOSE)]
    assert convert({"a": torch.zeros(2, 3)}, {"x": torch.zeros(3, 2)}, turned).problems == []


def test_what_is_missing_or_left_over_is_listed():
    rules = [rule("x", "a"), rule("y", "b", "c", change=JOIN)]
    own = {name: torch.zeros(1) for name in ("x", "y", "z")}
    done = convert({"b": torch.zeros(1), "d": torch.zeros(1)}, own, rules)
    assert done.problems == [
        "x: a is missing",
        "y: c is missing",
        "z: the published model has no such part",
    ]
    assert done.unused == ["b", "d"]


def test_what_a_checkpoint_need_not_hold_is_kept():
    done = convert({}, {"graph": torch.ones(2)}, [rule("graph")])
    assert done.kept == ["graph"]
    assert done.weights["graph"].tolist() == [1, 1]
