import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from run_helper import make_config, read_results

from har.data.cards import load_card
from har.data.store_writer import write_store
from har.errors import CheckpointError, HarError, StoreError
from har.evaluation.predictions import Predictions
from har.run import evaluate, train
from har.run.assemble import open_store
from har.run.checkpoints import CheckpointFiles, read_checkpoint
from har.run.outputs import write_outputs
from har.run.sources import open_sources
from har.run.testing import TestSet
from har.samples import Clip
from har.skeleton.convert import Conversion, conversion
from har.skeleton.layout import load_layout


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


@pytest.fixture
def kinect20_store(tmp_path) -> Path:
    """Return the run's clips in another joint layout."""
    store = open_store(load_card("synthetic_home"), make_config()["data"])
    recipe = conversion(load_layout(store.layout), load_layout("kinect20"))
    description = replace(store.meta.description, layout="kinect20", joint_count=20)
    write_store(
        tmp_path / "kinect20",
        description,
        (_convert(store.clip(row), recipe) for row in range(len(store))),
    )
    return tmp_path / "kinect20"


def _convert(clip: Clip, recipe: Conversion) -> Clip:
    joints, confidence = recipe.apply(clip.joints, clip.confidence)
    return Clip(replace(clip.record, layout="kinect20"), joints, confidence)


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


@pytest.mark.slow
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


@pytest.mark.parametrize("any_data", [False, True])
def test_another_joint_layout_is_told_by_name(checkpoint, kinect20_store, any_data):
    message = (
        r"model.ckpt was trained on the joint layout ntu25 \(25 joints\), the store .*kinect20 "
    )
    with pytest.raises(CheckpointError, match=message + r"gives kinect20 \(20 joints\): give a "):
        evaluate(checkpoint, store=kinect20_store, any_data=any_data)
    assert not (checkpoint.parent / "evaluation").exists()


@pytest.mark.slow
def test_another_joint_layout_is_fine_where_a_transform_converts_it(kinect20_store, tmp_path):
    convert = "{_target_: har.data.transforms.ConvertLayout, target: coco17}"
    run = train(make_config(f"transform.normalise=[{convert}]", "trainer.max_epochs=1"))
    best = run.folder / "checkpoints/best.ckpt"
    assert evaluate(best, out=tmp_path, store=kinect20_store, any_data=True).results["top1"] >= 0


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
    (source,) = open_sources(config)
    predictions = Predictions.read(finished.folder / "predictions.parquet")
    outputs, labels = predictions.probabilities, predictions.labels
    tests = (TestSet(source, predictions, {}, outputs, labels),)
    monkeypatch.setattr(writer, _full)
    with pytest.raises(HarError, match=r"(?i)cannot write|is full"):
        write_outputs(tmp_path / "run", tests, finished.results, config)
    assert not (tmp_path / "run" / "results.json").exists()
