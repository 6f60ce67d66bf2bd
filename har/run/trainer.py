"""The Lightning trainer that a configuration asks for."""

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ModelCheckpoint, RichProgressBar
from pytorch_lightning.loggers import WandbLogger
from pytorch_lightning.loggers.logger import Logger

from har._allocator import keep_freed_memory
from har.config.build import build
from har.errors import ConfigError, did_you_mean
from har.run.checkpoints import CheckpointFiles
from har.run.folder import BEST, LAST, checkpoint_folder
from har.training.callbacks import (
    CompileBackbones,
    EpochTimer,
    SeedEveryStep,
    TuneFusionWeights,
)
from har.training.metrics_log import MetricsCsv
from har.training.module import VALIDATION_METRICS


def make_trainer(config: Mapping[str, Any], folder: Path, validates: bool) -> pl.Trainer:
    """Return a trainer that writes into ``folder``.

    Args:
        config: of the experiment.
        folder: of the run.
        validates: whether there is a validation part to choose the best epoch on.
    """
    settings = config["trainer"]
    keep_freed_memory()
    _quieten()
    return pl.Trainer(
        max_epochs=settings["max_epochs"],
        accelerator=settings["accelerator"],
        devices=settings["devices"],
        strategy=settings["strategy"],
        precision=settings["precision"],
        gradient_clip_val=settings["gradient_clip"],
        accumulate_grad_batches=settings["accumulate"],
        deterministic=settings["deterministic"],
        check_val_every_n_epoch=settings["check_val_every_n_epoch"],
        log_every_n_steps=settings["log_every_n_steps"],
        limit_train_batches=settings["limit_train_batches"],
        limit_val_batches=None if validates else 0,
        enable_progress_bar=settings["progress_bar"],
        logger=_loggers(config, folder),
        callbacks=_callbacks(config, folder, validates),
        plugins=[CheckpointFiles()],
        default_root_dir=folder,
        num_sanity_val_steps=0,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )


def _quieten() -> None:
    """Keep Lightning's notes about devices and its advice for other programs off the screen."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    for advice in (
        ".*isinstance\\(treespec.*",
        ".*smaller than the logging interval.*",
        ".*does not have many workers.*",
        ".*Checkpoint directory .* exists and is not empty.*",
        ".*could not find the monitored key.*",
    ):
        warnings.filterwarnings("ignore", advice)


def check_monitor(config: Mapping[str, Any]) -> None:
    """Refuse a choice of the best epoch that could only fail, or choose the worst, after training.

    Raises:
        ConfigError: an unknown metric, the wrong direction, or no epoch that is validated.
    """
    monitor, mode = config["checkpoint"]["monitor"], config["checkpoint"]["mode"]
    epochs, every = (config["trainer"][k] for k in ("max_epochs", "check_val_every_n_epoch"))
    if monitor not in VALIDATION_METRICS:
        raise ConfigError(
            f"checkpoint.monitor={monitor}: no such metric."
            f"{did_you_mean(monitor, VALIDATION_METRICS)} "
            f"There are: {', '.join(VALIDATION_METRICS)}"
        )
    if mode != VALIDATION_METRICS[monitor]:
        raise ConfigError(
            f"checkpoint.mode={mode} would keep the worst {monitor}: set it to "
            f"{VALIDATION_METRICS[monitor]}"
        )
    if every > epochs:
        raise ConfigError(
            f"trainer.check_val_every_n_epoch={every} validates none of the {epochs} epochs, so "
            f"none could be chosen: set it to {epochs} or less"
        )


def _loggers(config: Mapping[str, Any], folder: Path) -> list[Logger]:
    loggers: list[Logger] = [MetricsCsv(folder / "metrics.csv")]
    if extra := config["logger"]["extra"]:
        loggers.append(build(extra, save_dir=str(folder)))
        loggers[-1].log_hyperparams(dict(config))
    return loggers


def close_loggers(trainer: pl.Trainer) -> None:
    """End the Weights & Biases run, which the next job of a sweep would otherwise go on with."""
    for logger in trainer.loggers:
        if isinstance(logger, WandbLogger):
            logger.experiment.finish()


def _callbacks(config: Mapping[str, Any], folder: Path, validates: bool) -> list[pl.Callback]:
    callbacks: list[pl.Callback] = [SeedEveryStep(), EpochTimer()]
    if config["trainer"]["compile"]:
        callbacks.append(CompileBackbones())
    if config["trainer"]["progress_bar"]:
        callbacks.append(RichProgressBar(leave=False))
    if validates and config["model"].get("fusion", {}).get("method") == "tuned":
        callbacks.append(TuneFusionWeights())
    if config["ema"]:
        callbacks.append(build(config["ema"]))
    checkpoints = checkpoint_folder(folder)
    if validates:
        chosen = config["checkpoint"]
        callbacks.append(_keep(checkpoints, BEST, chosen["monitor"], chosen["mode"]))
    # The last checkpoint comes last: what it says of the best one has to count this epoch.
    callbacks.append(_keep(checkpoints, LAST, monitor=None, mode="min"))
    return callbacks


def _keep(folder: Path, name: str, monitor: str | None, mode: str) -> ModelCheckpoint:
    return ModelCheckpoint(
        dirpath=folder,
        filename=Path(name).stem,
        monitor=monitor,
        mode=mode,
        save_top_k=1,
        save_on_train_epoch_end=True,
        enable_version_counter=False,
    )
