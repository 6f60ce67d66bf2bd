"""Callbacks of the training loop."""

import time
from typing import Any, cast

import pytorch_lightning as pl
import torch

from har.errors import ConfigError
from har.models.fusion.late import CANDIDATES, LateFusion
from har.models.multimodal import FusedClassifier, only_present
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


class CompileBackbones(pl.Callback):
    """Compiles every backbone with ``torch.compile`` before the training starts.

    The backbones stay the modules they are, so checkpoints do not change. Sizes that differ from
    batch to batch, such as the number of people, become variables of the compiled code.
    """

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:  # noqa: ARG002
        """Compile them; the work itself is done in the first steps.

        Raises:
            ConfigError: the module has no backbone.
        """
        if stage != "fit":
            return
        found = [m for name, m in pl_module.named_modules() if name.endswith(".backbone")]
        if not found:
            raise ConfigError(
                "trainer.compile=true: this training has no backbone to compile; set it to false"
            )
        for backbone in found:
            backbone.compile()


class TuneFusionWeights(pl.Callback):
    """Sets the weights of a late fusion before each validation, to those best on its clips.

    They are part of the weights that are kept, and the metrics of the validation are those with
    them.
    """

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Choose the weights of least log-loss over the validation clips of all processes."""
        module, data = cast(RecognitionModule, pl_module), cast(Any, trainer).datamodule
        classifier = cast(FusedClassifier, module.classifier)
        fusion = cast(LateFusion, classifier.fusion)
        losses = torch.zeros(len(CANDIDATES), dtype=torch.float64, device=module.device)
        with torch.no_grad():
            for given in data.val_dataloader():
                batch = data.transform(given.to(module.device), False)
                clips = only_present(*module.inputs_of(batch))
                scores = classifier.readout_scores(clips)
                losses += fusion.log_losses(scores, clips.present, batch.labels)
        fusion.choose(trainer.strategy.reduce(losses, reduce_op="sum"))


class EpochTimer(pl.Callback):
    """Logs the seconds, the clips a second, and the share of waiting of each training epoch.

    Waiting is the time between the end of a step and the start of the next: reading and
    transforming clips that no worker has made ready.
    """

    def __init__(self) -> None:
        self._start = 0.0
        self._clips = 0
        self._waited = 0.0
        self._last_step_end = 0.0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        """Start the clock."""
        self._start = self._last_step_end = time.perf_counter()
        self._clips = 0
        self._waited = 0.0

    def on_train_batch_start(
        self,
        trainer: pl.Trainer,  # noqa: ARG002
        pl_module: pl.LightningModule,  # noqa: ARG002
        batch: Any,  # noqa: ARG002
        batch_idx: int,  # noqa: ARG002
    ) -> None:
        """Count the time since the step before."""
        self._waited += time.perf_counter() - self._last_step_end

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
        self._last_step_end = time.perf_counter()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log the figures of the epoch."""
        seconds = time.perf_counter() - self._start
        learning_rate = trainer.optimizers[0].param_groups[0]["lr"]
        pl_module.log_dict(
            {
                "train/seconds": seconds,
                "train/clips_per_second": self._clips / seconds,
                "train/data_wait_share": self._waited / seconds,
                "learning_rate": learning_rate,
            },
            sync_dist=True,
        )
