"""The LightningModule that trains an encoder without labels."""

from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn

from har.models.pretraining.masked_motion import MaskedMotionPrediction, Prediction
from har.samples import Batch
from har.skeleton.layout import Layout
from har.skeleton.streams import compute_stream
from har.training.optimisation import OptimizerFactory, scheduled_optimizer
from har.training.schedules import Constant, Schedule


class PretrainingModule(pl.LightningModule):
    """Trains an encoder on masked motion prediction; labels are never read.

    Args:
        task: encoder and decoder.
        fusion: joins the streams into one input (N, M, T, V, C).
        streams: names of the streams.
        layout: layout of the joints after the transforms.
        optimizer: makes the optimiser from parameter groups.
        schedule: factor on the learning rate for each step.
        decay_all: apply weight decay to biases and norms too.
        record: plain data kept in every checkpoint.
    """

    def __init__(
        self,
        task: MaskedMotionPrediction,
        fusion: nn.Module,
        streams: Sequence[str],
        layout: Layout,
        optimizer: OptimizerFactory,
        schedule: Schedule | None = None,
        decay_all: bool = True,
        record: dict[str, Any] | None = None,
    ):
        super().__init__()
        self.task = task
        self.fusion = fusion
        self.streams = tuple(streams)
        self.layout = layout
        self.optimizer_factory = optimizer
        self.schedule = schedule or Constant()
        self.decay_all = decay_all
        self.record = record or {}
        self._sums: list[Tensor] = []

    def forward(self, batch: Batch, seed: int) -> Prediction:
        """Predict the motion of tokens that are hidden by lot."""
        streams = {
            name: compute_stream(name, batch.joints, self.layout, batch.confidence)
            for name in self.streams
        }
        people = self.fusion(streams)[batch.person_mask]
        seen = batch.confidence[batch.person_mask] > 0
        return self.task(people, seen, torch.Generator().manual_seed(seed))

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:  # noqa: ARG002
        """Return the loss of a batch and log it."""
        loss = self(batch, batch.seed).loss()
        self.log(
            "train/loss",
            loss.detach(),
            on_step=False,
            on_epoch=True,
            prog_bar=True,
            batch_size=len(batch),
            sync_dist=True,
        )
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Add up the errors of a batch; the same tokens are hidden in every epoch."""
        self._sums.append(self(batch, batch_idx).sums())

    def on_validation_epoch_end(self) -> None:
        """Log the loss over all validation clips."""
        losses = self.collect_losses()
        self.log("val/loss", losses["loss"], prog_bar=True)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Add up the errors of a batch."""
        self.validation_step(batch, batch_idx)

    def collect_losses(self) -> dict[str, float]:
        """Return and forget what was added up, over all processes.

        Returns:
            ``loss`` is the mean squared error of the hidden tokens, ``loss_of_zeros`` that of
            predicting zeros, and ``tokens`` how many there were.
        """
        own = torch.stack(self._sums).sum(0)
        self._sums.clear()
        gathered = torch.as_tensor(self.all_gather(own))
        error, power, count = gathered.reshape(-1, 3).sum(0).tolist()
        return {
            "loss": error / max(count, 1),
            "loss_of_zeros": power / max(count, 1),
            "tokens": int(count),
        }

    def as_classifier(self) -> nn.Module:
        """Return the encoder named as in a module that trains a classifier with that backbone."""
        return nn.ModuleDict({"classifier": nn.ModuleDict({"backbone": self.task.encoder})})

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return the optimiser and its schedule by step."""
        return scheduled_optimizer(
            self.trainer, self, self.optimizer_factory, self.schedule, self.decay_all
        )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Put what rebuilds the model into the checkpoint, as plain data."""
        checkpoint["har"] = self.record
