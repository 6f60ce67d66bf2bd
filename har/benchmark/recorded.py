"""Which cells of a folder count: of one run the newest, and none that the suite has left behind.

A start with only some of the cells plans these alone; of the others it is known what the suite now
asks for on the command line, so that an edited suite does not share means with its older self.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from har.benchmark.cell import CELL, FAILED, FINISHED
from har.errors import HarError
from har.record import read_json

SUITE = "suite.json"

Found = tuple[Path, Mapping[str, Any]]
"""Folder of a cell, and content of its ``cell.json``."""


@dataclass(frozen=True)
class Recorded:
    """The cells that count.

    Attributes:
        finished: one for each job.
        failed: records of those that failed, or whose record cannot be read.
        unfinished: names of those that wait or run, and of jobs whose cells were all left behind.
    """

    finished: tuple[Found, ...]
    failed: tuple[Mapping[str, Any], ...]
    unfinished: tuple[str, ...]


def read_cells(folders: Sequence[Path], suites: Sequence[Mapping[str, Any]]) -> Recorded:
    """Read the cells of benchmark folders.

    Where the suite was planned anew with another configuration, or other data, its earlier cells do
    not count. Of those that differ in code only, the newest that finished does.

    Args:
        folders: of benchmarks.
        suites: what each folder's ``suite.json`` holds, of it ``cells``: name of a job -> its cell
            in the newest plan, and ``overrides``: name -> those of the job in the suite now. A job
            that is not there, as in folders of an earlier version, takes any of its cells.

    Raises:
        HarError: two folders have different runs of one job.
    """
    finished: dict[str, Found] = {}
    told: dict[str, Found] = {}
    left: list[str] = []
    for folder, suite in zip(folders, suites, strict=True):
        plan, overrides = suite.get("cells", {}), suite.get("overrides", {})
        for name, cells in _by_job(folder).items():
            asked = [cell for cell in cells if _is_asked(cell, overrides.get(name))]
            if not asked:
                left.append(f"{name} (made before the suite was changed)")
                continue
            own = list(_of_plan(asked, plan.get(name)))
            done = [cell for cell in own if cell[1]["status"] == FINISHED]
            if done:
                newest = max(done, key=lambda cell: cell[1]["provenance"]["time_utc"])
                finished[name] = _newer(name, finished.get(name), newest)
            current = next((cell for cell in own if cell[0].name == plan.get(name)), None)
            if current is not None or not done:
                told[name] = current or own[-1]
    unfinished = [cell for cell in told.values() if cell[1]["status"] != FINISHED]
    return Recorded(
        tuple(finished.values()),
        tuple(record for _, record in unfinished if record["status"] == FAILED),
        (*(folder.name for folder, record in unfinished if record["status"] != FAILED), *left),
    )


def _by_job(folder: Path) -> dict[str, list[Found]]:
    cells: dict[str, list[Found]] = {}
    for path in sorted(folder.glob(f"cells/*/{CELL}")):
        name = path.parent.name.rpartition(".")[0]
        cells.setdefault(name, []).append((path.parent, _read(path)))
    return cells


def _read(path: Path) -> Mapping[str, Any]:
    """Return the record of a cell; for one that cannot be read, a record that tells so."""
    try:
        return read_json(path)
    except HarError as error:
        words = path.parent.name.split(".")
        job = dict(zip(("task", "method", "stream", "seed"), words, strict=False))
        return {"status": FAILED, "job": job, "error": str(error), "command": ""}


def _is_asked(cell: Found, overrides: Sequence[str] | None) -> bool:
    """Return whether a cell was made with these overrides, as far as both are known."""
    made = cell[1]["job"].get("overrides")
    return overrides is None or made is None or list(made) == list(overrides)


def _of_plan(cells: Sequence[Found], planned: str | None) -> Iterator[Found]:
    """Yield the cells with the configuration and the data of the planned one."""
    keys = {folder.name: _run_of(record) for folder, record in cells}
    for folder, record in cells:
        if planned not in keys or keys[folder.name] == keys[planned]:
            yield folder, record


def _run_of(record: Mapping[str, Any]) -> tuple[Any, Any]:
    key = record.get("key") or {}
    return key.get("config"), key.get("data")


def _newer(name: str, one: Found | None, other: Found) -> Found:
    if one is None:
        return other
    if _run_of(one[1]) != _run_of(other[1]):
        raise HarError(
            f"{name} is in {one[0].parents[1]} and in {other[0].parents[1]} with another "
            "configuration or other data: report these folders separately"
        )
    return max(one, other, key=lambda cell: cell[1]["provenance"]["time_utc"])
