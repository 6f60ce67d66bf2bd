"""One experiment from configuration to run folder."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from har.models.cost import parameter_count
from har.models.layers import synchronise_batch_norm
from har.record import provenance
from har.run.assemble import Experiment, assemble, describe_split
from har.run.checkpoints import load_weights, make_record, read_checkpoint
from har.run.distilling import load_distillation
from har.run.folder import (
    BEST,
    LAST,
    checkpoint_folder,
    last_checkpoint,
    release_folder,
    start_folder,
)
from har.run.outputs import (
    VALIDATION_PREDICTIONS,
    check_same_data,
    describe,
    summarise,
    write_outputs,
)
from har.run.quality.experiment import describe_quality
from har.run.starting import start_from
from har.run.testing import TestSet, predict
from har.run.trainer import check_monitor, close_loggers, make_trainer
from har.run.wandb_outputs import log_outputs
from har.training.metrics_log import MetricsCsv


@dataclass(frozen=True)
class RunResult:
    """What a finished run is known by.

    Attributes:
        folder: the run folder.
        results: content of ``results.json``.
        score: best value of the monitored metric on the validation part, which a sweep may
            optimise; NaN without one. Never a test metric.
    """

    folder: Path
    results: Mapping[str, Any]
    score: float = math.nan


def train(config: Mapping[str, Any]) -> RunResult:
    """Train, test, and record one experiment.

    Args:
        config: resolved and checked, as plain containers.

    Returns:
        The run folder and the content of its ``results.json``.

    Raises:
        HarError: something the user gave cannot be used; the message says what and how to mend it.
    """
    experiment = assemble(config, make_record(config))
    experiment.module.distillation = load_distillation(config, experiment)
    if len(experiment.split.val) > 0:
        check_monitor(config)
    folder = start_folder(config)
    try:
        return _run(experiment, config, folder)
    finally:
        release_folder()


def _run(experiment: Experiment, config: Mapping[str, Any], folder: Path) -> RunResult:
    validates = len(experiment.split.val) > 0
    trainer = make_trainer(config, folder, validates)
    if config["trainer"]["sync_batch_norm"]:
        synchronise_batch_norm(experiment.module)
    last = last_checkpoint(folder)
    if last is not None:
        check_same_data(experiment.store, read_checkpoint(last)["har"]["data_fingerprint"])
    elif config["weights"]:
        outputs = experiment.module.record["outputs"]
        start_from(experiment.module, config["weights"], config["model"], outputs)
    _announce(experiment, config, folder)
    trainer.fit(experiment.module, datamodule=experiment.data, ckpt_path=last, weights_only=True)
    chosen = checkpoint_folder(folder) / (BEST if validates else LAST)
    results, tests = test(trainer, experiment, config, chosen)
    results["cost"] |= _training_cost(trainer)
    validation = predict(trainer, experiment, "val") if validates else ()
    if trainer.is_global_zero:
        if len(validation) == 1:
            validation[0].predictions.write(folder / VALIDATION_PREDICTIONS)
        write_outputs(folder, tests, results, config, experiment.quality)
        log_outputs(trainer.loggers, folder, results, chosen)
        print(describe(results))
        print(f"run folder: {folder}")
    close_loggers(trainer)
    return RunResult(folder, results, _validation_score(trainer))


def _training_cost(trainer: pl.Trainer) -> dict[str, float]:
    """Return epochs, and seconds of training steps, over all parts of a resumed run."""
    metrics = next(logger for logger in trainer.loggers if isinstance(logger, MetricsCsv))
    seconds = metrics.total("train/seconds")
    return {"training_seconds": round(seconds, 2), "epochs": trainer.current_epoch}


def _validation_score(trainer: pl.Trainer) -> float:
    scores = [
        float(keeper.best_model_score)
        for keeper in trainer.checkpoint_callbacks
        if isinstance(keeper, ModelCheckpoint) and keeper.best_model_score is not None
    ]
    return scores[0] if scores else math.nan


def test(
    trainer: pl.Trainer, experiment: Experiment, config: Mapping[str, Any], path: Path
) -> tuple[dict[str, Any], tuple[TestSet, ...]]:
    """Test the weights of a checkpoint; return the results and the predictions."""
    load_weights(experiment.module, read_checkpoint(path), path)
    started = time.perf_counter()
    tests = predict(trainer, experiment)
    seconds = time.perf_counter() - started
    facts: dict[str, Any] = {
        "experiment": config["name"],
        "dataset_name": dataset_name(experiment),
        "protocol": config["protocol"]["name"],
        "fold": config["protocol"]["fold"],
        "left_out": config["protocol"]["leave_out"],
        "seed": config["seed"],
        "checkpoint": path.name,
        "split": describe_split(experiment.sources),
        "data_fingerprint": experiment.store.fingerprint,
        "cost": {
            "parameters": parameter_count(experiment.module.classifier),
            "test_seconds": round(seconds, 2),
        },
        "provenance": provenance(),
    }
    if experiment.quality is not None:
        names = [test_set.source.name for test_set in tests]
        predictions = [test_set.predictions for test_set in tests]
        facts["quality"] = describe_quality(experiment.quality, names, predictions)
    return summarise(tests, config, facts), tests


def dataset_name(experiment: Experiment) -> str:
    """Return the names of the datasets, joined by a plus."""
    return "+".join(source.name for source in experiment.sources)


@rank_zero_only
def _announce(experiment: Experiment, config: Mapping[str, Any], folder: Path) -> None:
    split = experiment.split
    parameters = parameter_count(experiment.module.classifier)
    print(
        f"{config['name']}: {dataset_name(experiment)}, {config['protocol']['name']}: "
        f"{len(split.train)} training, {len(split.val)} validation, {len(split.test)} test clips, "
        f"{_outputs(experiment)}; {parameters / 1e6:.2f} M parameters; {folder}"
    )


def _outputs(experiment: Experiment) -> str:
    labels = len(experiment.store.labels)
    if experiment.space is None:
        return f"{labels} classes"
    return f"{labels} labels, {len(experiment.space.outputs)} outputs"
