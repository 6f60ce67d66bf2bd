"""Callbacks of the training loop."""

import time
from typing import Any

import pytorch_lightning as pl
import torch

from har.training.module import RecognitionModule


class SeedEveryStep(pl.Callback):
    """Seeds torch before each step from the batch, so that a resumed run repeats its dropout."""

    def on_train_batch_start(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,  # noqa: ARG002
        batch: Any,
        batch_idx: int,  # noqa: ARG002
    ) -> None:
        """Seed all devices with the batch's own seed and the process number."""
        torch.manual_seed((batch.seed + trainer.global_rank) % 2**63)


class EpochTimer(pl.Callback):
    """Logs the seconds and the clips a second of each training epoch."""

    def __init__(self) -> None:
        self._start = 0.0
        self._clips = 0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        """Start the clock."""
        self._start = time.perf_counter()
        self._clips = 0

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,  # noqa: ARG002
        outputs: Any,  # noqa: ARG002
        batch: Any,
        batch_idx: int,  # noqa: ARG002
    ) -> None:
        """Count clips."""
        self._clips += len(batch) * trainer.world_size

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log the figures of the epoch."""
        seconds = time.perf_counter() - self._start
        learning_rate = trainer.optimizers[0].param_groups[0]["lr"]
        assert isinstance(pl_module, RecognitionModule)
        pl_module.log_dict(
            {
                "train/seconds": seconds,
                "train/clips_per_second": self._clips / seconds,
                "learning_rate": learning_rate,
            },
            sync_dist=True,
        )
