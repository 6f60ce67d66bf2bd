from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import pytest
import torch

from har.config.values import describe, mismatch


class Colour(Enum):
    RED = "r"


class Quacks(Protocol):
    def quack(self) -> None: ...


NODE = {"_target_": "somewhere.Thing"}


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        (3, int),
        (3, float),
        (0.5, float),
        ("x", str),
        (True, bool),
        (None, None),
        (None, int | None),
        ([1, 2], tuple[int, ...]),
        ([1, 2.5], tuple[int, float]),
        ([1, 2], list[float]),
        ([1, 2], Sequence[int]),
        ([], tuple[int, ...]),
        ({"a": 1}, dict[str, int]),
        ({"a": 1}, Mapping[str, float]),
        ("a", Literal["a", "b"]),
        ("somewhere", Path),
        ("RED", Colour),
        ("r", Colour),
        (NODE, torch.nn.Module),
        ([NODE], list[torch.nn.Module]),
        (3, Any),
        (3, Annotated[int, "metres"]),
        ("x", Quacks),
        ("x", "a string that cannot be evaluated"),
        (0.1, float | torch.Tensor),
    ],
)
def test_values_that_fit(value, annotation):
    assert mismatch(value, annotation) is None


@pytest.mark.parametrize(
    ("value", "annotation", "reason"),
    [
        ("3", int, "expected int, got '3' (str)"),
        (True, int, "expected int, got True (bool)"),
        (True, float, "expected float, got True (bool)"),
        (2.5, int, "expected int, got 2.5 (float)"),
        (1, bool, "expected bool, got 1 (int)"),
        (None, int, "expected int, got null"),
        (3, None, "expected null, got 3 (int)"),
        ("a", int | None, "expected int, got 'a' (str)"),
        ("a", int | bool, "expected int or bool, got 'a' (str)"),
        ([1, "b"], tuple[int, ...], "item [1]: expected int, got 'b' (str)"),
        ([1], tuple[int, int], "expected 2 values, got 1: [1]"),
        (3, tuple[int, ...], "expected tuple, got 3 (int)"),
        ({"a": "b"}, dict[str, int], "item ['a']: expected int, got 'b' (str)"),
        ([1], dict[str, int], "expected dict, got [1] (list)"),
        ([1], int, "expected int, got [1] (list)"),
        ("c", Literal["a", "b"], "'c' is not allowed. Allowed: a, b"),
        ("jont", Literal["joint"], "Did you mean 'joint'?"),
        ("GREEN", Colour, "expected Colour, got 'GREEN' (str)"),
        ("x", torch.nn.Module, "expected Module, got 'x' (str)"),
        ({"a": 1}, torch.nn.Module, "expected Module, got {'a': 1} (dict)"),
        ("x", Callable, "expected Callable, got 'x' (str)"),
    ],
)
def test_values_that_do_not_fit_are_told_with_the_reason(value, annotation, reason):
    assert reason in mismatch(value, annotation)


def test_annotations_are_described_in_words():
    assert describe(int | None) == "int or null"
    assert describe(tuple[int, ...]) == "tuple[int, ...]"
    assert describe(Literal["a", 3]) == "one of 'a', 3"
