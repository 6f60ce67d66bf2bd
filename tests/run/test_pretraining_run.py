"""Pre-training without labels, what starts from it, and probes of it."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from run_helper import assert_equal_weights, read_metrics, read_results, read_weights

from har.audit.planting import copy_with_labels
from har.cli import main
from har.config.compose import compose, to_plain
from har.data.store import ClipStore
from har.errors import CheckpointError, ConfigError
from har.run import pretrain, probe, train
from har.run.probing import ProbeData
from har.run.training import RunResult
from har.samples import UNLABELLED
from har.training.callbacks import SeedEveryStep

SHARED = (
    "data.adapter_options.clips=80",
    "data.batch_size=16",
    "data.eval_batch_size=32",
    "model/backbone=mamp_small",
    "model.backbone.width=16",
    "model.backbone.layers=1",
    "sampling.frames=8",
    "trainer.accelerator=cpu",
    "trainer.max_epochs=2",
    "trainer.progress_bar=false",
    "evaluation.bootstrap=10",
    "evaluation.examples=0",
)
TASK = ("pretraining.width=16", "pretraining.heads=2")


def pretraining(*overrides: str) -> dict:
    return to_plain(compose(["experiment=mamp_synthetic", *SHARED, *TASK, *overrides]))


def training(*overrides: str) -> dict:
    return to_plain(compose(["experiment=smoke", "optimizer=adamw", *SHARED, *overrides]))


@pytest.fixture(scope="module")
def pretrained(workplace: Path) -> RunResult:
    return pretrain(pretraining("name=pretrained"))


@pytest.fixture(scope="module")
def encoder(pretrained: RunResult) -> Path:
    return pretrained.folder / "encoder.ckpt"


def test_a_run_leaves_its_record(pretrained):
    left = {path.name for path in pretrained.folder.iterdir()}
    assert left >= {"config.yaml", "metrics.csv", "results.json", "encoder.ckpt", "checkpoints"}
    results = read_results(pretrained.folder)
    assert results["reconstruction"]["val"]["loss"] == pretrained.score
    assert results["reconstruction"]["test"]["tokens"] > 1000
    parts = results["split"]
    assert not set(parts["train"]["subjects"]) & set(parts["test"]["subjects"])
    rows = read_metrics(pretrained.folder)
    assert [row["epoch"] for row in rows] == ["0", "1"]
    assert min(float(row["val/loss"]) for row in rows) == pytest.approx(pretrained.score)


def test_labels_change_nothing(pretrained, tmp_path):
    store = ClipStore.open(Path(pretraining()["data"]["store"]))
    nothing_known = np.full(len(store), UNLABELLED)
    copy_with_labels(store, nothing_known, tmp_path / "store")
    again = pretrain(pretraining("name=unlabelled", f"data.store={tmp_path / 'store'}"))
    assert_equal_weights(read_weights(again.folder), read_weights(pretrained.folder))
    clips = again.results["split"]["train"]["clips"]
    assert again.results["unlabelled_training_clips"] == clips


def test_a_stopped_run_goes_on_as_if_it_had_not_stopped(pretrained):
    begin, epoch = SeedEveryStep.on_train_batch_start, 1

    def begin_or_stop(self, trainer, pl_module, data, batch_idx) -> None:
        if (trainer.current_epoch, batch_idx) == (epoch, 1):
            raise InterruptedError
        begin(self, trainer, pl_module, data, batch_idx)

    config = pretraining("name=stopped")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SeedEveryStep, "on_train_batch_start", begin_or_stop)
        with pytest.raises(InterruptedError):
            pretrain(config)
    resumed = pretrain(pretraining("name=stopped", "resume=true"))
    assert_equal_weights(read_weights(resumed.folder), read_weights(pretrained.folder))
    assert read_metrics(resumed.folder) == read_metrics(pretrained.folder)
    assert resumed.results["reconstruction"] == pretrained.results["reconstruction"]


def test_a_classifier_starts_from_the_encoder(encoder):
    no_steps = ("optimizer.factory.lr=0.0", "trainer.max_epochs=1")
    run = train(training("name=started", f"weights={encoder}", *no_steps))
    given = torch.load(encoder, weights_only=True)["state_dict"]
    weights = read_weights(run.folder)
    assert given.keys() == {name for name in weights if ".backbone." in name}
    assert_equal_weights(given, {name: weights[name] for name in given})


def test_pre_training_goes_on_from_an_encoder(encoder):
    no_steps = ("optimizer.factory.lr=0.0", "trainer.max_epochs=1")
    run = pretrain(pretraining("name=goes_on", f"weights={encoder}", *no_steps))
    kept = torch.load(run.folder / "encoder.ckpt", weights_only=True)["state_dict"]
    assert_equal_weights(kept, torch.load(encoder, weights_only=True)["state_dict"])


def test_a_probe_of_the_command_line_writes_scores_with_intervals(encoder, capsys):
    assert main(["probe", f"ckpt={encoder}", "knn"]) == 0
    printed = capsys.readouterr().out
    assert "95 % interval" in printed
    assert "tested on" in printed
    found = json.loads((encoder.parent / "encoder_probe_synthetic_home_knn.json").read_text())
    low, high = found["probes"]["knn"]["intervals"]["top1"]
    assert low <= found["probes"]["knn"]["metrics"]["top1"] <= high
    assert found["labelled_clips"]["test"] == found["split"]["test"]["clips"]
    assert list(found["probes"]) == ["knn"]


def test_an_untrained_model_is_another_one(encoder, tmp_path):
    trained = probe(encoder, out=tmp_path / "a.json")["probes"]
    drawn = probe(encoder, out=tmp_path / "b.json", untrained=True)["probes"]
    assert trained.keys() == drawn.keys() == {"knn", "linear"}
    assert trained["linear"]["validation_top1"] != drawn["linear"]["validation_top1"]


def test_a_trained_classifier_can_be_probed(finished, tmp_path):
    best = finished.folder / "checkpoints" / "best.ckpt"
    assert (
        probe(best, ["linear"], out=tmp_path / "c.json")["probes"]["linear"]["metrics"]["top1"] > 0
    )


def test_clips_without_labels_are_left_out_of_a_probe(encoder, tmp_path):
    store = ClipStore.open(Path(pretraining()["data"]["store"]))
    labels = store.index.label.copy()
    labels[::3] = UNLABELLED
    copy_with_labels(store, labels, tmp_path / "store")
    found = probe(encoder, ["knn"], tmp_path / "d.json", ProbeData(store=tmp_path / "store"))
    assert sum(found["labelled_clips"].values()) == int((labels != UNLABELLED).sum())


def test_the_checkpoint_with_the_decoder_is_told_from_the_encoder(pretrained):
    with pytest.raises(
        CheckpointError, match=r"best.ckpt has an encoder and its decoder: give enc"
    ):
        probe(pretrained.folder / "checkpoints" / "best.ckpt")


def test_all_mistakes_of_a_probe_are_told(capsys):
    assert main(["probe", "ckpt=x", "liner"]) == 2
    assert "'liner' is no probe. Did you mean 'linear'" in capsys.readouterr().err
    assert main(["probe", "untrained=maybe"]) == 2
    message = capsys.readouterr().err
    assert "'maybe' is neither true nor false" in message
    assert "ckpt=<file> is missing" in message


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("model/backbone=stgcnpp_small",), "STGCNPP has no tokens that could be hidden"),
        (("checkpoint.monitor=val/top1", "checkpoint.mode=max"), "there is val/loss only"),
        (("mixing=mixup",), "pretraining reads none: mixing=none"),
        (("data.balance=class",), "data.balance=class needs labels"),
        (("model=multi_stream", "model/backbone=mamp_small"), "one backbone, model=multi_stream"),
        (("model/fusion=gated", "stream=joint_bone"), "would be trained too"),
    ],
)
def test_what_cannot_be_pre_trained_is_told(overrides, message):
    words = [word for word in SHARED if not (word.startswith("model") and "stgcn" in overrides[0])]
    config = compose(["experiment=mamp_synthetic", *words, *TASK, *overrides])
    with pytest.raises(ConfigError, match=message):
        pretrain(to_plain(config))
