"""Suites: which methods are compared on which tasks with which seeds; ``configs/benchmark``."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from har.benchmark.measures import Measures
from har.benchmark.peers import Peer
from har.benchmark.suite_checks import JOINT_ONLY, suite_problems
from har.config.compose import config_dir
from har.errors import ConfigError, did_you_mean


@dataclass(frozen=True)
class Method:
    """One method of the comparison.

    Attributes:
        overrides: of the configuration, as on the command line.
        streams: names of the suite's streams that it is trained on.
        seeds: its own seeds, where it is too costly for all.
        peer: whose code it is, where it is not the project's own.
    """

    name: str
    label: str
    overrides: tuple[str, ...]
    streams: tuple[str, ...]
    seeds: tuple[int, ...]
    peer: Peer | None = None


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
        measures: what is taken of it.
        peer: whose model it is, where it is not the project's own.
    """

    task: str
    method: str
    stream: str
    seed: int
    overrides: tuple[str, ...]
    measures: Measures = field(default_factory=Measures, compare=False)
    peer: Peer | None = None

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
        measures: what each cell takes besides accuracy and training cost.
        baseline: the method that errors under corruption are divided by.
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
    measures: Measures
    baseline: str | None = None
    parts: tuple["Suite", ...] = field(default=())

    def jobs(self) -> tuple[Job, ...]:
        """Return the training runs, those of the first seeds first, so that a table fills early.

        A run that several included suites ask for is one, with the measures of all.

        Raises:
            ConfigError: two suites call different runs the same.
        """
        own = [
            job for task in self.tasks for method in self.methods for job in self._of(task, method)
        ]
        own.sort(key=lambda job: job.seed)
        return _joined((*own, *(job for part in self.parts for job in part.jobs())))

    def suites(self) -> tuple["Suite", ...]:
        """Return the suites with a matrix of their own: this one, or its parts."""
        own = (replace(self, parts=()),) if self.methods else ()
        return (*own, *(suite for part in self.parts for suite in part.suites()))

    def _of(self, task: Task, method: Method) -> Iterator[Job]:
        seeds = [s for s in method.seeds if task.seeds is None or s in task.seeds]
        for seed in seeds:
            for stream in method.streams:
                chosen = (*task.overrides, *self.common, *method.overrides, *self.streams[stream])
                overrides = (*chosen, f"seed={seed}")
                yield Job(
                    task.name, method.name, stream, seed, overrides, self.measures, method.peer
                )


def _joined(jobs: Iterable[Job]) -> tuple[Job, ...]:
    by_name: dict[str, Job] = {}
    for job in jobs:
        same = by_name.get(job.name, job)
        if same.overrides != job.overrides:
            raise ConfigError(
                f"two of the suites have a cell {job.name}, with other overrides: "
                f"{' '.join(same.overrides)}; and {' '.join(job.overrides)}. Include one of them, "
                "or give their tasks different names"
            )
        by_name[job.name] = replace(same, measures=same.measures.joined(job.measures))
    return tuple(by_name.values())


class _UniqueKeys(yaml.SafeLoader):
    """Refuses a key that stands twice, of which YAML would silently take the second."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        for key, _ in node.value:
            if keys.count(key.value) > 1:
                told = f"the key {key.value} is given twice"
                raise yaml.constructor.ConstructorError(None, None, told, key.start_mark)
        return super().construct_mapping(node, deep)


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
    path = _find(name, within)
    try:
        with path.open("rb") as file:
            content = yaml.load(file, _UniqueKeys)
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot read the suite {path}: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path} is no suite: it must be a mapping; see docs/benchmark.md")
    problems = list(suite_problems(content))
    if problems:
        raise ConfigError("\n  - ".join([f"{path} has mistakes:", *problems]))
    included = [_load(part, (*within, name)) for part in content.get("include") or ()]
    _check_names(path, content, included)
    parts = tuple(_within(content, part) for part in included)
    return _build(path.stem, content, parts)


def _check_names(path: Path, content: Mapping[str, Any], included: Sequence[Suite]) -> None:
    """Refuse names that none of the included suites has."""
    methods = [method for part in included for suite in part.suites() for method in suite.methods]
    names = [method.name for method in methods]
    only = content.get("only") or {}
    known: dict[str, tuple[Sequence[Any] | None, Sequence[Any]]] = {
        "only.methods": (only.get("methods"), names),
        "only.streams": (only.get("streams"), [s for method in methods for s in method.streams]),
        "only.seeds": (only.get("seeds"), [s for method in methods for s in method.seeds]),
    }
    if included and content.get("baseline"):
        known["baseline"] = [content["baseline"]], [*names, *(content.get("methods") or ())]
    for key, (asked, there) in known.items():
        for name in (name for name in asked or () if name not in there):
            words = list(dict.fromkeys(map(str, there)))
            raise ConfigError(
                f"{path}: {key}: none of the included suites has '{name}'."
                f"{did_you_mean(str(name), words)} There are: {', '.join(words)}"
            )


def _within(content: Mapping[str, Any], part: Suite) -> Suite:
    """Return an included suite with what the suite that includes it says for all."""
    common = tuple(dict.fromkeys((*part.common, *(content.get("common") or ()))))
    parts = tuple(_within(content, inner) for inner in part.parts)
    only = content.get("only") or {}
    kept = [m for m in part.methods if m.name in (only.get("methods") or [m.name])]
    return replace(
        part,
        common=common,
        methods=tuple(_limited(method, only) for method in kept),
        budget=content.get("budget") or part.budget,
        measures=part.measures.changed(content),
        baseline=content.get("baseline") or part.baseline,
        parts=parts,
    )


def _limited(method: Method, only: Mapping[str, Any]) -> Method:
    """Return a method with those of its streams and seeds that a suite takes."""
    streams = tuple(s for s in method.streams if s in (only.get("streams") or method.streams))
    seeds = tuple(s for s in method.seeds if s in (only.get("seeds") or method.seeds))
    return replace(method, streams=streams, seeds=seeds)


def _find(name: str, within: Sequence[str]) -> Path:
    if name.endswith((".yaml", ".yml")):
        return Path(name).expanduser()
    if name not in list_suites():
        place = f"include of {within[-1]}: {name}" if within else f"benchmark={name}"
        raise ConfigError(
            f"{place}: no such suite.{did_you_mean(name, list_suites())} "
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
        measures=Measures().changed(content),
        baseline=content.get("baseline"),
        parts=parts,
    )


def _task(name: str, value: Any) -> Task:
    entry = value if isinstance(value, Mapping) else {"overrides": value}
    seeds = tuple(entry["seeds"]) if entry.get("seeds") else None
    return Task(name, entry.get("label") or name, tuple(entry.get("overrides") or ()), seeds)


def _method(name: str, value: Any, streams: Sequence[str], seeds: tuple[int, ...]) -> Method:
    entry = value if isinstance(value, Mapping) else {"overrides": value}
    peer = Peer(**entry["peer"]) if entry.get("peer") else None
    return Method(
        name,
        entry.get("label") or name,
        (*(peer.overrides if peer else ()), *(entry.get("overrides") or ())),
        tuple(entry.get("streams") or streams),
        tuple(entry.get("seeds") or seeds),
        peer,
    )


def _fusion(name: str, value: Mapping[str, Any]) -> Fusion:
    weights = value.get("weights")
    return Fusion(
        name, tuple(value["of"]), tuple(weights) if isinstance(weights, list) else weights
    )
