"""One cell of the matrix: a training run with everything that is measured of it.

A cell is a folder. ``cell.json`` tells what it is and how far it came; the run folder of the
training lies below it, so that a killed cell goes on where it was.
"""

import json
import os
import resource
import shlex
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from har._allocator import release_freed_memory
from har.benchmark.fingerprint import CellKey
from har.benchmark.locks import held
from har.benchmark.measures import recorded
from har.benchmark.peers import check_peer
from har.benchmark.suite import Job
from har.errors import HarError
from har.record import provenance, read_json, write_json_atomic
from har.run.folder import ENVIRONMENT, LAST, RESULTS

CELL = "cell.json"
RUN_NAME = "run"
WAITING, RUNNING, FINISHED, FAILED = "waiting", "running", "finished", "failed"
ROBUSTNESS = "robustness"
NOT_OF_JOB = ("measures", "peer")
"""Parts of a job that have keys of their own in the record."""

INTERRUPTED = 130
"""Exit status of a cell that was stopped by hand, which has not failed."""

MIB = 2**20


@dataclass(frozen=True)
class Cell:
    """A job with its key and its place."""

    job: Job
    key: CellKey
    folder: Path

    @property
    def record(self) -> dict[str, Any]:
        """Content of ``cell.json``; empty before the cell is made."""
        path = self.folder / CELL
        return read_json(path) if path.exists() else {}

    @property
    def status(self) -> str:
        """One of waiting, running, finished and failed."""
        return self.record.get("status", WAITING)

    @property
    def command(self) -> str:
        """The command that repeats the training of this cell by itself."""
        return f"python train.py {shlex.join(self.job.overrides)}"


def make_cell(cell: Cell, suite: str) -> None:
    """Write the description from which ``run_cell`` works.

    The cost of a training that ended, and whose measures failed, is kept.
    """
    job = {name: value for name, value in asdict(cell.job).items() if name not in NOT_OF_JOB}
    description = {
        "status": WAITING,
        "suite": suite,
        "job": job,
        "key": asdict(cell.key),
        "command": cell.command,
        "peer": check_peer(cell.job.peer),
        **cell.job.measures.record(),
    }
    if finished_run(cell.folder) is not None and "training" in cell.record:
        description["training"] = cell.record["training"]
    write_json_atomic(cell.folder / CELL, description)


def run_cell(folder: Path) -> bool:
    """Train, test and measure the cell in a folder; return whether it finished.

    A failure is written into ``cell.json`` with its traceback, and not raised, so that the other
    cells go on. Where another process is at the cell, such as one whose benchmark was killed, it
    is waited for.
    """
    with _alone(folder):
        return read_json(folder / CELL)["status"] == FINISHED or _run(folder)


def _run(folder: Path) -> bool:
    started = time.perf_counter()
    _update(folder, status=RUNNING, error=None)
    try:
        outcome = _work(folder)
    except Exception as error:
        text = "".join(traceback.format_exception(error))
        told = str(error) if isinstance(error, HarError) else text.strip().splitlines()[-1]
        _update(folder, status=FAILED, error=told, traceback=text)
        print(f"error: {told}", file=sys.stderr)
        return False
    seconds = round(time.perf_counter() - started, 1)
    _update(folder, status=FINISHED, seconds=seconds, **outcome)
    return True


def _work(folder: Path) -> dict[str, Any]:
    from har.benchmark.measure import measure_run

    description = read_json(folder / CELL)
    trained = finished_run(folder)
    if trained is None:
        trained, description["training"] = _train(folder, description["job"]["overrides"])
        _update(folder, training=description["training"])
        release_freed_memory()
    joules = _joules(description)
    measured = measure_run(trained, recorded(description), folder / ROBUSTNESS, joules)
    return {**measured, "provenance": provenance()}


def _train(folder: Path, overrides: Sequence[str]) -> tuple[Path, dict[str, Any]]:
    """Train, or go on with a training; return the run folder, and what the training cost."""
    from har.config.compose import compose, to_plain
    from har.edge.energy import EnergyMeter
    from har.run import train

    config = to_plain(compose([*overrides, f"name={RUN_NAME}", "resume=true"]))
    config["paths"]["runs"] = str(folder.resolve())  # as an override it could not hold every path
    config["trainer"]["progress_bar"] = False
    goes_on = any(folder.glob(f"{RUN_NAME}/*/checkpoints/{LAST}"))
    with EnergyMeter() as meter:
        trained = train(config).folder
    cost = {"energy_joules": meter.joules, "energy_source": meter.source}
    if goes_on and meter.joules is not None:
        cost = {"energy_joules": None, "energy_source": f"{meter.source}, but it was interrupted"}
    return trained, {**cost, "peak_memory_mib": _peak_memory_mib()}


def remeasure_cell(folder: Path, asked: Mapping[str, Any]) -> None:
    """Take measures of a finished cell, such as on a machine that is quiet now; keep the others.

    Args:
        folder: of the cell.
        asked: from ``Measures.record``.

    Raises:
        HarError: the cell has no finished run.
    """
    from har.benchmark.measure import measure_run

    description = read_json(folder / CELL)
    trained = finished_run(folder)
    if trained is None:
        raise HarError(f"{folder} has no finished run to measure")
    joules = _joules(description)
    measured = measure_run(trained, recorded(asked), folder / ROBUSTNESS, joules)
    speed = description.get("speed", measured["speed"])
    names = list(dict.fromkeys([*description.get("measure", ()), *asked["measure"]]))
    changes = {**asked, **measured, "measure": names, "speed": speed, "measured": provenance()}
    _update(folder, **changes)


def finished_run(folder: Path) -> Path | None:
    """Return the run folder of a cell whose training ended; None while it has not."""
    found = sorted((folder / RUN_NAME).glob(f"*/{RESULTS}"))
    return found[-1].parent if found else None


def _alone(folder: Path) -> AbstractContextManager[None]:
    """Let no other process work in the folder; those that a distributed run starts may."""
    return nullcontext() if ENVIRONMENT in os.environ else held(folder)


def _joules(description: Mapping[str, Any]) -> float | None:
    return (description.get("training") or {}).get("energy_joules")


def _peak_memory_mib() -> dict[str, float | None]:
    """Return the most memory this process has had, and the most on its GPU."""
    import torch

    gpu = torch.cuda.max_memory_allocated() / MIB if torch.cuda.is_available() else None
    unit = 1 if sys.platform == "darwin" else 1024
    host = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MIB
    return {"host": round(host, 1), "gpu": gpu and round(gpu, 1)}


def _update(folder: Path, **changes: Any) -> None:
    write_json_atomic(folder / CELL, {**read_json(folder / CELL), **changes})


if __name__ == "__main__":
    try:
        if sys.argv[2:3] == ["remeasure"]:
            remeasure_cell(Path(sys.argv[1]), json.loads(sys.argv[3]))
            sys.exit(0)
        sys.exit(0 if run_cell(Path(sys.argv[1])) else 1)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
