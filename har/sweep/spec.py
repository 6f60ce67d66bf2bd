"""Sweep files in the format of ``wandb sweep``: a program, a metric, parameters to try.

The same file runs with W&B's server (``wandb sweep <file>``) and without (``har sweep <file>
--local``). Format: docs.wandb.ai, "Sweep configuration structure".
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from har.errors import ConfigError, did_you_mean

METHODS = ("bayes", "random", "grid")
KEYS = (
    "program", "name", "description", "method", "metric", "parameters", "command", "run_cap",
    "early_terminate", "project", "entity",
)  # fmt: skip
PARAMETER_KEYS = ("value", "values", "min", "max", "distribution", "q")
DISTRIBUTIONS = (
    "constant", "categorical", "uniform", "log_uniform_values", "int_uniform", "q_uniform",
    "q_log_uniform_values",
)  # fmt: skip
PARAMETER_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
"""Names that W&B's schema of sweep files allows; so a group within a group, such as
``model/backbone``, is a choice for the command."""

HYDRA_COMMAND = ("${env}", "python", "${program}", "${args_no_hyphens}")
"""How W&B must call a program that takes ``key=value``; its default writes ``--key=value``."""


@dataclass(frozen=True)
class Parameter:
    """One key of the configuration and what may be tried.

    Attributes:
        kind: one of ``DISTRIBUTIONS``.
        values: choices; one for a constant.
        low, high: bounds of a range, inclusive.
        step: of quantised ranges.
    """

    name: str
    kind: str
    values: tuple[Any, ...] = ()
    low: float = math.nan
    high: float = math.nan
    step: float | None = None


@dataclass(frozen=True)
class EarlyTermination:
    """Hyperband: stops weak trials at brackets of epochs.

    Attributes:
        first: epochs before any trial is stopped.
        factor: each bracket is that many times longer, and keeps one of that many trials.
    """

    first: int
    factor: int


@dataclass(frozen=True)
class Sweep:
    """A checked sweep file.

    Attributes:
        metric: what is optimised, on the validation part.
        maximise: whether more is better.
        trials: how many are run; None without a limit of its own.
        fixed: overrides that the command gives to every trial.
    """

    name: str
    program: str
    method: str
    metric: str
    maximise: bool
    parameters: tuple[Parameter, ...]
    fixed: tuple[str, ...] = ()
    trials: int | None = None
    early: EarlyTermination | None = None


def read_sweep(path: Path) -> Sweep:
    """Read a sweep file.

    Raises:
        ConfigError: it cannot be read, or has mistakes; all are named.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot read the sweep {path}: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(
            f"{path} is no sweep: it must be a mapping with the keys {', '.join(KEYS)}"
        )
    problems = list(_problems(content))
    if problems:
        raise ConfigError("\n  - ".join([f"{path} has mistakes:", *problems]))
    early = content.get("early_terminate")
    return Sweep(
        name=content.get("name") or path.stem,
        program=content["program"],
        method=content["method"],
        metric=content["metric"]["name"],
        maximise=content["metric"].get("goal", "minimize") == "maximize",
        parameters=tuple(_parameter(*item) for item in content["parameters"].items()),
        fixed=_fixed(content.get("command") or ()),
        trials=content.get("run_cap"),
        early=EarlyTermination(early["min_iter"], early.get("eta", 3)) if early else None,
    )


def _parameter(name: str, entry: Mapping[str, Any]) -> Parameter:
    kind = _kind(entry)
    if "value" in entry:
        return Parameter(name, "constant", (entry["value"],))
    if "values" in entry:
        return Parameter(name, "categorical", tuple(entry["values"]))
    return Parameter(name, kind, (), entry["min"], entry["max"], entry.get("q"))


def _kind(entry: Mapping[str, Any]) -> str:
    if "distribution" in entry:
        return entry["distribution"]
    if "value" in entry:
        return "constant"
    if "values" in entry:
        return "categorical"
    whole = isinstance(entry.get("min"), int) and isinstance(entry.get("max"), int)
    return "int_uniform" if whole else "uniform"


def _fixed(command: Sequence[str]) -> tuple[str, ...]:
    """Return the overrides that stand in the command itself."""
    return tuple(word for word in command if "=" in word and not word.startswith("${"))


def _problems(content: Mapping[str, Any]) -> Iterator[str]:
    for key in content:
        if key not in KEYS:
            yield f"{key}: no such key.{did_you_mean(str(key), KEYS)} There are: {', '.join(KEYS)}"
    if content.get("program") != "train.py":
        yield f"program is {content.get('program')!r}: it must be train.py"
    if content.get("method") not in METHODS:
        yield f"method is {content.get('method')!r}: give one of {', '.join(METHODS)}"
    yield from _metric_problems(content.get("metric"))
    parameters = content.get("parameters")
    if not isinstance(parameters, dict) or not parameters:
        yield "parameters are missing: give the keys of the configuration and what to try for each"
    else:
        for name, entry in parameters.items():
            yield from _parameter_problems(name, entry, content.get("method"))
    yield from _command_problems(content.get("command"))
    yield from _early_problems(content.get("early_terminate"))
    cap = content.get("run_cap")
    if cap is not None and (not isinstance(cap, int) or cap < 1):
        yield f"run_cap is {cap!r}: give a whole number of at least 1"


def _metric_problems(metric: Any) -> Iterator[str]:
    if not isinstance(metric, dict) or "name" not in metric:
        yield "metric.name is missing, such as val/mean_class_accuracy"
        return
    if not str(metric["name"]).startswith("val/"):
        yield (
            f"metric.name is {metric['name']}: a search may look at the validation part (val/...) "
            "only"
        )
    if metric.get("goal", "minimize") not in ("minimize", "maximize"):
        yield f"metric.goal is {metric['goal']!r}: give minimize or maximize"


def _parameter_problems(name: str, entry: Any, method: Any) -> Iterator[str]:
    place = f"parameters.{name}"
    if not PARAMETER_NAME.fullmatch(str(name)):
        yield (
            f"{place}: W&B allows letters, digits, '_', '.' and '-' in names; put the choice of a "
            "group with '/' into the command, in a sweep for each option"
        )
    if not isinstance(entry, dict):
        yield f"{place}: give value, values, or min and max"
        return
    for key in entry:
        if key not in PARAMETER_KEYS:
            yield f"{place}.{key}: no such key.{did_you_mean(key, PARAMETER_KEYS)}"
    kind = _kind(entry)
    if kind not in DISTRIBUTIONS:
        yield f"{place}.distribution={kind}: give one of {', '.join(DISTRIBUTIONS)}"
    if "value" in entry or "values" in entry:
        if "values" in entry and (not isinstance(entry["values"], list) or not entry["values"]):
            yield f"{place}.values: give a list"
        return
    yield from _range_problems(place, kind, entry.get("min"), entry.get("max"))
    if kind.startswith("q_") and not entry.get("q"):
        yield f"{place}: {kind} needs a step q"
    if method == "grid":
        yield f"{place}: a grid has no ranges; give values"


def _range_problems(place: str, kind: str, low: Any, high: Any) -> Iterator[str]:
    if not (isinstance(low, int | float) and isinstance(high, int | float)):
        yield f"{place}: min and max must be numbers, got {low!r} and {high!r}"
    elif not low < high:
        yield f"{place}: min={low} is not below max={high}"
    elif kind.endswith("log_uniform_values") and low <= 0:
        yield f"{place}: a logarithmic range needs min above 0, got {low}"


def _command_problems(command: Any) -> Iterator[str]:
    if not isinstance(command, list) or "${args_no_hyphens}" not in command:
        yield f"command must pass key=value on: [{', '.join(HYDRA_COMMAND)}]"


def _early_problems(early: Any) -> Iterator[str]:
    if early is None:
        return
    if not isinstance(early, dict) or early.get("type") != "hyperband":
        yield "early_terminate: give type: hyperband and min_iter: <epochs>"
        return
    for key, value, least in (
        ("min_iter", early.get("min_iter"), 1),
        ("eta", early.get("eta", 3), 2),
    ):
        if not isinstance(value, int) or value < least:
            yield f"early_terminate.{key} is {value!r}: give a whole number of at least {least}"
