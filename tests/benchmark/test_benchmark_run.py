"""A benchmark of tiny runs: cells, failures, going on, and the report."""

import json
import os
import shutil

import pytest

from har.benchmark.cell import CELL, FAILED, FINISHED, RUNNING, Cell, finished_run
from har.benchmark.fingerprint import CellKey, cell_key
from har.benchmark.gather import gather
from har.benchmark.leaderboard import leaderboard
from har.benchmark.locks import is_held
from har.benchmark.report import write_report
from har.benchmark.runner import plan_suite, remeasure, run_plan
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
measure: [latency, onnx, robustness, to_target]
target: 0.01
onnx: {precisions: [fp32], hops: [4], clips: 8}
robustness: {corruptions: [joint_dropout, frame_rate], severities: [3], clips: 8}
baseline: mlp
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


def test_a_cell_has_what_the_suite_asks_to_be_measured(ran):
    _, plan, _ = ran
    record = next(cell for cell in plan.cells if cell.status == FINISHED).record
    assert record["exports"]["fp32"]["latency"]["p90_ms"] > 0
    assert record["exports"]["fp32"]["parity"]["max_difference"] < 1e-4
    assert "no step-wise form" in record["exports"]["hop4"]["refused"]
    tested = record["robustness"]["datasets"]["synthetic_home"]
    assert tested["clips"] == 8
    assert set(tested["by_corruption"]) == {"joint_dropout", "frame_rate"}
    assert record["robustness"]["subset"]["severities"] == [3]
    assert record["to_target"]["part"] == "val"
    assert record["inference"]["clocks"].keys() == {"cpu_mhz", "gpus"}


def test_measures_that_are_asked_for_are_taken_again_and_the_others_stay(ran):
    out, plan, _ = ran
    name = "mlp.bone"
    before = next(cell for cell in plan.cells if name in cell.job.name).record
    remeasure(plan_suite(plan.suite, out, only=[name], measure=["to_target"]))
    after = next(cell for cell in plan.cells if name in cell.job.name).record
    assert after["measure"] == before["measure"]
    assert after["inference"] == before["inference"]
    assert after["exports"] == before["exports"]
    assert after["to_target"] == before["to_target"]
    assert "measured" in after
    assert "measured" not in before
    planned = json.loads((out / "suite.json").read_text())["cells"]
    assert planned == {cell.job.name: cell.folder.name for cell in plan.cells}


def test_a_killed_cell_takes_the_measures_of_the_next_start(ran, tmp_path):
    _, plan, _ = ran
    joint = next(cell for cell in plan.cells if "mlp.joint" in cell.job.name)
    folder = tmp_path / "cells" / joint.folder.name
    shutil.copytree(joint.folder, folder)
    killed = {k: v for k, v in joint.record.items() if k not in ("inference", "exports")}
    (folder / CELL).write_text(json.dumps({**killed, "status": RUNNING}))
    assert not is_held(folder)
    none = plan_suite(plan.suite, tmp_path, only=["mlp.joint"], measure=[])
    assert run_plan(none) == ()
    record = none.cells[0].record
    assert record["status"] == FINISHED
    assert record["measure"] == []
    assert record["training"] == joint.record["training"]
    assert not {"inference", "exports"} & record.keys()
    assert finished_run(folder).name == finished_run(joint.folder).name


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
    assert content["tasks"][0]["robustness"]["columns"] == ["clean", "joint_dropout", "frame_rate"]
    assert {graph["graph"] for graph in content["tasks"][0]["exports"]} == {"fp32", "hop4"}
    assert single["mce"] == pytest.approx(1.0)
    assert both["mce"] is None
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")


def test_the_page_can_be_read_by_keyboard_and_on_a_phone(ran):
    selenium = pytest.importorskip("selenium.webdriver", reason="needs selenium")
    keys = pytest.importorskip("selenium.webdriver.common.keys", reason="needs selenium").Keys
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        pytest.skip("needs chromium and chromedriver")
    out, _, _ = ran
    write_report([out], out / "report")
    options = selenium.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu"):
        options.add_argument(flag)
    # A window is no narrower than some 500 pixels; a phone is emulated.
    phone = {"deviceMetrics": {"width": 390, "height": 800, "pixelRatio": 1.0}}
    options.add_experimental_option("mobileEmulation", phone)
    service = selenium.ChromeService(shutil.which("chromedriver"))
    with selenium.Chrome(options=options, service=service) as browser:
        browser.get((out / "report" / "index.html").as_uri())
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
        for _ in range(10):
            browser.switch_to.active_element.send_keys(keys.TAB)
            if browser.switch_to.active_element.text == "top-1 %":
                break
        browser.switch_to.active_element.send_keys(keys.ENTER)
        header = browser.find_element("css selector", "th[aria-sort]")
        assert header.text.startswith("top-1 %")
        assert header.get_attribute("aria-sort") == "descending"
        shown = browser.find_elements("css selector", "table tbody tr td:nth-child(3)")[:3]
        values = [float(cell.get_attribute("textContent")) for cell in shown]
        assert values == sorted(values, reverse=True)


def test_equal_cells_give_equal_accuracies(ran, tmp_path):
    _, plan, _ = ran
    again = plan_suite(plan.suite, tmp_path, only=["mlp.joint"])
    assert run_plan(again) == ()
    first = next(cell for cell in plan.cells if cell.job.name == again.cells[0].job.name)
    assert first.key == again.cells[0].key
    read = [
        json.loads((finished_run(cell.folder) / "results.json").read_text())
        for cell in (first, again.cells[0])
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
    peer = {"_target_": "har.benchmark.peers.PeerBackbone", "model": "stgcn"}
    changed = cell_key({**config, "model": {**config["model"], "backbone": peer}})
    assert changed.code != cell.key.code


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
    with pytest.raises(ConfigError, match=r"no cell of tiny has 'mpl' in its name\. Did you mean"):
        plan_suite(plan.suite, tmp_path, only=["joint", "mpl"])


def test_wrong_overrides_are_told_before_anything_runs(tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text(
        "title: W\ntasks: {home: [experiment=smoke]}\nmethods: {a: [data.bach_size=2]}\n"
    )
    with pytest.raises(ConfigError, match="bach_size"):
        plan_suite(load_suite(str(path)), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_task_of_several_datasets_and_a_suite_without_cells_are_refused(tmp_path):
    path = tmp_path / "many.yaml"
    path.write_text("title: M\ntasks: {t: [experiment=cross_dataset]}\nmethods: {a: []}\n")
    with pytest.raises(ConfigError, match="tested on several datasets"):
        plan_suite(load_suite(str(path)), tmp_path / "out")
    path.write_text("title: N\ninclude: [nwucla]\nonly: {methods: [posec3d], streams: [bone]}\n")
    with pytest.raises(ConfigError, match="many has no cell"):
        plan_suite(load_suite(str(path)), tmp_path / "out")


def test_two_processes_of_a_launcher_of_hydra(ran, tmp_path):
    reason = "needs the extra launchers"
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher", reason=reason)
    _, plan, _ = ran
    two = plan_suite(plan.suite, tmp_path, only=["mlp.joint", "mlp.bone"])
    assert run_plan(two, launcher="joblib", jobs=2) == ()
    assert {cell.status for cell in two.cells} == {FINISHED}
