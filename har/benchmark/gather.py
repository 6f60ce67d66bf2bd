"""Collects the cells of benchmarks: one entry for each method and stream on each task."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from har.benchmark.entries import Entry, SeedResult, read_result
from har.benchmark.fused import fuse_streams
from har.benchmark.recorded import SUITE, Recorded, read_cells
from har.benchmark.suite import Fusion, Suite
from har.errors import HarError
from har.record import read_json


@dataclass(frozen=True)
class Gathered:
    """All cells of one or more benchmark folders.

    Attributes:
        labels: name of a task or method -> how it is called in tables.
        baselines: name of a task -> the method that errors under corruption are divided by.
        beside: name of a peer's method -> this project's own version of it.
        failed: records of the cells that failed, and of fusions that could not be made.
        open_cells: names of cells that did not finish yet, or not since the suite was changed.
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
        named = dict.fromkeys([*self.labels, *(entry.task for entry in self.entries)])
        there = {entry.task for entry in self.entries}
        return [name for name in named if name in there]

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
        "overrides": {job.name: list(job.overrides) for job in suite.jobs()},
        "fusions": [
            {"name": fusion.name, "of": list(fusion.of), "weights": fusion.weights}
            for matrix in matrices
            for fusion in matrix.fusions
        ],
    }


def gather(folders: Sequence[Path]) -> Gathered:
    """Read the cells of benchmark folders; what cannot be read of one is told in its place.

    Raises:
        HarError: a folder holds no benchmark, none of its cells finished, or the folders have
            cells of one name that cannot be compared.
    """
    suites = []
    for folder in folders:
        if not (folder / SUITE).exists():
            raise HarError(f"{folder} is no folder of a benchmark: it has no {SUITE}")
        suites.append(read_json(folder / SUITE))
    cells = read_cells(folders, suites)
    failed = list(cells.failed)
    labels = _told_apart(_merged(suites, "labels"))
    entries = list(_entries(cells, labels, failed))
    if not entries:
        told = f": {failed[0]['error']}" if failed else ""
        raise HarError(f"no cell of {', '.join(map(str, folders))} has finished yet{told}")
    for fusion in dict.fromkeys(_fusion(f) for suite in suites for f in suite["fusions"]):
        known = {(entry.task, entry.method, entry.stream) for entry in entries}
        made = fuse_streams(entries, fusion, failed)
        entries += [e for e in made if (e.task, e.method, e.stream) not in known]
    return Gathered(
        suites=tuple(suites),
        labels=labels,
        entries=tuple(entries),
        failed=tuple(failed),
        open_cells=cells.unfinished,
        baselines=_merged(suites, "baselines"),
        beside=_merged(suites, "beside"),
    )


def _merged(suites: Sequence[Mapping[str, Any]], key: str) -> dict[str, str]:
    """Join a mapping of all suites; those of an earlier version may lack it."""
    return {name: value for suite in suites for name, value in suite.get(key, {}).items()}


def _fusion(described: Mapping[str, Any]) -> Fusion:
    weights = described["weights"]
    fixed = tuple(weights) if isinstance(weights, list) else weights
    return Fusion(described["name"], tuple(described["of"]), fixed)


def _told_apart(labels: Mapping[str, str]) -> dict[str, str]:
    """Return labels of which no two are equal: tables and ranks go by label."""
    given = list(labels.values())
    return {n: f"{label} ({n})" if given.count(label) > 1 else label for n, label in labels.items()}


def _entries(
    cells: Recorded, labels: Mapping[str, str], failed: list[Mapping[str, Any]]
) -> Iterator[Entry]:
    groups: dict[tuple[str, str, str], list[SeedResult]] = {}
    for folder, record in cells.finished:
        job = record["job"]
        try:
            result = read_result(folder, record)
        except HarError as error:
            failed.append({**record, "error": str(error)})
            continue
        groups.setdefault((job["task"], job["method"], job["stream"]), []).append(result)
    first: dict[str, SeedResult] = {}
    for (task, method, stream), runs in groups.items():
        for run in runs:
            _check_same_clips(task, first.setdefault(task, run), run)
        by_seed = tuple(sorted(runs, key=lambda run: run.seed))
        yield Entry(task, method, stream, by_seed, labels.get(method, method))


def _check_same_clips(task: str, one: SeedResult, other: SeedResult) -> None:
    same = np.array_equal(one.predictions.clip_ids, other.predictions.clip_ids)
    if not same or one.predictions.class_names != other.predictions.class_names:
        raise HarError(
            f"the cells of {task} were tested on different clips, such as {one.folder} and "
            f"{other.folder}: report folders whose data differ separately"
        )
