"""Several processes that write to one folder."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from har.benchmark.cell import Cell
from har.benchmark.fingerprint import CellKey
from har.benchmark.locks import held, is_held
from har.benchmark.runner import Plan, write_plan
from har.benchmark.suite import load_suite


def test_a_folder_is_held_as_long_as_one_works_there(tmp_path):
    with held(tmp_path):
        assert is_held(tmp_path)
    assert not is_held(tmp_path)


def test_the_second_waits_for_the_first_and_says_so(tmp_path, capsys):
    with ThreadPoolExecutor(1) as pool:
        with held(tmp_path):
            second = pool.submit(_hold, tmp_path)
            with pytest.raises(TimeoutError):
                second.result(timeout=0.2)
        second.result(timeout=60)
    assert f"another process is at {tmp_path}: waiting" in capsys.readouterr().out


def test_starts_at_the_same_time_all_leave_their_cells_in_the_plan(tmp_path):
    suite = load_suite("smoke")
    key = CellKey("config", "code", "data")
    cells = [Cell(job, key, tmp_path / "cells" / job.name) for job in suite.jobs()]
    with ThreadPoolExecutor(len(cells)) as pool:
        list(pool.map(lambda cell: write_plan(Plan(suite, tmp_path, (cell,), {})), cells))
    planned = json.loads((tmp_path / "suite.json").read_text())["cells"]
    assert planned == {cell.job.name: cell.folder.name for cell in cells}


def _hold(folder):
    with held(folder):
        pass
