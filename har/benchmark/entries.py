"""Lines of the leaderboard: the runs of a method on a task, and what each run left."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from har.benchmark.cell import finished_run
from har.errors import HarError
from har.evaluation.predictions import Predictions
from har.record import read_json
from har.run.folder import RESULTS
from har.run.outputs import PREDICTIONS


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


def read_result(folder: Path, record: Mapping[str, Any]) -> SeedResult:
    """Return what a finished cell left.

    Args:
        folder: of the cell.
        record: content of its ``cell.json``.

    Raises:
        HarError: a file of its run is missing or damaged.
    """
    run = finished_run(folder)
    if run is None:
        raise HarError(f"{folder} has no finished run: its {RESULTS} is missing")
    predictions = Predictions.read(run / PREDICTIONS)
    return SeedResult(record["job"]["seed"], read_json(run / RESULTS), predictions, record, run)


def dig(record: Any, path: Sequence[str]) -> Any:
    """Return what lies at the end of a path of keys; None where there is nothing."""
    for key in path:
        if not isinstance(record, Mapping) or record.get(key) is None:
            return None
        record = record[key]
    return record
