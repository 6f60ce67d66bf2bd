"""A run that stops at any moment and goes on gives the weights of one that never stopped."""

import json
from pathlib import Path

import pytest
from run_helper import (
    RANDOM,
    assert_equal_weights,
    make_config,
    read_metrics,
    read_results,
    read_weights,
    run_python,
)

from har.errors import CheckpointError, ConfigError, HarError
from har.run import train, training
from har.run.checkpoints import CheckpointFiles, read_checkpoint
from har.run.training import RunResult
from har.training.callbacks import SeedEveryStep
from har.training.module import RecognitionModule

EMA = ("ema=ema", "ema.decay=0.8")


class StoppedError(Exception):
    """Stands for whatever ends a run."""


def stop_at(patch: pytest.MonkeyPatch, epoch: int, batch: int) -> None:
    seed_step = SeedEveryStep.on_train_batch_start

    def seed_or_stop(self, trainer, pl_module, data, batch_idx) -> None:
        if (trainer.current_epoch, batch_idx) == (epoch, batch):
            raise StoppedError
        seed_step(self, trainer, pl_module, data, batch_idx)

    patch.setattr(SeedEveryStep, "on_train_batch_start", seed_or_stop)


def start_and_stop(*overrides: str, epoch: int, batch: int) -> Path:
    """Start a run that stops at a step, and return its folder."""
    config = make_config(*overrides)
    with pytest.MonkeyPatch.context() as patch:
        stop_at(patch, epoch, batch)
        with pytest.raises(StoppedError):
            train(config)
    (folder,) = Path(config["paths"]["runs"], config["name"]).iterdir()
    return folder


def assert_same_run(run: RunResult, whole: RunResult) -> None:
    """Check that a resumed run left what an uninterrupted one did."""
    for name in ("last.ckpt", "best.ckpt"):
        assert_equal_weights(read_weights(run.folder, name), read_weights(whole.folder, name))
    assert read_metrics(run.folder) == read_metrics(whole.folder)
    assert run.score == whole.score
    ours, theirs = read_results(run.folder), read_results(whole.folder)
    assert ours["metrics"] == theirs["metrics"]


@pytest.mark.parametrize(("epoch", "batch"), [(0, 2), (2, 4)])
def test_a_stopped_run_goes_on_as_if_it_had_not_stopped(finished, epoch, batch):
    name = f"name=stopped_{epoch}"
    folder = start_and_stop(name, *RANDOM, epoch=epoch, batch=batch)
    assert not (folder / "results.json").exists()
    resumed = train(make_config(name, "resume=true", *RANDOM))
    assert resumed.folder == folder
    assert_same_run(resumed, finished)


@pytest.mark.slow
def test_an_average_of_the_weights_goes_on_too():
    whole = train(make_config("name=ema_whole", *EMA, *RANDOM))
    start_and_stop("name=ema_stopped", *EMA, *RANDOM, epoch=2, batch=1)
    resumed = train(make_config("name=ema_stopped", "resume=true", *EMA, *RANDOM))
    assert_same_run(resumed, whole)
    last = read_checkpoint(whole.folder / "checkpoints/last.ckpt")
    name = "classifier.head.linear.weight"
    assert not last["state_dict"][name].equal(last["current_model_state"][name])


def test_a_run_that_stopped_after_its_last_epoch_only_needs_the_test(finished, monkeypatch):
    config = make_config("name=untested", *RANDOM)
    with monkeypatch.context() as patch:
        patch.setattr(training, "test", _stop)
        with pytest.raises(StoppedError):
            train(config)
    resumed = train({**config, "resume": True})
    assert_same_run(resumed, finished)
    assert read_results(resumed.folder)["cost"]["epochs"] == 3


def _stop(*arguments: object) -> None:
    raise StoppedError


@pytest.mark.slow
def test_a_run_that_stopped_between_its_two_checkpoints_repeats_the_epoch(finished, monkeypatch):
    config = make_config("name=between", *RANDOM)
    save = CheckpointFiles.save_checkpoint

    def save_or_stop(self, checkpoint, path, storage_options=None) -> None:
        if checkpoint["epoch"] == 1 and Path(path).name == "last.ckpt":
            raise StoppedError
        save(self, checkpoint, path, storage_options)

    with monkeypatch.context() as patch:
        patch.setattr(CheckpointFiles, "save_checkpoint", save_or_stop)
        with pytest.raises(StoppedError):
            train(config)
    assert_same_run(train({**config, "resume": True}), finished)


@pytest.mark.slow
def test_the_best_epoch_is_remembered_over_a_stop(monkeypatch):
    def log_scripted(module: RecognitionModule) -> None:
        module.collect_outputs()
        score = (0.2, 0.9, 0.5)[module.current_epoch]
        module.log_dict({"val/mean_class_accuracy": score})

    monkeypatch.setattr(RecognitionModule, "on_validation_epoch_end", log_scripted)
    start_and_stop("name=best", epoch=2, batch=0)
    resumed = train(make_config("name=best", "resume=true"))
    assert resumed.score == pytest.approx(0.9)
    assert read_checkpoint(resumed.folder / "checkpoints/best.ckpt")["epoch"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("extra", [(), EMA], ids=["plain", "ema"])
def test_a_killed_process_loses_nothing_but_time(finished, tmp_path, extra):
    name = f"name=killed_{len(extra)}"
    config = make_config(name, *extra, *RANDOM)
    (tmp_path / "config.json").write_text(json.dumps(config))
    script = Path(__file__).with_name("killed_run.py")
    killed = run_python(str(script), str(tmp_path / "config.json"), "2", "2")
    assert killed.returncode == -9, killed.stderr
    (folder,) = Path(config["paths"]["runs"], config["name"]).iterdir()
    assert len(read_metrics(folder)) == 2
    whole = train(make_config("name=unkilled", *extra, *RANDOM)) if extra else finished
    resumed = train({**config, "resume": True})
    assert resumed.folder == folder
    assert [row["epoch"] for row in read_metrics(folder)] == ["0", "1", "2"]
    assert_same_run(resumed, whole)


def test_a_finished_run_is_not_resumed(finished, capsys):
    run = train(make_config("name=finished", "resume=true", *RANDOM, "trainer.max_epochs=1"))
    assert run.folder != finished.folder
    assert "no unfinished run" in capsys.readouterr().out


def test_going_on_with_other_settings_is_refused():
    folder = start_and_stop("name=changed", epoch=1, batch=0)
    with pytest.raises(ConfigError, match=r"(?s)another configuration.*seed: 0 -> 5"):
        train(make_config("name=changed", f"resume={folder}", "seed=5"))
    assert len(read_metrics(folder)) == 1


def test_going_on_with_other_data_is_refused(workplace):
    folder = start_and_stop("name=other_data", epoch=1, batch=0)
    last = folder / "checkpoints/last.ckpt"
    content = read_checkpoint(last)
    content["har"]["data_fingerprint"] = "0" * 64
    CheckpointFiles().save_checkpoint(content, last)
    with pytest.raises(HarError, match=r"holds other data \(fingerprint"):
        train(make_config("name=other_data", "resume=true"))


def test_going_on_from_a_damaged_checkpoint_is_refused():
    folder = start_and_stop("name=damaged", epoch=1, batch=0)
    last = folder / "checkpoints/last.ckpt"
    last.write_bytes(last.read_bytes()[:2000])
    with pytest.raises(CheckpointError, match=r"last\.ckpt (cannot be read|is refused)"):
        train(make_config("name=damaged", "resume=true"))
