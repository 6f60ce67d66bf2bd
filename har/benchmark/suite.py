"""Suites: which methods are compared on which tasks with which seeds; ``configs/benchmark``."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from har.config.compose import config_dir
from har.errors import ConfigError, did_you_mean

SUITE_KEYS = (
    "title", "about", "include", "common", "tasks", "methods", "streams", "fusions", "seeds",
    "budget", "measure",
)  # fmt: skip
METHOD_KEYS = ("overrides", "streams", "seeds", "label")
TASK_KEYS = ("overrides", "label", "seeds")
FUSION_KEYS = ("of", "weights")
MEASURES = ("latency",)
JOINT_ONLY: Mapping[str, tuple[str, ...]] = {"joint": ()}


@dataclass(frozen=True)
class Method:
    """One method of the comparison.

    Attributes:
        overrides: of the configuration, as on the command line.
        streams: names of the suite's streams that it is trained on.
        seeds: its own seeds, where it is too costly for all.
    """

    name: str
    label: str
    overrides: tuple[str, ...]
    streams: tuple[str, ...]
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Task:
    """A dataset with a protocol."""

    name: str
    label: str
    overrides: tuple[str, ...]
    seeds: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Fusion:
    """Late fusion of the streams of a method: equal weights, given ones, or ``tuned``."""

    name: str
    of: tuple[str, ...]
    weights: tuple[float, ...] | str | None


@dataclass(frozen=True)
class Job:
    """One training run of the matrix.

    Attributes:
        overrides: everything that is chosen on the command line of ``train.py``.
    """

    task: str
    method: str
    stream: str
    seed: int
    overrides: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name of the cell, usable as a folder."""
        return f"{self.task}.{self.method}.{self.stream}.seed{self.seed}"


@dataclass(frozen=True)
class Suite:
    """A matrix of methods, streams, tasks and seeds.

    Attributes:
        common: overrides of every cell.
        budget: what every method was given, told in the report.
        measure: which of ``MEASURES`` each cell takes besides accuracy and training cost.
    """

    name: str
    title: str
    about: str
    common: tuple[str, ...]
    tasks: tuple[Task, ...]
    methods: tuple[Method, ...]
    streams: Mapping[str, tuple[str, ...]]
    fusions: tuple[Fusion, ...]
    budget: str
    measure: tuple[str, ...]
    parts: tuple["Suite", ...] = field(default=())

    def jobs(self) -> tuple[Job, ...]:
        """Return the training runs, those of the first seeds first, so that a table fills early."""
        own = [
            job for task in self.tasks for method in self.methods for job in self._of(task, method)
        ]
        own.sort(key=lambda job: job.seed)
        return (*own, *(job for part in self.parts for job in part.jobs()))

    def suites(self) -> tuple["Suite", ...]:
        """Return the suites with a matrix of their own: this one, or its parts."""
        own = (replace(self, parts=()),) if self.methods else ()
        return (*own, *(suite for part in self.parts for suite in part.suites()))

    def _of(self, task: Task, method: Method) -> Iterator[Job]:
        seeds = [s for s in method.seeds if task.seeds is None or s in task.seeds]
        for seed in seeds:
            for stream in method.streams:
                chosen = (*task.overrides, *self.common, *method.overrides, *self.streams[stream])
                yield Job(task.name, method.name, stream, seed, (*chosen, f"seed={seed}"))


def list_suites() -> list[str]:
    """Return the names of the suites that the project ships."""
    return sorted(path.stem for path in (config_dir() / "benchmark").glob("*.yaml"))


def load_suite(name: str) -> Suite:
    """Load a suite by its name, or from the path of a YAML file.

    Raises:
        ConfigError: there is no such suite, or the file has mistakes; all are named.
    """
    return _load(name, ())


def _load(name: str, within: tuple[str, ...]) -> Suite:
    if name in within:
        raise ConfigError(f"the suites include each other: {' -> '.join((*within, name))}")
    path = _find(name)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot read the suite {path}: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path} is no suite: it must be a mapping with the keys {SUITE_KEYS}")
    problems = list(_problems(content))
    if problems:
        raise ConfigError("\n  - ".join([f"{path} has mistakes:", *problems]))
    parts = tuple(
        _within(content, _load(part, (*within, name))) for part in content.get("include") or ()
    )
    return _build(path.stem, content, parts)


def _within(content: Mapping[str, Any], part: Suite) -> Suite:
    """Return an included suite with the overrides and the budget of the suite that includes it."""
    common = (*part.common, *(content.get("common") or ()))
    parts = tuple(_within(content, inner) for inner in part.parts)
    return replace(part, common=common, budget=content.get("budget") or part.budget, parts=parts)


def _find(name: str) -> Path:
    if name.endswith((".yaml", ".yml")):
        return Path(name).expanduser()
    if name not in list_suites():
        raise ConfigError(
            f"benchmark={name}: no such suite.{did_you_mean(name, list_suites())} "
            f"There are: {', '.join(list_suites())}; or give the path of a YAML file"
        )
    return config_dir() / "benchmark" / f"{name}.yaml"


def _build(name: str, content: Mapping[str, Any], parts: tuple[Suite, ...]) -> Suite:
    streams = {key: tuple(value or ()) for key, value in (content.get("streams") or {}).items()}
    streams = streams or dict(JOINT_ONLY)
    seeds = tuple(content.get("seeds") or (0,))
    return Suite(
        name=name,
        title=content["title"],
        about=content.get("about") or "",
        common=tuple(content.get("common") or ()),
        tasks=tuple(_task(*item) for item in (content.get("tasks") or {}).items()),
        methods=tuple(
            _method(key, value, tuple(streams), seeds)
            for key, value in (content.get("methods") or {}).items()
        ),
        streams=streams,
        fusions=tuple(_fusion(*item) for item in (content.get("fusions") or {}).items()),
        budget=content.get("budget") or "",
        measure=tuple(content.get("measure") or ("latency",)),
        parts=parts,
    )


def _task(name: str, value: Any) -> Task:
    entry = value if isinstance(value, Mapping) else {"overrides": value}
    seeds = tuple(entry["seeds"]) if entry.get("seeds") else None
    return Task(name, entry.get("label") or name, tuple(entry.get("overrides") or ()), seeds)


def _method(name: str, value: Any, streams: Sequence[str], seeds: tuple[int, ...]) -> Method:
    entry = value if isinstance(value, Mapping) else {"overrides": value}
    return Method(
        name,
        entry.get("label") or name,
        tuple(entry.get("overrides") or ()),
        tuple(entry.get("streams") or streams),
        tuple(entry.get("seeds") or seeds),
    )


def _fusion(name: str, value: Mapping[str, Any]) -> Fusion:
    weights = value.get("weights")
    return Fusion(
        name, tuple(value["of"]), tuple(weights) if isinstance(weights, list) else weights
    )


def _problems(content: Mapping[str, Any]) -> Iterator[str]:
    yield from _unknown("", content, SUITE_KEYS)
    if not isinstance(content.get("title"), str):
        yield "title is missing"
    if not (content.get("include") or (content.get("tasks") and content.get("methods"))):
        yield "it compares nothing: give tasks and methods, or include other suites"
    for group, keys in (("tasks", TASK_KEYS), ("methods", METHOD_KEYS), ("fusions", FUSION_KEYS)):
        for name, entry in (content.get(group) or {}).items():
            if isinstance(entry, Mapping):
                yield from _unknown(f"{group}.{name}.", entry, keys)
            if "." in name or "/" in name:
                yield f"{group}.{name}: a name may hold no dot and no slash"
    yield from _stream_problems(content)
    for measure in content.get("measure") or ():
        if measure not in MEASURES:
            yield f"measure: '{measure}' is none of {', '.join(MEASURES)}"


def _stream_problems(content: Mapping[str, Any]) -> Iterator[str]:
    streams = content.get("streams") or JOINT_ONLY
    used = [
        (f"methods.{name}.streams", entry.get("streams") or ())
        for name, entry in (content.get("methods") or {}).items()
        if isinstance(entry, Mapping)
    ]
    used += [(f"fusions.{name}.of", f.get("of") or ()) for name, f in _mappings(content, "fusions")]
    for place, names in used:
        for name in names:
            if name not in streams:
                yield f"{place}: there is no stream '{name}'.{did_you_mean(name, streams)}"
    for name, entry in _mappings(content, "fusions"):
        weights = entry.get("weights")
        if isinstance(weights, list) and len(weights) != len(entry.get("of") or ()):
            yield f"fusions.{name}.weights: give one number for each of {entry.get('of')}"
        if isinstance(weights, str) and weights not in ("tuned", "learned"):
            yield f"fusions.{name}.weights={weights}: give tuned, learned, or one number a stream"


def _mappings(content: Mapping[str, Any], group: str) -> list[tuple[str, Mapping[str, Any]]]:
    entries = (content.get(group) or {}).items()
    return [(name, entry) for name, entry in entries if isinstance(entry, Mapping)]


def _unknown(place: str, entry: Mapping[str, Any], keys: Sequence[str]) -> Iterator[str]:
    for key in entry:
        if key not in keys:
            close = did_you_mean(str(key), keys)
            yield f"{place}{key}: no such key.{close} There are: {', '.join(keys)}"
