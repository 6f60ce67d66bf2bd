"""A benchmark of tiny runs: cells, failures, going on, and the report."""

import json
import os

import pytest

from har.benchmark.cell import CELL, FAILED, FINISHED, Cell
from har.benchmark.fingerprint import CellKey, cell_key
from har.benchmark.gather import gather
from har.benchmark.leaderboard import leaderboard
from har.benchmark.report import write_report
from har.benchmark.runner import plan_suite, run_plan
from har.benchmark.suite import load_suite
from har.config.compose import compose, to_plain
from har.errors import ConfigError, HarError

SUITE = """
title: Tiny
tasks: {home: [experiment=smoke]}
common:
  - data.store=STORE
  - "data.adapter_options={clips: 160, seed: 0}"
  - trainer.max_epochs=1
  - trainer.limit_train_batches=2
  - sampling.frames=8
  - evaluation.bootstrap=0
  - evaluation.examples=0
methods:
  mlp: {label: MLP, overrides: [model/backbone=mlp]}
  broken: {overrides: [model/backbone=mlp, checkpoint.monitor=val/beauty], streams: [joint]}
streams: {joint: [stream=joint], bone: [stream=bone]}
fusions: {both: {of: [joint, bone], weights: [2, 1]}}
seeds: [0]
measure: [latency]
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Return the folder of a benchmark that ran, its plan, and the cells that failed."""
    folder = tmp_path_factory.mktemp("benchmark")
    path = folder / "tiny.yaml"
    path.write_text(SUITE.replace("STORE", str(folder / "store")))
    plan = plan_suite(load_suite(str(path)), folder / "out")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    failed = run_plan(plan)
    return folder / "out", plan, failed


pytestmark = pytest.mark.slow


def test_cells_finish_and_one_that_fails_does_not_stop_the_rest(ran):
    _, plan, failed = ran
    assert [cell.job.method for cell in failed] == ["broken"]
    assert failed[0].status == FAILED
    assert "no such metric" in failed[0].record["error"]
    assert "Traceback" in failed[0].record["traceback"]
    others = [cell for cell in plan.cells if cell.job.method == "mlp"]
    assert {cell.status for cell in others} == {FINISHED}
    record = others[0].record
    assert record["model"]["parameters"] > 0
    assert record["inference"]["latency"]["p50_ms"] > 0
    assert record["speed"]["clips_per_second"] > 0
    assert record["training"]["peak_memory_mib"]["host"] > 0


def test_going_on_runs_only_what_is_open(ran):
    out, plan, _ = ran
    before = {cell.folder: (cell.folder / CELL).stat().st_mtime_ns for cell in plan.cells}
    again = plan_suite(plan.suite, out)
    assert [cell.job.method for cell in again.open_cells] == ["broken"]
    unchanged = [cell for cell in again.cells if cell.status == FINISHED]
    assert all((cell.folder / CELL).stat().st_mtime_ns == before[cell.folder] for cell in unchanged)


def test_the_report_has_the_streams_their_fusion_and_the_failure(ran):
    out, _, _ = ran
    text = write_report([out], out / "report")
    rows = leaderboard(gather([out]))
    assert {row["stream"] for row in rows} == {"joint", "bone", "both"}
    both = next(row for row in rows if row["stream"] == "both")
    single = next(row for row in rows if row["stream"] == "joint")
    assert both["parameters"] == 2 * single["parameters"]
    assert "MLP" in text
    assert (out / "report" / "leaderboard.csv").read_text().count("\n") == 4
    assert r"\begin{tabular}" in (out / "report" / "leaderboard.tex").read_text()
    page = (out / "report" / "index.html").read_text()
    start = page.index('<script type="application/json" id="data">') + 42
    content = json.loads(page[start : page.index("</script>", start)].replace("<\\/", "</"))
    assert content["failed"][0]["name"] == "home broken joint seed 0"
    assert content["tasks"][0]["mistakes"]["clips"]
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")


def test_equal_cells_give_equal_accuracies(ran, tmp_path):
    _, plan, _ = ran
    again = plan_suite(plan.suite, tmp_path, only=["mlp.joint"])
    assert run_plan(again) == ()
    first = next(cell for cell in plan.cells if cell.job.name == again.cells[0].job.name)
    assert first.key == again.cells[0].key
    read = [
        json.loads((c.run_folder / "results.json").read_text()) for c in (first, again.cells[0])
    ]
    assert read[0]["metrics"] == read[1]["metrics"]


def test_a_changed_configuration_makes_a_new_cell(ran):
    _, plan, _ = ran
    cell = next(cell for cell in plan.cells if cell.job.method == "mlp")
    config = to_plain(compose(cell.job.overrides))
    assert cell_key(config) == cell.key
    assert cell_key({**config, "name": "other"}) == cell.key
    changed = cell_key({**config, "seed": 7})
    assert changed.config != cell.key.config
    assert changed.data == cell.key.data


def test_older_code_counts_only_on_request(ran):
    out, plan, _ = ran
    cell = next(cell for cell in plan.cells if cell.status == FINISHED)
    record = json.loads((cell.folder / CELL).read_text())
    older = Cell(cell.job, CellKey(cell.key.config, "older", cell.key.data), cell.folder)
    (cell.folder / CELL).write_text(json.dumps({**record, "key": {**record["key"], "code": "x"}}))
    assert older.key.short != cell.key.short
    kept = plan_suite(plan.suite, out, keep_older_code=True, only=[cell.job.name])
    assert kept.cells[0].folder == cell.folder
    (cell.folder / CELL).write_text(json.dumps(record))


def test_what_cannot_be_shown_or_started_is_told(ran, tmp_path):
    _, plan, _ = ran
    with pytest.raises(HarError, match="no folder of a benchmark"):
        gather([tmp_path])
    with pytest.raises(ConfigError, match="give one of local, joblib"):
        run_plan(plan, launcher="slurm")
    with pytest.raises(ConfigError, match="leaves no cell"):
        plan_suite(plan.suite, tmp_path, only=["nothing"])


def test_wrong_overrides_are_told_before_anything_runs(tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text(
        "title: W\ntasks: {home: [experiment=smoke]}\nmethods: {a: [data.bach_size=2]}\n"
    )
    with pytest.raises(ConfigError, match="bach_size"):
        plan_suite(load_suite(str(path)), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_two_processes_of_a_launcher_of_hydra(ran, tmp_path):
    reason = "needs the extra launchers"
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher", reason=reason)
    _, plan, _ = ran
    two = plan_suite(plan.suite, tmp_path, only=["mlp.joint", "mlp.bone"])
    assert run_plan(two, launcher="joblib", jobs=2) == ()
    assert {cell.status for cell in two.cells} == {FINISHED}
