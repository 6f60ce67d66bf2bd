"""The command that prepares a dataset, with arguments of the form ``key=value``."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from har.data.cards import VIDEO, load_card
from har.data.prepare import prepare_dataset
from har.data.store_meta import JOINTS_DTYPES
from har.data.video_prepare import prepare_videos
from har.errors import ConfigError, HarError, did_you_mean
from har.paths import store_root

KEYS = ("dataset", "raw", "out", "workers", "force", "joints_dtype")
OPTION_PREFIX = "adapter."
INTERRUPTED = 130
USAGE = """\
Prepare the clip store of a dataset: python scripts/prepare_dataset.py dataset=<name> raw=<path>

  dataset=<name>            a dataset card, or the path of a dataset.yaml of your own
  raw=<path>                its raw data as distributed: a folder or an archive
  out=<folder>              where the store goes (default: <store folder>/<name>)
  workers=<count>           processes that read (default: one a core, at most 8)
  force=true                prepare anew though the store is there
  joints_dtype=float16      store coordinates in half the space (default: float32)
  adapter.<option>=<value>  an option of the dataset's adapter

It can be stopped at any time: the same command goes on where it stopped."""


@dataclass(frozen=True, slots=True)
class PrepareArguments:
    """The arguments of the command, checked."""

    dataset: str
    raw: Path | None = None
    out: Path | None = None
    workers: int | None = None
    force: bool = False
    joints_dtype: str = "float32"
    options: Mapping[str, Any] = field(default_factory=dict)


def main_prepare(arguments: Sequence[str]) -> int:
    """Run the command; return its exit status: 0, 1 for an error, 130 when interrupted."""
    if any(word in ("-h", "--help", "help") for word in arguments):
        print(USAGE)
        return 0
    try:
        prepare_from(parse_arguments(arguments))
    except HarError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            "Interrupted. The finished parts are kept: the same command goes on.", file=sys.stderr
        )
        return INTERRUPTED
    return 0


def prepare_from(arguments: PrepareArguments) -> None:
    """Prepare what the arguments say and print the report."""
    card = load_card(arguments.dataset)
    out = arguments.out or store_root() / card.name
    if card.modality == VIDEO:
        print(prepare_videos(card, arguments.raw, out, arguments.options, arguments.force))
        return
    report = prepare_dataset(
        card,
        arguments.raw,
        out,
        workers=arguments.workers,
        options=arguments.options,
        joints_dtype=arguments.joints_dtype,
        force=arguments.force,
    )
    print(report)


def parse_arguments(arguments: Sequence[str]) -> PrepareArguments:
    """Read ``key=value`` arguments.

    Raises:
        ConfigError: lists every argument that is unknown, given twice, malformed or missing.
    """
    problems: list[str] = []
    values: dict[str, str] = {}
    for word in arguments:
        key, equals, value = word.partition("=")
        if problem := _key_problem(key, equals, value, values):
            problems.append(problem)
        else:
            values[key] = value
    if "dataset" not in values:
        problems.append("dataset=<name> is missing.")
    problems += [problem for key, value in values.items() if (problem := _problem(key, value))]
    if problems:
        raise ConfigError("\n  ".join(["the command cannot be run:", *problems, "See --help."]))
    return _build(values)


def _key_problem(key: str, equals: str, value: str, known: Mapping[str, str]) -> str | None:
    if not equals or not value:
        return f"'{key}{equals}' is not of the form key=value."
    if key in known:
        return f"{key}= is given twice."
    if key not in KEYS and not key.startswith(OPTION_PREFIX):
        return (
            f"'{key}' is no key of this command; there are: {', '.join(KEYS)}, "
            f"{OPTION_PREFIX}<option>.{did_you_mean(key, KEYS)}"
        )
    return None


def _problem(key: str, value: str) -> str | None:
    """Say what is wrong with a value, or None."""
    if key == "workers" and not (value.isdecimal() and int(value) > 0):
        return f"workers={value} is not a whole number of 1 or more."
    if key == "force" and value.lower() not in ("true", "false"):
        return f"force={value} is neither true nor false."
    if key == "joints_dtype" and value not in JOINTS_DTYPES:
        return f"joints_dtype={value} is not one of: {', '.join(JOINTS_DTYPES)}."
    if key.startswith(OPTION_PREFIX):
        return _yaml_problem(key, value)
    return None


def _yaml_problem(key: str, value: str) -> str | None:
    try:
        yaml.safe_load(value)
    except yaml.YAMLError:
        return f"{key}={value} is not a value as YAML writes it, such as 3, true, word or [a, b]."
    return None


def _build(values: Mapping[str, str]) -> PrepareArguments:
    return PrepareArguments(
        dataset=values["dataset"],
        raw=_path(values.get("raw")),
        out=_path(values.get("out")),
        workers=int(values["workers"]) if "workers" in values else None,
        force=values.get("force", "false").lower() == "true",
        joints_dtype=values.get("joints_dtype", "float32"),
        options={
            key.removeprefix(OPTION_PREFIX): yaml.safe_load(value)
            for key, value in values.items()
            if key.startswith(OPTION_PREFIX)
        },
    )


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text).expanduser()
