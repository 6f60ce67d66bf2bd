"""Runs the cells of a suite: one by one, on every GPU, or through a launcher of Hydra."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from queue import Queue
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    track,
)

from har.benchmark.cell import (
    CELL,
    FAILED,
    FINISHED,
    RUNNING,
    WAITING,
    Cell,
    finished_run,
    make_cell,
)
from har.benchmark.fingerprint import cell_key
from har.benchmark.gather import describe_suite
from har.benchmark.locks import held, is_held
from har.benchmark.peers import check_peer
from har.benchmark.recorded import SUITE
from har.benchmark.suite import Job, Suite
from har.config.compose import compose, to_plain
from har.errors import ConfigError, HarError, did_you_mean
from har.extras import install_command
from har.paths import project_root
from har.record import read_json, usable_cores, write_json_atomic
from har.run.folder import RESULTS

LAUNCHERS = ("local", "joblib", "submitit_local", "submitit_slurm", "ray")
LOG = "log.txt"


@dataclass(frozen=True)
class Plan:
    """The cells of a suite in a folder.

    Attributes:
        cells: all that can be run.
        refused: name of a job -> why it cannot be run, such as data that are not prepared.
    """

    suite: Suite
    folder: Path
    cells: tuple[Cell, ...]
    refused: Mapping[str, str]

    @property
    def open_cells(self) -> tuple[Cell, ...]:
        """Cells that are not finished."""
        return tuple(cell for cell in self.cells if cell.status != FINISHED)


def plan_suite(
    suite: Suite,
    out: Path,
    keep_older_code: bool = False,
    only: Sequence[str] = (),
    measure: Sequence[str] | None = None,
) -> Plan:
    """Return the cells of a suite; configurations are checked before anything runs.

    Args:
        suite: what to compare.
        out: folder of the results; that of an earlier run of the suite goes on.
        keep_older_code: also take finished cells that earlier code made, if configuration and data
            are the same.
        only: words of which one must be in the name of a cell; none takes all cells.
        measure: what to take in the place of what the suite asks for; None takes that.

    Raises:
        ConfigError: a configuration is wrong; all are named. Or a word of ``only`` is in no name,
            or there is no such measure.
    """
    cells, refused, problems = [], {}, []
    wanted = _wanted(suite, only)
    if measure is not None:
        wanted = [replace(job, measures=job.measures.only(measure)) for job in wanted]
    for job in wanted:
        try:
            config = to_plain(compose(job.overrides))
            _check_one_dataset(config)
        except ConfigError as error:
            problems.append(f"{job.name}: {error}")
            continue
        try:
            cells.append(_cell(job, config, out, keep_older_code))
        except HarError as error:
            refused[job.name] = str(error)
    if problems:
        raise ConfigError(
            "\n".join([f"{len(problems)} cells of {suite.name} are wrong:", *problems])
        )
    return Plan(suite, out, tuple(cells), refused)


def _wanted(suite: Suite, only: Sequence[str]) -> list[Job]:
    jobs = suite.jobs()
    if not jobs:
        raise ConfigError(f"{suite.name} has no cell: no method is left with a stream and a seed")
    words = list(dict.fromkeys(word for job in jobs for word in job.name.split(".")))
    for word in only:
        if not any(word in job.name for job in jobs):
            raise ConfigError(
                f"only: no cell of {suite.name} has '{word}' in its name."
                f"{did_you_mean(word, words)} There are: {', '.join(words)}"
            )
    return [job for job in jobs if not only or any(word in job.name for word in only)]


def _check_one_dataset(config: Mapping[str, Any]) -> None:
    """Refuse what measures and report have no place for."""
    names = list(config["data"].get("sources") or ())
    if len(names) > 1:
        raise ConfigError(
            f"it is tested on several datasets ({', '.join(names)}): a cell is about one; make a "
            "task of each, or run it by train.py"
        )


def _cell(job: Job, config: Mapping[str, Any], out: Path, keep_older_code: bool) -> Cell:
    check_peer(job.peer)
    key = cell_key(config)
    place = out / "cells"
    if keep_older_code:
        for record in sorted(place.glob(f"{job.name}.*/{CELL}")):
            found = read_json(record)
            same = all(found["key"][name] == asdict(key)[name] for name in ("config", "data"))
            if same and found["status"] == FINISHED:
                return Cell(job, key, record.parent)
    return Cell(job, key, place / f"{job.name}.{key.short}")


def run_plan(
    plan: Plan, launcher: str = "local", jobs: int = 1, gpus: Sequence[str] = ()
) -> tuple[Cell, ...]:
    """Run the cells that are not finished; return those that failed.

    Args:
        plan: from ``plan_suite``.
        launcher: one of ``LAUNCHERS``; all but ``local`` are Hydra's.
        jobs: how many cells run at the same time.
        gpus: numbers of the GPUs that ``local`` gives to the jobs in turn.

    Raises:
        ConfigError: an unknown launcher, or one that is not installed.
    """
    if launcher not in LAUNCHERS:
        raise ConfigError(f"launcher={launcher}: give one of {', '.join(LAUNCHERS)}")
    write_plan(plan)
    cells = plan.open_cells
    for cell in cells:
        if cell.status != RUNNING or not is_held(cell.folder):
            make_cell(cell, plan.suite.name)
    if launcher == "local":
        _run_local(cells, jobs, gpus)
    elif cells:
        _run_hydra(cells, launcher, jobs)
    return tuple(cell for cell in cells if cell.status != FINISHED)


def write_plan(plan: Plan) -> None:
    """Write what the report needs, with the cell of each job in its newest plan."""
    path = plan.folder / SUITE
    plan.folder.mkdir(parents=True, exist_ok=True)
    with held(plan.folder):
        earlier = read_json(path).get("cells", {}) if path.exists() else {}
        cells = {cell.job.name: cell.folder.name for cell in plan.cells}
        write_json_atomic(path, {**describe_suite(plan.suite), "cells": {**earlier, **cells}})


def remeasure(plan: Plan) -> None:
    """Take the measures of all finished cells, one after the other; what was not asked for stays.

    Raises:
        HarError: a cell could not be measured.
    """
    write_plan(plan)
    cells = [cell for cell in plan.cells if cell.status == FINISHED]
    for cell in track(cells, "measures", console=Console(stderr=True)):
        asked = json.dumps(cell.job.measures.record())
        command = [sys.executable, "-m", "har.benchmark.cell", str(cell.folder), "remeasure", asked]
        with (cell.folder / LOG).open("ab") as log:
            done = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False)
        if done.returncode != 0:
            raise HarError(f"{cell.job.name} could not be measured again: see {cell.folder / LOG}")


def _run_local(cells: Sequence[Cell], jobs: int, gpus: Sequence[str]) -> None:
    slots: Queue[str | None] = Queue()
    for number in range(jobs):
        slots.put(gpus[number % len(gpus)] if gpus else None)
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress, ThreadPoolExecutor(jobs) as pool:
        bar = progress.add_task("cells", total=len(cells))

        def run(cell: Cell) -> None:
            gpu = slots.get()
            try:
                progress.console.print(f"{cell.job.name}: {cell.status}, starts")
                run_in_process(cell.folder, gpu, _share_of_cores(jobs))
            finally:
                slots.put(gpu)
            progress.console.print(f"{cell.job.name}: {_outcome(cell)}")
            progress.advance(bar)

        list(pool.map(run, cells))


def run_in_process(folder: Path, gpu: str | None = None, threads: int | None = None) -> None:
    """Run a cell in a process of its own, which cannot take the others down with it.

    Args:
        folder: of the cell.
        gpu: number of the one GPU that it may see; None leaves what is visible.
        threads: for torch, unless ``OMP_NUM_THREADS`` says so; None leaves it to torch.
    """
    environment = dict(os.environ)
    if gpu is not None:
        environment["CUDA_VISIBLE_DEVICES"] = gpu
    if threads is not None:
        environment.setdefault("OMP_NUM_THREADS", str(threads))
    command = [sys.executable, "-m", "har.benchmark.cell", str(folder)]
    with (folder / LOG).open("ab") as log:
        done = subprocess.run(
            command, stdout=log, stderr=subprocess.STDOUT, env=environment, check=False
        )
    if done.returncode < 0 and -done.returncode != signal.SIGINT:
        _note_death(folder, -done.returncode)


def _note_death(folder: Path, number: int) -> None:
    """Write that a process died at its work; not of one that died when it had done it."""
    record = read_json(folder / CELL)
    if record["status"] not in (WAITING, RUNNING):
        return
    told = f"the process was ended by signal {number} (9: often for want of memory); see {LOG}"
    write_json_atomic(folder / CELL, {**record, "status": FAILED, "error": told})


def _share_of_cores(jobs: int) -> int | None:
    return max(1, usable_cores() // jobs) if jobs > 1 else None


def _run_hydra(cells: Sequence[Cell], launcher: str, jobs: int) -> None:
    """Give each cell as a job of a multirun to one of Hydra's launchers."""
    program = project_root() / "scripts" / "benchmark_cell.py"
    places = [str(cell.folder.resolve()).replace("'", r"\'") for cell in cells]
    folders = ",".join(f"'{place}'" for place in places)
    command = [
        sys.executable, str(program), "--multirun", f"hydra/launcher={launcher}", f"cell={folders}",
        f"threads={_share_of_cores(jobs) or 'null'}", *_limit_of(launcher, jobs),
    ]  # fmt: skip
    done = subprocess.run(command, check=False)
    if done.returncode != 0 and all(cell.status == WAITING for cell in cells):
        raise ConfigError(
            f"launcher={launcher} could not start. Is it installed? {install_command('launchers')}"
        )


def _limit_of(launcher: str, jobs: int) -> list[str]:
    limits = {
        "joblib": f"n_jobs={jobs}",
        "submitit_slurm": f"array_parallelism={jobs}",
        "submitit_local": "timeout_min=1440",
    }
    return [f"hydra.launcher.{limits[launcher]}"] if launcher in limits else []


def _outcome(cell: Cell) -> str:
    record = cell.record
    run = finished_run(cell.folder)
    if record["status"] != FINISHED or run is None:
        return f"{record['status']}: {record.get('error') or f'it was stopped; see {LOG}'}"
    results = read_json(run / RESULTS)
    return f"top-1 {100 * results['top1']:.1f} % in {record['seconds']:.0f} s"
