"""Runs the cells of a suite: one by one, on every GPU, or through a launcher of Hydra."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
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

from har.benchmark.cell import CELL, FAILED, FINISHED, Cell, make_cell
from har.benchmark.fingerprint import cell_key
from har.benchmark.gather import SUITE, describe_suite
from har.benchmark.peers import check_peer
from har.benchmark.suite import Job, Suite
from har.config.compose import compose, to_plain
from har.errors import ConfigError, HarError
from har.paths import project_root
from har.record import read_json, write_json_atomic

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
    measure: Sequence[str] = (),
) -> Plan:
    """Return the cells of a suite; configurations are checked before anything runs.

    Args:
        suite: what to compare.
        out: folder of the results; that of an earlier run of the suite goes on.
        keep_older_code: also take finished cells that earlier code made, if configuration and data
            are the same.
        only: words of which one must be in the name of a cell; none takes all cells.
        measure: what to take in the place of what the suite asks for.

    Raises:
        ConfigError: a configuration is wrong; all are named. Or ``only`` leaves nothing, or there
            is no such measure.
    """
    cells, refused, problems = [], {}, []
    wanted = [job for job in suite.jobs() if not only or any(word in job.name for word in only)]
    if not wanted:
        raise ConfigError(f"only={list(only)} leaves no cell of {suite.name}")
    if measure:
        wanted = [replace(job, measures=job.measures.only(measure)) for job in wanted]
    for job in wanted:
        try:
            config = to_plain(compose(job.overrides))
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
    write_json_atomic(plan.folder / SUITE, describe_suite(plan.suite))
    cells = plan.open_cells
    for cell in cells:
        if cell.status in ("waiting", FAILED):
            make_cell(cell, plan.suite.name)
    if launcher == "local":
        _run_local(cells, jobs, gpus)
    elif cells:
        _run_hydra(cells, launcher, jobs)
    return tuple(cell for cell in cells if cell.status != FINISHED)


def remeasure(plan: Plan) -> None:
    """Take the measures of all finished cells, one after the other; what was not asked for stays.

    Raises:
        HarError: a cell could not be measured.
    """
    write_json_atomic(plan.folder / SUITE, describe_suite(plan.suite))
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
    if done.returncode < 0:
        _note_death(folder, -done.returncode)


def _note_death(folder: Path, signal: int) -> None:
    told = f"the process was ended by signal {signal} (9: often for want of memory); see {LOG}"
    record = read_json(folder / CELL)
    write_json_atomic(folder / CELL, {**record, "status": FAILED, "error": told})


def _share_of_cores(jobs: int) -> int | None:
    return max(1, (os.cpu_count() or 1) // jobs) if jobs > 1 else None


def _run_hydra(cells: Sequence[Cell], launcher: str, jobs: int) -> None:
    """Give each cell as a job of a multirun to one of Hydra's launchers."""
    program = project_root() / "scripts" / "benchmark_cell.py"
    folders = ",".join(f"'{cell.folder.resolve()}'" for cell in cells)
    command = [
        sys.executable, str(program), "--multirun", f"hydra/launcher={launcher}", f"cell={folders}",
        f"threads={_share_of_cores(jobs) or 'null'}", *_limit_of(launcher, jobs),
    ]  # fmt: skip
    done = subprocess.run(command, check=False)
    if done.returncode != 0 and all(cell.status == "waiting" for cell in cells):
        raise ConfigError(
            f"launcher={launcher} could not start. Is it installed? "
            "pip install -c constraints.txt -e '.[launchers]'"
        )


def _limit_of(launcher: str, jobs: int) -> Iterator[str]:
    if launcher == "joblib":
        yield f"hydra.launcher.n_jobs={jobs}"
    elif launcher.startswith("submitit"):
        yield (
            f"hydra.launcher.array_parallelism={jobs}"
            if launcher.endswith("slurm")
            else ("hydra.launcher.timeout_min=1440")
        )


def _outcome(cell: Cell) -> str:
    record = cell.record
    if record["status"] != FINISHED:
        return f"{record['status']}: {record.get('error')}"
    results = read_json(cell.run_folder / "results.json") if cell.run_folder else {}
    return f"top-1 {100 * results['top1']:.1f} % in {record['seconds']:.0f} s"
