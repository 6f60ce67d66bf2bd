"""Which cells count, and what becomes of those that cannot be read, on records made by hand."""

import fcntl
import json
import subprocess
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from har.benchmark.cell import Cell, finished_run, make_cell, run_cell
from har.benchmark.columns import COLUMNS, shown
from har.benchmark.fingerprint import CellKey
from har.benchmark.gather import gather
from har.benchmark.leaderboard import leaderboard
from har.benchmark.report import write_report
from har.benchmark.runner import run_in_process
from har.benchmark.suite import Job
from har.cli.benchmark import _visible_gpus
from har.errors import HarError
from har.evaluation.predictions import Predictions
from har.evaluation.summary import evaluate
from har.record import provenance, write_json_atomic

CLIPS = [f"clip{number}" for number in range(12)]
LABELS = np.arange(12) % 3
PROVENANCE = provenance()
SUITE = {"name": "s", "title": "S", "about": "", "budgets": {"S": ""}, "fusions": []}


def predictions(right: int, clips=CLIPS) -> Predictions:
    """Return predictions that are right about the first clips only."""
    taken = np.where(np.arange(12) < right, LABELS, (LABELS + 1) % 3)
    subjects = [f"p{number % 4}" for number in range(12)]
    return Predictions(
        np.eye(3)[taken] * 0.7 + 0.1, LABELS, clips, subjects, [""] * 12, ("a", "b", "c")
    )


def suite(folder, **changes):
    labels = {"task": "Task", "one": "One", "two": "Two"}
    write_json_atomic(folder / "suite.json", {**SUITE, "labels": labels, **changes})
    return folder


def add_cell(folder, name, key=("config", "code", "data"), status="finished", right=6, **changes):
    """Write a cell ``<job>.<digits>`` of a task with what the report reads of it."""
    words = name.split(".")
    job = dict(zip(("task", "method", "stream"), words, strict=False))
    job["seed"] = int(words[3].removeprefix("seed"))
    place = folder / "cells" / name
    record = {
        "status": status,
        "job": job,
        "key": dict(zip(("config", "code", "data"), key, strict=True)),
        "command": "python train.py",
        "provenance": PROVENANCE,
        **changes,
    }
    write_json_atomic(place / "cell.json", record)
    if status == "finished":
        run = place / "run" / "now"
        summary = evaluate(predictions(right), bootstrap=0)
        cost = {"cost": {"training_seconds": 1.0}, "data_fingerprint": "f", "dataset_name": "toy"}
        write_json_atomic(run / "results.json", {**summary["metrics"], **summary, **cost})
        predictions(right).write(run / "predictions.parquet")
        (run / "config.yaml").write_text("data: {store: null}\n")
        (run / "metrics.csv").write_text("epoch,train/loss\n0,1.0\n")
    return place


def test_cells_that_the_newest_plan_has_left_behind_do_not_count(tmp_path):
    plan = {"task.one.joint.seed0": "task.one.joint.seed0.new"}
    folder = suite(tmp_path, cells=plan)
    add_cell(folder, "task.one.joint.seed0.old", key=("fewer epochs", "code", "data"), right=9)
    add_cell(folder, "task.one.joint.seed0.new", status="waiting")
    with pytest.raises(HarError, match=r"no cell of .* has finished yet"):
        gather([folder])
    add_cell(folder, "task.one.joint.seed0.before", key=("config", "older code", "data"), right=3)
    found = gather([folder])
    assert found.entries[0].values("top1") == [0.25]
    assert found.open_cells == ("task.one.joint.seed0.new",)


def test_seeds_from_before_the_suite_was_changed_do_not_share_a_mean(tmp_path):
    plan = {"task.one.joint.seed0": "task.one.joint.seed0.new"}
    asked = {f"task.one.joint.seed{seed}": ["epochs=9", f"seed={seed}"] for seed in (0, 1)}
    folder = suite(tmp_path, cells=plan, overrides=asked)
    for name, epochs in (("seed0.old", 2), ("seed0.new", 9), ("seed1.old", 2)):
        place = add_cell(folder, f"task.one.joint.{name}", key=(name, "code", "data"))
        record = json.loads((place / "cell.json").read_text())
        record["job"]["overrides"] = [f"epochs={epochs}", f"seed={record['job']['seed']}"]
        write_json_atomic(place / "cell.json", record)
    found = gather([folder])
    assert [run.seed for run in found.entries[0].runs] == [0]
    assert found.open_cells == ("task.one.joint.seed1 (made before the suite was changed)",)


def test_a_failure_that_was_mended_is_told_no_more(tmp_path):
    folder = suite(tmp_path, cells={"task.one.joint.seed0": "task.one.joint.seed0.new"})
    add_cell(folder, "task.one.joint.seed0.old", ("config", "bug", "data"), "failed", error="bug")
    add_cell(folder, "task.one.joint.seed0.killed", ("config", "bug", "data"), "running")
    add_cell(folder, "task.one.joint.seed0.new")
    assert (gather([folder]).failed, gather([folder]).open_cells) == ((), ())
    suite(tmp_path)
    assert (gather([folder]).failed, gather([folder]).open_cells) == ((), ())


def test_folders_with_other_runs_of_one_name_are_not_mixed(tmp_path):
    one, other = suite(tmp_path / "one"), suite(tmp_path / "other")
    add_cell(one, "task.one.joint.seed0.x")
    add_cell(other, "task.one.joint.seed0.y", key=("other config", "code", "data"))
    with pytest.raises(HarError, match=r"task.one.joint.seed0 is in .*one and in .*separately"):
        gather([one, other])
    add_cell(other, "task.one.joint.seed0.y", key=("config", "newer code", "data"))
    assert len(gather([one, other]).entries) == 1


def test_methods_that_were_tested_on_different_clips_are_not_compared(tmp_path):
    folder = suite(tmp_path)
    add_cell(folder, "task.one.joint.seed0.x")
    place = add_cell(folder, "task.two.joint.seed0.x")
    others = predictions(6, clips=[f"other{name}" for name in CLIPS])
    others.write(place / "run" / "now" / "predictions.parquet")
    with pytest.raises(HarError, match="cells of task were tested on different clips"):
        gather([folder])


def test_cells_that_cannot_be_read_are_told_and_the_others_shown(tmp_path):
    folder = suite(tmp_path)
    add_cell(folder, "task.one.joint.seed0.x")
    (add_cell(folder, "task.two.joint.seed0.x") / "cell.json").write_text('{"status": "fini')
    lost = add_cell(folder, "task.two.joint.seed1.x")
    (lost / "run" / "now" / "predictions.parquet").unlink()
    write_report([folder], tmp_path / "report")
    found = gather([folder])
    assert [entry.name for entry in found.entries] == ["One joint"]
    errors = [record["error"] for record in found.failed]
    assert "cell.json is not valid JSON" in errors[0]
    assert "There is no predictions file" in errors[1]


def test_a_fusion_that_cannot_be_made_is_told_and_the_streams_shown(tmp_path):
    tuned = {"name": "both", "of": ["joint", "bone"], "weights": "tuned"}
    even = {"name": "even", "of": ["joint", "bone"], "weights": None}
    folder = suite(tmp_path, fusions=[tuned, tuned, even])
    add_cell(folder, "task.one.joint.seed0.x", right=12)
    add_cell(folder, "task.one.bone.seed0.x")
    add_cell(folder, "task.one.bone.seed1.x")
    found = gather([folder])
    assert [(entry.stream, len(entry.runs)) for entry in found.entries] == [
        ("bone", 2), ("joint", 1), ("even", 1),
    ]  # fmt: skip
    (told,) = found.failed
    assert "give the weights as numbers, or a validation part" in told["error"]


def test_labels_of_any_text_stay_whole_and_apart(tmp_path):
    label = "<!--<script>|50 % & {x}~^\\ \n_"
    labels = {"task": "Task {{data}}", "one": label, "two": label}
    folder = suite(tmp_path, labels=labels, title="S {{data}} </title>")
    add_cell(folder, "task.one.joint.seed0.x")
    add_cell(folder, "task.two.joint.seed0.x")
    write_report([folder], tmp_path)
    names = {entry.name for entry in gather([folder]).entries}
    assert names == {f"{label} (one) joint", f"{label} (two) joint"}
    latex = (tmp_path / "leaderboard.tex").read_text()
    escaped = r"\textless{}!--\textless{}script\textgreater{}|50 \% \& \{x\}\textasciitilde{}"
    assert escaped + r"\textasciicircum{}\textbackslash{} \_ (one)" in latex
    rows = (tmp_path / "leaderboard.md").read_text().splitlines()
    assert len({row.replace(r"\|", "").count("|") for row in rows if row.startswith("|")}) == 1
    page = (tmp_path / "index.html").read_text()
    assert "<title>S {{data}} &lt;/title&gt;</title>" in page
    data = page.partition('id="data">')[2].partition("</script>")[0]
    assert json.loads(data)["tasks"][0]["rows"][0]["label"].startswith(label)
    assert "<" not in data


def test_a_measure_that_one_seed_lacks_does_not_break_the_report(tmp_path):
    folder = suite(tmp_path)
    graph = {"latency": {"p50_ms": 2.0}, "bytes": 2**20}
    graph["parity"] = {"max_difference": float("nan"), "top1_agreement": 1.0}
    add_cell(folder, "task.one.joint.seed0.x", exports={"fp32": graph}, speed={})
    place = add_cell(folder, "task.one.joint.seed1.x")
    (place / "run" / "now" / "metrics.csv").unlink()
    write_report([folder], tmp_path)
    page = (tmp_path / "index.html").read_text()
    data = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
    (row,) = data["tasks"][0]["exports"]
    assert (row["p50_ms"], row["agreement"], row["max_difference"]) == (2.0, 1.0, None)
    assert json.loads((tmp_path / "leaderboard.json").read_text())[0]["onnx_ms"] is None


def test_tasks_come_in_the_order_of_the_suite(tmp_path):
    folder = suite(tmp_path, labels={"zoo": "Z", "ant": "A", "one": "One"})
    add_cell(folder, "ant.one.joint.seed0.x")
    add_cell(folder, "zoo.one.joint.seed0.x")
    assert [row["task"] for row in leaderboard(gather([folder]))] == ["zoo", "ant"]


def test_a_number_is_written_with_three_digits():
    latency = next(column for column in COLUMNS if column.key == "latency_ms")
    values = (0.04567, 12.345, 999.4, 999.7, 1234.5)
    told = [shown({"latency_ms": value}, latency) for value in values]
    assert told == ["0.0457", "12.3", "999", "1000", "1234"]


def test_what_a_training_cost_is_kept_when_its_measures_failed(tmp_path):
    job = Job("task", "one", "joint", 0, ())
    cell = Cell(job, CellKey("config", "code", "data"), tmp_path / "cells" / f"{job.name}.x")
    make_cell(cell, "s")
    assert "training" not in cell.record
    add_cell(tmp_path, cell.folder.name, training={"energy_joules": 5.0})
    write_json_atomic(cell.folder / "cell.json", {**cell.record, "status": "failed"})
    make_cell(cell, "s")
    assert (cell.status, cell.record["training"]) == ("waiting", {"energy_joules": 5.0})


def test_a_cell_that_another_process_works_on_is_waited_for(tmp_path):
    folder = add_cell(tmp_path, "task.one.joint.seed0.x")
    finished = (folder / "cell.json").read_bytes()
    record = json.loads(finished)
    write_json_atomic(folder / "cell.json", {**record, "status": "running"})
    with ThreadPoolExecutor(1) as pool:
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            waits = pool.submit(run_cell, folder)
            with pytest.raises(TimeoutError):
                waits.result(timeout=0.3)
            (folder / "cell.json").write_bytes(finished)
        assert waits.result(timeout=60)
    assert (folder / "cell.json").read_bytes() == finished


@pytest.mark.parametrize("status", ["running", "waiting", "finished"])
def test_a_process_that_dies_fails_its_cell_unless_it_had_finished(tmp_path, monkeypatch, status):
    folder = add_cell(tmp_path, "task.one.joint.seed0.x", status=status)
    death = ["bash", "-c", "kill -9 $$"]
    run = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda command, **kinds: run(death, **kinds))
    run_in_process(folder)
    record = json.loads((folder / "cell.json").read_text())
    assert record["status"] == ("finished" if status == "finished" else "failed")
    assert ("ended by signal 9" in record.get("error", "")) == (status != "finished")


def test_children_see_the_gpus_that_this_process_may_use(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert _visible_gpus() == ["0", "1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    assert _visible_gpus() == ["3", "5"]


def test_a_finished_cell_is_not_run_again_by_a_second_process(tmp_path):
    folder = add_cell(tmp_path, "task.one.joint.seed0.x")
    before = (folder / "cell.json").read_bytes()
    assert run_cell(folder)
    assert (folder / "cell.json").read_bytes() == before
    assert finished_run(folder) == folder / "run" / "now"
