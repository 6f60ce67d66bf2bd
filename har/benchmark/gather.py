"""Collects the cells of benchmarks: one entry for each method and stream on each task."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from har.benchmark.cell import CELL, FINISHED
from har.benchmark.suite import Fusion, Suite
from har.errors import HarError
from har.evaluation.fusion import LinearPool, Pool, check_disjoint, fuse, learn_pool, tune_weights
from har.evaluation.predictions import Predictions
from har.evaluation.summary import evaluate
from har.record import read_json
from har.run.folder import RESULTS
from har.run.outputs import PREDICTIONS, VALIDATION_PREDICTIONS

SUITE = "suite.json"


@dataclass(frozen=True)
class SeedResult:
    """What one seed of an entry gave.

    Attributes:
        results: content of ``results.json``; for a fusion its metrics.
        record: content of ``cell.json``; of the fused streams with costs added up.
        folder: the run folder; None for a fusion.
    """

    seed: int
    results: Mapping[str, Any]
    predictions: Predictions
    record: Mapping[str, Any]
    folder: Path | None


@dataclass(frozen=True)
class Entry:
    """A line of the leaderboard: a method with a stream, or a fusion of streams, on a task."""

    task: str
    method: str
    stream: str
    runs: tuple[SeedResult, ...]
    label: str = ""

    @property
    def name(self) -> str:
        """Method and stream, as they are called in tables."""
        return f"{self.label or self.method} {self.stream}"

    @property
    def correct(self) -> np.ndarray:
        """(N,) share of the seeds that were right about each test clip."""
        right = [run.predictions.predicted == run.predictions.labels for run in self.runs]
        return np.mean(right, axis=0)

    def values(self, metric: str) -> list[float]:
        """Return a metric of each seed."""
        return [float(run.results[metric]) for run in self.runs]


@dataclass(frozen=True)
class Gathered:
    """All cells of one or more benchmark folders.

    Attributes:
        labels: name of a task or method -> how it is called in tables.
        baselines: name of a task -> the method that errors under corruption are divided by.
        beside: name of a peer's method -> this project's own version of it.
        failed: records of the cells that failed.
        open_cells: names of cells that did not finish yet.
    """

    suites: tuple[Mapping[str, Any], ...]
    labels: Mapping[str, str]
    entries: tuple[Entry, ...]
    failed: tuple[Mapping[str, Any], ...]
    open_cells: tuple[str, ...]
    baselines: Mapping[str, str] = field(default_factory=dict)
    beside: Mapping[str, str] = field(default_factory=dict)

    @property
    def tasks(self) -> list[str]:
        """Tasks in the order of the suites."""
        return list(dict.fromkeys(entry.task for entry in self.entries))

    def of_task(self, task: str) -> list[Entry]:
        """Return the entries of a task, the most accurate first."""
        found = [entry for entry in self.entries if entry.task == task]
        return sorted(found, key=lambda entry: -float(np.mean(entry.values("top1"))))


def describe_suite(suite: Suite) -> dict[str, Any]:
    """Return what the report needs to know of a suite, as plain data."""
    matrices = suite.suites()
    return {
        "name": suite.name,
        "title": suite.title,
        "about": suite.about,
        "budgets": {matrix.title: matrix.budget for matrix in matrices},
        "baselines": {
            task.name: matrix.baseline or matrix.methods[0].name
            for matrix in matrices
            for task in matrix.tasks
        },
        "beside": {
            method.name: method.peer.beside
            for matrix in matrices
            for method in matrix.methods
            if method.peer is not None and method.peer.beside is not None
        },
        "labels": {
            **{task.name: task.label for matrix in matrices for task in matrix.tasks},
            **{method.name: method.label for matrix in matrices for method in matrix.methods},
        },
        "fusions": [
            {"name": fusion.name, "of": list(fusion.of), "weights": fusion.weights}
            for matrix in matrices
            for fusion in matrix.fusions
        ],
    }


def gather(folders: Sequence[Path]) -> Gathered:
    """Read the cells of benchmark folders.

    Of cells that differ only in code, the newest counts.

    Raises:
        HarError: a folder holds no benchmark, or none of its cells finished.
    """
    suites, records = [], []
    for folder in folders:
        if not (folder / SUITE).exists():
            raise HarError(f"{folder} is no folder of a benchmark: it has no {SUITE}")
        suites.append(read_json(folder / SUITE))
        records += [
            (path.parent, read_json(path)) for path in sorted(folder.glob(f"cells/*/{CELL}"))
        ]
    finished = _newest([item for item in records if item[1]["status"] == FINISHED])
    if not finished:
        raise HarError(f"no cell of {', '.join(map(str, folders))} has finished yet")
    labels = _merged(suites, "labels")
    entries = list(_entries(finished, labels))
    for suite in suites:
        for fusion in suite["fusions"]:
            known = {(entry.task, entry.method, entry.stream) for entry in entries}
            made = _fusions(entries, Fusion(fusion["name"], tuple(fusion["of"]), fusion["weights"]))
            entries += [e for e in made if (e.task, e.method, e.stream) not in known]
    return Gathered(
        suites=tuple(suites),
        labels=labels,
        entries=tuple(entries),
        failed=tuple(record for _, record in records if record["status"] == "failed"),
        open_cells=tuple(f.name for f, r in records if r["status"] in ("waiting", "running")),
        baselines=_merged(suites, "baselines"),
        beside=_merged(suites, "beside"),
    )


def _merged(suites: Sequence[Mapping[str, Any]], key: str) -> dict[str, str]:
    """Join a mapping of all suites; those of an earlier version may lack it."""
    return {name: value for suite in suites for name, value in suite.get(key, {}).items()}


def _newest(cells: Sequence[tuple[Path, Any]]) -> list[tuple[Path, Any]]:
    by_job = {}
    for folder, record in sorted(cells, key=lambda item: item[1]["provenance"]["time_utc"]):
        job = record["job"]
        by_job[job["task"], job["method"], job["stream"], job["seed"]] = (folder, record)
    return list(by_job.values())


def _entries(cells: Sequence[tuple[Path, Any]], labels: Mapping[str, str]) -> Iterator[Entry]:
    groups: dict[tuple[str, str, str], list[SeedResult]] = {}
    for folder, record in cells:
        job = record["job"]
        run = next(folder.glob(f"run/*/{RESULTS}")).parent
        result = SeedResult(
            job["seed"], read_json(run / RESULTS), Predictions.read(run / PREDICTIONS), record, run
        )
        groups.setdefault((job["task"], job["method"], job["stream"]), []).append(result)
    for (task, method, stream), runs in groups.items():
        by_seed = tuple(sorted(runs, key=lambda run: run.seed))
        yield Entry(task, method, stream, by_seed, labels.get(method, method))


def _fusions(entries: Sequence[Entry], fusion: Fusion) -> Iterator[Entry]:
    """Yield the fusion of the streams of each method, for the seeds that all streams have."""
    parts: dict[tuple[str, str], dict[str, Entry]] = {}
    for entry in entries:
        parts.setdefault((entry.task, entry.method), {})[entry.stream] = entry
    for (task, method), streams in parts.items():
        if not set(fusion.of) <= streams.keys():
            continue
        by_seed = [{run.seed: run for run in streams[name].runs} for name in fusion.of]
        seeds = sorted(set.intersection(*(set(runs) for runs in by_seed)))
        runs = tuple(_fuse([own[seed] for own in by_seed], fusion) for seed in seeds)
        if runs:
            yield Entry(task, method, fusion.name, runs, streams[fusion.of[0]].label)


def _fuse(runs: Sequence[SeedResult], fusion: Fusion) -> SeedResult:
    named = dict(zip(fusion.of, runs, strict=True))
    predictions = fuse({name: run.predictions for name, run in named.items()}, _pool(named, fusion))
    summary = evaluate(predictions, bootstrap=0, seed=runs[0].seed)
    results = {**summary["metrics"], **summary}
    return SeedResult(runs[0].seed, results, predictions, _sum_costs(runs), None)


def _pool(runs: Mapping[str, SeedResult], fusion: Fusion) -> Pool:
    if fusion.weights is None:
        return LinearPool((1.0,) * len(runs))
    if not isinstance(fusion.weights, str):
        return LinearPool(tuple(fusion.weights))
    validation = {
        name: Predictions.read(run.folder / VALIDATION_PREDICTIONS)
        for name, run in runs.items()
        if run.folder and (run.folder / VALIDATION_PREDICTIONS).exists()
    }
    if len(validation) < len(runs):
        raise HarError(
            f"fusion {fusion.name}: weights={fusion.weights} are found on validation clips, and "
            "the runs have none; give the weights as numbers, or a validation part to the suite"
        )
    check_disjoint(next(iter(validation.values())), next(iter(runs.values())).predictions)
    return tune_weights(validation) if fusion.weights == "tuned" else learn_pool(validation)


def _sum_costs(runs: Sequence[SeedResult]) -> dict[str, Any]:
    """Return a cell record in which the costs of the fused runs are added up."""
    total: dict[str, Any] = {"command": "\n".join(run.record["command"] for run in runs)}
    for path in (
        ("model", "parameters"),
        ("model", "macs_of_a_view"),
        ("inference", "latency", "p50_ms"),
        ("inference", "latency", "p99_ms"),
        ("exports", "fp32", "latency", "p50_ms"),
        ("exports", "fp32", "latency", "p99_ms"),
        ("exports", "int8", "latency", "p50_ms"),
    ):
        found = [dig(run.record, path) for run in runs]
        if all(value is not None for value in found):
            node = total
            for key in path[:-1]:
                node = node.setdefault(key, {})
            node[path[-1]] = sum(found)
    rates = [dig(run.record, ("inference", "throughput", "clips_per_second")) for run in runs]
    if all(rates):
        rate = 1 / sum(1 / rate for rate in rates)
        total["inference"]["throughput"] = {"clips_per_second": rate}
    total["results_cost"] = {
        "training_seconds": sum(run.results["cost"]["training_seconds"] for run in runs)
    }
    return total


def dig(record: Any, path: Sequence[str]) -> Any:
    """Return what lies at the end of a path of keys; None where there is nothing."""
    for key in path:
        if not isinstance(record, Mapping) or record.get(key) is None:
            return None
        record = record[key]
    return record
