"""Quality in a run and its report: what is left out, what is told, and where it is kept."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from run_helper import make_config

from har.cli import main
from har.data.store import ClipStore
from har.data.video_store import VideoStore
from har.errors import ConfigError, SplitError
from har.quality.video_pass import video_measures
from har.run import train
from har.run.assemble import assemble
from har.run.checkpoints import make_record
from har.run.quality.experiment import measured
from har.run.quality.report import calibrate, match, quality_report

RULES: list[dict[str, Any]] = [
    {"_target_": "har.quality.filters.Percentile", "measure": "jitter", "most": 75},
    {
        "_target_": "har.quality.filters.Percentile", "measure": "occlusion_ratio", "most": 60,
        "action": "weight", "weight": 0.25,
    },
    {"_target_": "har.quality.filters.Stratify", "measure": "view_angle_deg", "edges": [90]},
]  # fmt: skip


@pytest.fixture
def store(workplace: Path, tmp_path: Path) -> Path:
    """Return a copy of the tiny store."""
    return shutil.copytree(Path(make_config()["data"]["store"]), tmp_path / "tiny")


def test_training_leaves_out_and_testing_reports(workplace: Path) -> None:
    config = make_config("name=quality", "trainer.max_epochs=1")
    config["quality"]["filters"] = RULES
    run = train(config)
    found = json.loads((run.folder / "results.json").read_text())["quality"]
    assert found["train"]["dropped"] > 0
    assert found["train"]["weighed_less"] > 0
    tested = found["test"]["synthetic_home"]
    assert tested["clips"] == run.results["metrics"]["clips"]
    assert tested["accepted"]["clips"] + tested["rejected"]["clips"] == tested["clips"]
    assert tested["coverage"] == tested["accepted_clips"] / tested["clips"] < 1
    ranges = tested["by_condition"]["view_angle_deg"]
    assert sum(entry["clips"] for entry in ranges) == tested["clips"]
    skipped = (run.folder / "skipped.csv").read_text().splitlines()
    assert skipped[0] == "source,reason"
    assert sum("left out of training" in line for line in skipped) == found["train"]["dropped"]


def test_dropped_clips_are_not_drawn_and_weighed_ones_come_less_often(workplace: Path) -> None:
    config = make_config()
    config["quality"]["filters"] = RULES
    experiment = assemble(config, make_record(config))
    quality = experiment.quality
    assert quality is not None
    weight = quality.verdicts.weight
    assert (weight[experiment.split.train] > 0).all()
    assert len(experiment.split.test) == len(quality.before.test)
    drawn = np.concatenate(
        [request.rows for _ in range(3) for request in experiment.data.train_dataloader().sampler]
    )
    assert set(drawn.tolist()) <= set(experiment.split.train.tolist())
    rare = np.isin(drawn, np.flatnonzero(weight == 0.25)).mean()
    share = (weight[experiment.split.train] == 0.25).mean()
    assert rare < 0.6 * share


def test_filters_that_leave_nothing_are_refused(workplace: Path) -> None:
    config = make_config()
    config["quality"]["filters"] = [
        {
            "_target_": "har.quality.filters.Threshold",
            "measure": "jitter",
            "most": 0,
            "unknown": True,
        }
    ]
    with pytest.raises(SplitError, match=r"leave none of \d+ training clips \(jitter \d+\)"):
        assemble(config, make_record(config))
    config["quality"]["filters"][0]["measure"] = "jittr"
    with pytest.raises(ConfigError, match="no measure 'jittr' Did you mean 'jitter'"):
        assemble(config, make_record(config))


def test_measures_are_kept_beside_the_store(store: Path) -> None:
    opened = ClipStore.open(store)
    values = measured(opened)
    (kept,) = store.glob("quality-clip-*.parquet")
    again = measured(opened)
    assert all(np.array_equal(values[n], again[n], equal_nan=True) for n in values)
    kept.write_bytes(b"damaged")
    assert np.array_equal(measured(opened)["jitter"], values["jitter"], equal_nan=True)
    assert pq.read_table(kept).num_rows == len(opened)


def test_report_holds_numbers_and_pictures(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    content = quality_report(store, out, against=store, quality="strict", worst=2)
    assert content["clips"] == 80
    verdicts = content["verdicts"]
    assert verdicts["accepted"] + verdicts["dropped"] <= 80
    assert content["coverage"]["axes"] == ["distance_m", "yaw_deg", "occlusion_ratio"]
    assert content["comparison"]["measures"][0]["distance"] == 0
    assert json.loads((out / "quality.json").read_text())["data"] == "tiny"
    assert pq.read_table(out / "values.parquet").num_rows == 80
    lines = (out / "verdicts.csv").read_text().splitlines()
    assert lines[0] == "source,weight,score,reason"
    page = (out / "index.html").read_text()
    assert page.count("<article>") == 2
    assert "data:image/png;base64," in page
    assert "http" not in page.replace("http://www.w3.org", "")
    assert "$" not in page


def test_calibrated_rules_and_matched_augmentation_can_be_built(
    store: Path, tmp_path: Path
) -> None:
    calibrate(store, tmp_path / "mine.yaml", keep=95)
    rules = yaml.safe_load((tmp_path / "mine.yaml").read_text())["filters"]
    config = make_config()
    config["quality"]["filters"] = rules
    assert assemble(config, make_record(config)).quality is not None
    match(store, store, tmp_path / "aug.yaml")
    group = yaml.safe_load((tmp_path / "aug.yaml").read_text())
    assert group["normalise"]


def test_videos_that_cannot_be_read_are_listed(tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    pytest.importorskip("av")
    videos, out = tmp_path / "videos", tmp_path / "report"
    videos.mkdir()
    (videos / "broken.mp4").write_bytes(b"no video")
    content = quality_report(videos, out)
    assert content["clips"] == 0
    assert "broken.mp4" in content["unreadable"]
    assert "broken.mp4" in (out / "index.html").read_text()
    assert (out / "verdicts.csv").read_text().count("broken.mp4") >= 1


def test_command_tells_what_is_wrong(
    tmp_path: Path, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["quality", "measures", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {entry["kind"] for entry in listed} == {"pose", "video"}
    for arguments, told in (
        (["quality", "reprot"], "Did you mean 'report'"),
        (["quality", "report", f"data={tmp_path}"], "out=<path> is missing"),
        (["quality", "report", f"data={tmp_path}/no", f"out={tmp_path}/r"], "there is no"),
        (["quality", "report", f"data={store}", f"out={tmp_path}/r", "quality=strct"], "'strict'"),
    ):
        assert main(arguments) == 2
        assert told in capsys.readouterr().err


def test_stored_frames_are_measured(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cv2")
    videos = VideoStore.open(store)
    picture = np.random.default_rng(0).integers(0, 255, (3, 48, 64, 3)).astype(np.uint8)
    monkeypatch.setattr(VideoStore, "frames", lambda self, row: picture)
    values = measured(videos)
    assert values.keys() == video_measures().keys()
    assert len(values["noise"]) == len(videos.index)
    assert values["noise"].min() > 20
