"""Reading checked values from YAML; every problem becomes one line that names the place."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from har.errors import TaxonomyError, did_you_mean

# The parser in C reads the files about ten times faster; not every installation has it.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SNAKE_CASE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def read_yaml(path: Path) -> Mapping[str, Any]:
    """Return the mapping that a YAML file holds.

    Raises:
        TaxonomyError: the file is missing, is not YAML, or holds something else.
    """
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except OSError as error:
        raise TaxonomyError(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise TaxonomyError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise TaxonomyError(f"{path}: must hold keys and values, not {values!r}")
    return values


def key_problems(
    place: str, values: Mapping[Any, Any], required: Sequence[str], optional: Sequence[str]
) -> list[str]:
    """Return a line for each missing and each unknown key."""
    allowed = (*required, *optional)
    unknown = [
        f"{place}: unknown key '{key}'.{did_you_mean(str(key), allowed)} "
        f"Allowed: {', '.join(allowed)}"
        for key in values
        if key not in allowed
    ]
    return unknown + [f"{place}: missing key '{key}'" for key in required if key not in values]


def text_problems(place: str, values: Mapping[str, Any], keys: Iterable[str]) -> list[str]:
    """Return a line for each given key whose value is not text."""
    return [
        f"{place}: {key} must be text, not {values[key]!r}"
        for key in keys
        if key in values and not (isinstance(values[key], str) and values[key].strip())
    ]


def list_problems(place: str, values: Mapping[str, Any], keys: Iterable[str]) -> list[str]:
    """Return a line for each given key whose value is not a list of different texts."""
    problems = []
    for key in keys:
        value = values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            problems.append(f"{place}: {key} must be a list of words, not {value!r}")
        elif len(set(value)) < len(value):
            problems.append(f"{place}: {key} names something twice: {', '.join(value)}")
    return problems


def choice_problems(
    place: str, values: Mapping[str, Any], choices: Mapping[str, Sequence[str]]
) -> list[str]:
    """Return a line for each given key whose value is not among the choices of that key."""
    return [
        f"{place}: {key} '{values[key]}' is not allowed.{did_you_mean(str(values[key]), allowed)} "
        f"Allowed: {', '.join(allowed)}"
        for key, allowed in choices.items()
        if key in values and str(values[key]) not in allowed
    ]


def is_snake_case(value: Any) -> bool:
    """Tell whether a value is text such as ``fall_forward``."""
    return isinstance(value, str) and _SNAKE_CASE.fullmatch(value) is not None


def raise_problems(problems: Sequence[str]) -> None:
    """Raise a TaxonomyError with one line for each problem, if there are any."""
    if problems:
        raise TaxonomyError("\n".join(problems))
