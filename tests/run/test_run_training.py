import json
import math
from pathlib import Path

import pytest
import torch
import yaml
from run_helper import (
    RANDOM,
    assert_equal_weights,
    make_config,
    read_metrics,
    read_results,
    read_weights,
)

from har.errors import ConfigError, StoreError
from har.run import train
from har.run.checkpoints import read_checkpoint
from har.training.module import RecognitionModule

METRICS = ("top1", "top5", "mean_class_accuracy", "macro_f1")


def test_a_run_leaves_everything_in_its_folder(finished, workplace):
    assert finished.folder.parent == workplace / "runs" / "finished"
    names = {path.name for path in finished.folder.iterdir()}
    assert names >= {
        "config.yaml",
        "results.json",
        "metrics.csv",
        "predictions.parquet",
        "model_card.md",
        "skipped.csv",
        "training_curves.png",
        "checkpoints",
    }
    checkpoints = {path.name for path in (finished.folder / "checkpoints").iterdir()}
    assert checkpoints == {"best.ckpt", "last.ckpt"}


def test_the_stored_configuration_is_the_resolved_one(finished):
    stored = yaml.safe_load((finished.folder / "config.yaml").read_text())
    assert stored == make_config("name=finished", *RANDOM)
    assert read_checkpoint(finished.folder / "checkpoints/last.ckpt")["har"]["config"] == stored


def test_metrics_have_one_row_an_epoch(finished):
    rows = read_metrics(finished.folder)
    assert [row["epoch"] for row in rows] == ["0", "1", "2"]
    for row in rows:
        assert all(math.isfinite(float(value)) for value in row.values())
    assert set(rows[0]) >= {"train/loss", "train/top1", "val/loss", "val/top1"}


def test_results_are_complete_and_plain_json(finished):
    results = read_results(finished.folder)
    assert results == json.loads(json.dumps(results))
    assert all(0 <= results[name] <= 1 for name in METRICS)
    assert results["experiment"] == "finished"
    assert results["cost"]["epochs"] == 3
    subjects = [set(results["split"][part]["subjects"]) for part in ("train", "val", "test")]
    assert not set.intersection(*subjects)
    assert [results["split"][part]["clips"] for part in ("train", "val", "test")] == [40, 20, 20]


def test_the_score_is_that_of_the_best_validated_epoch(finished):
    values = [float(row["val/mean_class_accuracy"]) for row in read_metrics(finished.folder)]
    assert finished.score == pytest.approx(max(values))
    best = read_checkpoint(finished.folder / "checkpoints/best.ckpt")
    assert best["epoch"] == values.index(max(values))


def test_the_last_checkpoint_knows_the_best_epoch_up_to_itself(finished):
    states = read_checkpoint(finished.folder / "checkpoints/last.ckpt")["callbacks"]
    (state,) = (s for name, s in states.items() if "'val/mean_class_accuracy'" in name)
    assert float(state["best_model_score"]) == finished.score


@pytest.mark.slow
def test_the_same_seed_repeats_a_run_and_another_does_not(finished):
    torch.manual_seed(12345)  # the caller's own random numbers do not matter
    torch.rand(7)
    again = train(make_config("name=again", *RANDOM))
    other = train(make_config("name=other", "seed=1", *RANDOM))
    assert read_metrics(again.folder) == read_metrics(finished.folder)
    assert_equal_weights(read_weights(again.folder), read_weights(finished.folder))
    assert read_metrics(other.folder) != read_metrics(finished.folder)


def test_without_a_validation_part_the_last_epoch_is_taken():
    run = train(make_config("name=unvalidated", "protocol.validation=null", "trainer.max_epochs=1"))
    assert math.isnan(run.score)
    assert read_results(run.folder)["checkpoint"] == "last.ckpt"
    assert not (run.folder / "checkpoints/best.ckpt").exists()
    assert "val/loss" not in read_metrics(run.folder)[0]


@pytest.mark.slow
def test_validation_every_other_epoch(monkeypatch):
    _script_validation(monkeypatch, {1: 0.25, 3: 0.5})
    run = train(
        make_config("name=rare", "trainer.check_val_every_n_epoch=2", "trainer.max_epochs=5")
    )
    assert [row["val/top1"] for row in read_metrics(run.folder)] == ["", "0.25", "", "0.5", ""]
    assert run.score == 0.5
    assert read_checkpoint(run.folder / "checkpoints/best.ckpt")["epoch"] == 3
    assert read_checkpoint(run.folder / "checkpoints/last.ckpt")["epoch"] == 4


def _script_validation(monkeypatch, scores: dict[int, float]) -> None:
    def log_scripted(module: RecognitionModule) -> None:
        module.collect_outputs()
        score = scores[module.current_epoch]
        module.log_dict({"val/top1": score, "val/mean_class_accuracy": score, "val/loss": score})

    monkeypatch.setattr(RecognitionModule, "on_validation_epoch_end", log_scripted)


@pytest.mark.slow
def test_the_validation_loss_is_the_mean_over_clips_and_views():
    sampling = ("sampling=uniform", "sampling.frames=8", "sampling.test.views=3")
    overrides = ("name=views", *sampling, "trainer.max_epochs=1")
    runs = [train(make_config(*overrides, f"data.eval_batch_size={size}")) for size in (3, 20)]
    first, second = (float(read_metrics(run.folder)[0]["val/loss"]) for run in runs)
    assert first == pytest.approx(second, abs=1e-5)
    assert read_results(runs[0].folder)["top1"] == read_results(runs[1].folder)["top1"]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["checkpoint.monitor=val/top"],
            r"monitor=val/top: no such metric\. Did you mean 'val/top1'",
        ),
        (["checkpoint.monitor=val/loss"], r"mode=max would keep the worst val/loss: set it to min"),
        (["trainer.check_val_every_n_epoch=4"], r"validates none of the 3 epochs"),
    ],
)
def test_a_choice_of_the_best_epoch_that_cannot_work_is_refused_at_once(overrides, message):
    with pytest.raises(ConfigError, match=message):
        train(make_config("name=refused", *overrides))
    assert not Path(make_config()["paths"]["runs"], "refused").exists()


def test_a_generated_store_made_with_other_options_is_refused(workplace):
    store = make_config()["data"]["store"]
    overrides = ("data.adapter_options.clips=60", f"data.store={store}")
    with pytest.raises(StoreError, match=r"generated with clips=80, not 60: choose a folder"):
        train(make_config("name=refused", *overrides))


def test_a_missing_store_of_recorded_clips_is_told_with_the_way_to_prepare_it(tmp_path):
    config = make_config("data=nwucla", f"data.store={tmp_path}/nowhere", "protocol=cross_view")
    with pytest.raises(StoreError, match=r"(?s)nowhere.*Prepare it with"):
        train(config)
