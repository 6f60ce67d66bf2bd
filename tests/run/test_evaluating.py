import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from run_helper import make_config, read_results

from har.data.cards import load_card
from har.errors import CheckpointError, HarError, StoreError
from har.evaluation.predictions import Predictions
from har.run import evaluate, train
from har.run.assemble import open_store
from har.run.checkpoints import CheckpointFiles, read_checkpoint
from har.run.outputs import write_outputs


@pytest.fixture
def checkpoint(finished, tmp_path) -> Path:
    """Return a copy of the best checkpoint, away from its run."""
    return Path(shutil.copy(finished.folder / "checkpoints/best.ckpt", tmp_path / "model.ckpt"))


@pytest.fixture
def other_store(tmp_path) -> Path:
    """Return clips drawn with another seed."""
    config = make_config("data.adapter_options.seed=9", f"data.store={tmp_path}/other")
    open_store(load_card("synthetic_home"), config["data"])
    return tmp_path / "other"


def same_predictions(first: Path, second: Path) -> bool:
    one, two = (Predictions.read(folder / "predictions.parquet") for folder in (first, second))
    same_clips = np.array_equal(one.clip_ids, two.clip_ids)
    return same_clips and np.array_equal(one.probabilities, two.probabilities)


def test_a_checkpoint_alone_repeats_the_results(finished, checkpoint):
    run = evaluate(checkpoint)
    assert run.folder == checkpoint.parent / "evaluation"
    ours, theirs = read_results(run.folder), read_results(finished.folder)
    for key in ("metrics", "intervals", "split", "data_fingerprint", "seed", "protocol"):
        assert ours[key] == theirs[key], key
    assert all(ours[name] == theirs[name] for name in theirs["metrics"])
    assert same_predictions(run.folder, finished.folder)


def test_a_checkpoint_in_its_run_folder_is_evaluated_beside_the_run(finished):
    results = (finished.folder / "results.json").read_bytes()
    run = evaluate(finished.folder / "checkpoints/last.ckpt")
    assert run.folder == finished.folder / "evaluation"
    assert read_results(run.folder)["checkpoint"] == "last.ckpt"
    assert (finished.folder / "results.json").read_bytes() == results


def test_averaged_weights_are_evaluated_as_they_were(tmp_path):
    run = train(make_config("name=ema", "ema=ema", "ema.decay=0.5", "trainer.max_epochs=1"))
    again = evaluate(run.folder / "checkpoints/best.ckpt", out=tmp_path)
    assert read_results(again.folder)["metrics"] == read_results(run.folder)["metrics"]
    assert same_predictions(again.folder, run.folder)


def test_where_the_store_lies_does_not_matter(finished, checkpoint, tmp_path):
    moved = shutil.copytree(make_config()["data"]["store"], tmp_path / "moved")
    content = read_checkpoint(checkpoint)
    content["har"]["config"]["data"]["store"] = str(tmp_path / "gone")
    CheckpointFiles().save_checkpoint(content, checkpoint)
    run = evaluate(checkpoint, store=moved)
    assert read_results(run.folder)["metrics"] == read_results(finished.folder)["metrics"]


def test_how_many_devices_trained_it_does_not_matter(finished, checkpoint):
    content = read_checkpoint(checkpoint)
    trainer = {"accelerator": "gpu", "devices": 8, "strategy": "ddp"}
    content["har"]["config"]["trainer"] |= trainer
    CheckpointFiles().save_checkpoint(content, checkpoint)
    run = evaluate(checkpoint)
    ours, theirs = read_results(run.folder), read_results(finished.folder)
    assert ours["top1"] == pytest.approx(theirs["top1"], abs=0.06)


def test_other_data_are_refused(checkpoint, other_store):
    content = read_checkpoint(checkpoint)
    content["har"]["config"]["data"]["adapter_options"]["seed"] = 9
    CheckpointFiles().save_checkpoint(content, checkpoint)
    with pytest.raises(HarError, match=r"other data \(fingerprint .*any_data=true"):
        evaluate(checkpoint, store=other_store)
    assert not (checkpoint.parent / "evaluation").exists()
    assert evaluate(checkpoint, store=other_store, any_data=True).results["top1"] >= 0


def test_generated_data_of_other_options_are_refused(checkpoint, other_store):
    with pytest.raises(StoreError, match="generated with seed=9, not 0"):
        evaluate(checkpoint, store=other_store)


def test_weights_of_another_model_are_refused(checkpoint):
    content = read_checkpoint(checkpoint)
    content["har"]["config"]["model"]["backbone"]["base_channels"] = 16
    CheckpointFiles().save_checkpoint(content, checkpoint)
    with pytest.raises(CheckpointError, match=r"another model, \d+ tensors: classifier\.backbone"):
        evaluate(checkpoint)


def test_labels_of_another_dataset_are_refused(checkpoint):
    content = read_checkpoint(checkpoint)
    content["har"]["labels"][3] = "juggle"
    CheckpointFiles().save_checkpoint(content, checkpoint)
    with pytest.raises(CheckpointError, match="knows other labels than the store"):
        evaluate(checkpoint)


def test_a_configuration_that_builds_what_is_not_trusted_is_refused(checkpoint):
    content = read_checkpoint(checkpoint)
    content["har"]["config"]["loss"] = {"_target_": "os.system", "command": "true"}
    content["har"]["config"]["extra_targets"] = ["os."]
    CheckpointFiles().save_checkpoint(content, checkpoint)
    with pytest.raises(HarError, match="builds classes outside har: os"):
        evaluate(checkpoint)


def test_a_checkpoint_that_runs_a_command_is_refused(tmp_path):
    class Attack:
        def __reduce__(self) -> tuple:
            return print, ("executed",)

    torch.save({"har": Attack()}, tmp_path / "evil.ckpt")
    with pytest.raises(CheckpointError, match="is refused"):
        evaluate(tmp_path / "evil.ckpt")


def _full(*arguments: object, **settings: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    "writer",
    [
        "har.evaluation.predictions.pq.write_table",
        "matplotlib.figure.Figure.savefig",
        "PIL.Image.Image.save",
        "har.evaluation.model_card.Path.write_text",
        "har.record.os.fsync",
    ],
)
def test_a_full_disk_is_told_and_leaves_the_run_unfinished(finished, tmp_path, monkeypatch, writer):
    config = make_config(f"evaluation.examples={int(writer.startswith('PIL'))}")
    card = load_card("synthetic_home")
    store = open_store(card, config["data"])
    predictions = Predictions.read(finished.folder / "predictions.parquet")
    monkeypatch.setattr(writer, _full)
    with pytest.raises(HarError, match=r"(?i)cannot write|is full"):
        write_outputs(tmp_path / "run", predictions, finished.results, config, card, store)
    assert not (tmp_path / "run" / "results.json").exists()
