"""Reads ``key=value`` arguments of a verb, and tells all mistakes at once."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from har.errors import ConfigError, did_you_mean


def read_key_values(
    arguments: Sequence[str],
    readers: Mapping[str, Callable[[str], Any]],
    required: Mapping[str, str],
) -> dict[str, Any]:
    """Return the values by key.

    Args:
        arguments: words such as ``out=results``.
        readers: for each key there is, what turns its text into a value; raises ConfigError where
            it cannot.
        required: keys that must be given, with their form, such as ``out=<folder>``.

    Raises:
        ConfigError: lists every argument that is unknown, given twice, malformed or missing.
    """
    problems: list[str] = []
    settings: dict[str, Any] = {}
    given: set[str] = set()
    for word in arguments:
        key, _, text = word.partition("=")
        try:
            _check(key, text, readers, given)
            settings[key] = readers[key](text)
        except ConfigError as error:
            problems.append(str(error))
        if "=" in word:
            given.add(key)
    problems += [f"{form} is missing" for key, form in required.items() if key not in given]
    if problems:
        raise ConfigError("\n  - ".join(["the command cannot be run:", *problems]))
    return settings


def read_path(text: str) -> Path:
    """Return a path; ``~`` is the user's home."""
    return Path(text).expanduser()


def read_bool(text: str) -> bool:
    """Return what ``true`` or ``false`` says, in any case.

    Raises:
        ConfigError: the text is neither.
    """
    if text.lower() not in ("true", "false"):
        raise ConfigError(f"'{text}' is neither true nor false")
    return text.lower() == "true"


def read_list(text: str) -> list[str]:
    """Return the words of ``[a,b]`` or ``a,b``."""
    inner = text.strip().removeprefix("[").removesuffix("]")
    return [word.strip() for word in inner.split(",") if word.strip()]


def read_whole_number(text: str) -> int:
    """Return a number of at least 0.

    Raises:
        ConfigError: the text is none.
    """
    if not text.isdecimal():
        raise ConfigError(f"'{text}' is no whole number of at least 0")
    return int(text)


def _check(key: str, text: str, readers: Mapping[str, Any], given: set[str]) -> None:
    if key not in readers:
        raise ConfigError(
            f"'{key}' is no key of this command.{did_you_mean(key, readers)} "
            f"There are: {', '.join(readers)}"
        )
    if key in given:
        raise ConfigError(f"{key}= is given twice")
    if not text:
        raise ConfigError(f"{key} needs a value: {key}=<value>")
