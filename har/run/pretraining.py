"""Pre-training of a backbone without labels, from configuration to run folder."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from har.config.build import build
from har.config.targets import find_target
from har.data.combined import ClipSource
from har.data.loaders import BatchLoaders
from har.data.splits import Split
from har.errors import ConfigError
from har.evaluation.style import save_figure
from har.evaluation.training_curves import read_training_curves, training_figure
from har.models.cost import parameter_count
from har.models.multi_stream import MultiStreamClassifier
from har.record import provenance, write_json_atomic
from har.run.assemble import build_data
from har.run.checkpoints import CheckpointFiles, load_weights, make_record, read_checkpoint
from har.run.folder import (
    BEST,
    LAST,
    RESULTS,
    checkpoint_folder,
    last_checkpoint,
    release_folder,
    start_folder,
)
from har.run.outputs import check_same_data
from har.run.quality.experiment import apply_filters
from har.run.sources import Source, combine, describe_split, open_sources
from har.run.starting import start_from
from har.run.trainer import check_monitor, close_loggers, make_trainer
from har.run.training import RunResult
from har.samples import UNLABELLED
from har.skeleton.streams import stream_channels
from har.training.metrics_log import MetricsCsv
from har.training.pretraining import PretrainingModule

Config = Mapping[str, Any]
ENCODER = "encoder.ckpt"
"""In the run folder: the encoder alone, for ``weights=`` of a training run and for probes."""

MONITOR = {"monitor": "val/loss", "mode": "min"}


@dataclass(frozen=True)
class Pretraining:
    """All parts of one pre-training."""

    sources: tuple[Source, ...]
    store: ClipSource
    split: Split
    data: BatchLoaders
    module: PretrainingModule


def pretrain(config: Config) -> RunResult:
    """Train a backbone on the configuration's ``pretraining`` task and record it.

    Labels are not read: clips without a label are welcome in every part.

    Args:
        config: resolved and checked, as plain containers.

    Returns:
        The run folder, the content of its ``results.json``, and as score the loss on the validation
        part.

    Raises:
        HarError: something the user gave cannot be used; the message says what and how to mend it.
    """
    _check(config)
    parts = _assemble(config, make_record(config))
    if len(parts.split.val) > 0:
        check_monitor(config)
    folder = start_folder(config)
    try:
        return _run(parts, config, folder)
    finally:
        release_folder()


def _check(config: Config) -> None:
    chosen = {key: config["checkpoint"][key] for key in MONITOR}
    if chosen != MONITOR:
        raise ConfigError(
            f"checkpoint.monitor={chosen['monitor']} checkpoint.mode={chosen['mode']}: without "
            "labels there is val/loss only: set them to val/loss and min"
        )
    if find_target(config["model"]["_target_"]).call is MultiStreamClassifier:
        raise ConfigError(
            "pretraining trains one backbone, model=multi_stream has one a stream: choose "
            "model=gcn and pre-train each stream by itself"
        )
    if config["mixing"]:
        raise ConfigError(
            "mixing blends the labels of clips, and pretraining reads none: mixing=none"
        )
    if "class" in config["data"]["balance"]:
        raise ConfigError(
            f"data.balance={config['data']['balance']} needs labels, and pretraining reads none: "
            "choose none or dataset"
        )


def _assemble(config: Config, record: dict[str, Any]) -> Pretraining:
    sources = open_sources(config)
    store, split = combine(sources, config["data"])
    quality, split = apply_filters(sources, split, config["quality"]["filters"])
    torch.manual_seed(config["seed"])
    data = build_data(store, split, config, quality)
    module = _build_module(store, data, config, record)
    record["labels"] = record["outputs"] = list(store.labels)
    record["layout"] = store.layout
    record["data_fingerprint"] = store.fingerprint
    return Pretraining(sources, store, split, data, module)


def _build_module(
    store: ClipSource, data: BatchLoaders, config: Config, record: dict[str, Any]
) -> PretrainingModule:
    model, names = config["model"], config["stream"]["names"]
    channels = {name: stream_channels(name, store.coordinates) for name in names}
    fusion = build(model["fusion"], stream_channels=channels)
    if parameter_count(fusion) > 0:
        raise ConfigError(
            f"model.fusion._target_={model['fusion']['_target_']} would be trained too, and is not "
            "kept with the backbone: choose model/fusion=early"
        )
    in_channels = fusion.out_channels
    encoder = build(model["backbone"], layout=data.output_layout, in_channels=in_channels)
    return PretrainingModule(
        build(config["pretraining"], encoder=encoder, in_channels=in_channels),
        fusion,
        streams=names,
        layout=data.output_layout,
        optimizer=build(config["optimizer"]["factory"]),
        schedule=build(config["scheduler"]),
        decay_all=config["optimizer"]["decay_all"],
        record=record,
    )


def _run(parts: Pretraining, config: Config, folder: Path) -> RunResult:
    validates = len(parts.split.val) > 0
    trainer = make_trainer(config, folder, validates)
    last = last_checkpoint(folder)
    if last is not None:
        check_same_data(parts.store, read_checkpoint(last)["har"]["data_fingerprint"])
    elif config["weights"]:
        start_from(parts.module.as_classifier(), config["weights"], config["model"])
    _announce(parts, config, folder)
    trainer.fit(parts.module, datamodule=parts.data, ckpt_path=last, weights_only=True)
    chosen = checkpoint_folder(folder) / (BEST if validates else LAST)
    load_weights(parts.module, read_checkpoint(chosen), chosen)
    results = _results(trainer, parts, config, chosen, validates)
    close_loggers(trainer)
    if trainer.is_global_zero:
        write_encoder(folder / ENCODER, parts.module)
        curves = read_training_curves(folder / "metrics.csv")
        save_figure(training_figure(curves), folder / "training_curves.png")
        write_json_atomic(folder / RESULTS, results)
        print(describe(results))
        print(f"run folder: {folder}")
    score = results["reconstruction"]["val"]["loss"] if validates else float("nan")
    return RunResult(folder, results, score)


def write_encoder(path: Path, module: PretrainingModule) -> None:
    """Write the encoder as a checkpoint that a classifier with this backbone can start from."""
    weights = {name: tensor.cpu() for name, tensor in module.as_classifier().state_dict().items()}
    checkpoint = {"state_dict": weights, "har": module.record}
    CheckpointFiles().save_checkpoint(checkpoint, path)


def _results(
    trainer: pl.Trainer, parts: Pretraining, config: Config, chosen: Path, validates: bool
) -> dict[str, Any]:
    started = time.perf_counter()
    losses = {"val": _losses(trainer, parts, "val") if validates else None}
    losses["test"] = _losses(trainer, parts, "test")
    metrics = next(logger for logger in trainer.loggers if isinstance(logger, MetricsCsv))
    return {
        "experiment": config["name"],
        "task": config["pretraining"]["_target_"].rpartition(".")[2],
        "dataset_name": "+".join(source.name for source in parts.sources),
        "protocol": config["protocol"]["name"],
        "fold": config["protocol"]["fold"],
        "left_out": config["protocol"]["leave_out"],
        "seed": config["seed"],
        "checkpoint": chosen.name,
        "reconstruction": losses,
        "split": describe_split(parts.sources),
        "unlabelled_training_clips": _unlabelled(parts),
        "data_fingerprint": parts.store.fingerprint,
        "cost": {
            "encoder_parameters": parameter_count(parts.module.task.encoder),
            "decoder_parameters": parameter_count(parts.module.task)
            - parameter_count(parts.module.task.encoder),
            "training_seconds": round(metrics.total("train/seconds"), 2),
            "test_seconds": round(time.perf_counter() - started, 2),
            "epochs": trainer.current_epoch,
        },
        "provenance": provenance(),
    }


def _losses(
    trainer: pl.Trainer, parts: Pretraining, part: Literal["val", "test"]
) -> dict[str, float]:
    parts.data.tested = part
    trainer.test(parts.module, datamodule=parts.data, verbose=False)
    return parts.module.collect_losses()


def _unlabelled(parts: Pretraining) -> int:
    return int((parts.store.index.label[parts.split.train] == UNLABELLED).sum())


def describe(results: Mapping[str, Any]) -> str:
    """Return results as text for a terminal."""
    names = {"val": "validation", "test": "test"}
    return "\n".join(
        f"{names[part]}: loss {found['loss']:.4f} on {found['tokens']} hidden tokens "
        f"({found['loss_of_zeros']:.4f} for zeros)"
        for part, found in results["reconstruction"].items()
        if found
    )


@rank_zero_only
def _announce(parts: Pretraining, config: Config, folder: Path) -> None:
    split, encoder = parts.split, parameter_count(parts.module.task.encoder)
    print(
        f"{config['name']}: pre-training on {'+'.join(source.name for source in parts.sources)}, "
        f"{config['protocol']['name']}: {len(split.train)} training, {len(split.val)} validation, "
        f"{len(split.test)} test clips, labels not read; encoder of {encoder / 1e6:.2f} M "
        f"parameters; {folder}"
    )
