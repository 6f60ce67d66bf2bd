"""The one LightningModule: it trains and tests any classifier of this project."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn

from har.samples import Batch
from har.skeleton.layout import Layout
from har.training.distillation import Distillation
from har.training.inputs import classifier_inputs, streams_of
from har.training.mixing import Mixup
from har.training.optimisation import OptimizerFactory, scheduled_optimizer
from har.training.readout import LabelReadout
from har.training.schedules import Constant, Schedule

VALIDATION_METRICS = {"val/loss": "min", "val/top1": "max", "val/mean_class_accuracy": "max"}
"""What is measured on the validation part, and which way is better."""


class RecognitionModule(pl.LightningModule):
    """Trains a classifier on streams made from joints.

    Args:
        classifier: maps streams {name: (N, M, T, V, C)} and a person mask (N, M) to logits (N, K);
            or frames of video (N, T, H, W, 3).
        streams: names of the streams the classifier takes; none where it takes frames.
        layout: layout of the joints after the transforms; None for videos.
        num_classes: K, how many labels there are.
        loss: maps logits and targets to a number.
        optimizer: makes the optimiser from parameter groups.
        schedule: factor on the learning rate for each step.
        mixing: mixes training batches.
        readout: from the classifier's outputs to labels; None where the outputs are the labels.
        decay_all: apply weight decay to biases and norms too, as the graph convolution papers do.
        record: plain data kept in every checkpoint; what is needed to rebuild the model.

    Attributes:
        distillation: a teacher's part of the loss, set for a training that has one; not saved.
    """

    def __init__(
        self,
        classifier: nn.Module,
        streams: Sequence[str],
        layout: Layout | None,
        num_classes: int,
        loss: nn.Module,
        optimizer: OptimizerFactory,
        schedule: Schedule | None = None,
        mixing: Mixup | None = None,
        readout: LabelReadout | None = None,
        decay_all: bool = True,
        record: dict[str, Any] | None = None,
    ):
        super().__init__()
        self.classifier = classifier
        self.streams = tuple(streams)
        self.layout = layout
        self.num_classes = num_classes
        self.loss = loss
        self.optimizer_factory = optimizer
        self.schedule = schedule or Constant()
        self.mixing = mixing
        self.readout = readout
        self.decay_all = decay_all
        self.record = record or {}
        self.distillation: Distillation | None = None
        self._outputs: list[tuple[Tensor, Tensor, Tensor]] = []

    def forward(self, batch: Batch) -> Tensor:
        """Map a batch of N*K rows to logits (N*K, classes)."""
        return self.classifier(*self.inputs_of(batch))

    def inputs_of(self, batch: Batch) -> tuple[Any, ...]:
        """Return what the classifier is called with."""
        return classifier_inputs(self.classifier, batch, self.streams, self.layout)

    def streams_of(self, batch: Batch) -> dict[str, Tensor]:
        """Return the streams (N, M, T, V, C) by name that the classifier takes."""
        return streams_of(batch, self.streams, self.layout)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:  # noqa: ARG002
        """Return the loss of a batch and log it with the accuracy."""
        if self.mixing is not None:
            rng = torch.Generator().manual_seed(batch.seed + 1)
            batch = self.mixing(batch, self.num_classes, rng)
        logits = self(batch).float()
        labels = batch.labels if batch.targets is None else batch.targets
        loss = self.loss(logits, labels)
        auxiliary = self._auxiliary_loss(logits, labels, batch.person_mask)
        if auxiliary is not None:
            loss = loss + auxiliary
        if self.distillation is not None:
            loss = loss + self.distillation(batch, logits)
        scores = self._label_scores(logits.detach(), batch.labels)
        correct = (scores.argmax(1) == batch.labels).float().mean()
        self._log("train", len(batch), loss=loss.detach(), top1=correct)
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:  # noqa: ARG002
        """Collect the probabilities of a validation batch."""
        self._predict(batch)

    def on_validation_epoch_end(self) -> None:
        """Log ``VALIDATION_METRICS`` over all validation clips."""
        outputs, labels, _ = self.collect_outputs()
        probabilities = self.label_probabilities(outputs, labels)
        likelihood = probabilities[np.arange(len(labels)), labels].astype(np.float64)
        correct = probabilities.argmax(1) == labels
        per_class = [correct[labels == c].mean() for c in np.unique(labels)]
        values = (-np.log(likelihood.clip(min=1e-12)).mean(), correct.mean(), np.mean(per_class))
        scores = {k: float(v) for k, v in zip(VALIDATION_METRICS, values, strict=True)}
        self.log_dict(scores, prog_bar=True, sync_dist=True)

    def test_step(self, batch: Batch, batch_idx: int) -> None:  # noqa: ARG002
        """Collect the probabilities of a test batch."""
        self._predict(batch)

    def collect_outputs(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return and forget what was collected, in order of the clips, from all processes.

        Returns:
            probabilities of the outputs (N, A), labels (N,), and rows of the store (N,).
        """
        columns = [torch.cat(column).cpu() for column in zip(*self._outputs, strict=True)]
        self._outputs.clear()
        if self.trainer.world_size > 1:
            columns = _gather_processes(columns)
        probabilities, labels, rows = (column.numpy() for column in columns)
        order = np.argsort(rows, kind="stable")
        return probabilities[order], labels[order], rows[order]

    def label_probabilities(self, outputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Turn collected probabilities of outputs (N, A) into those of labels (N, K)."""
        if self.readout is None:
            return outputs
        device = self.readout.projection.device
        moved = (torch.from_numpy(array).to(device) for array in (outputs, labels))
        return self.readout(*moved).cpu().numpy()

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return the optimiser and its schedule by step."""
        return scheduled_optimizer(
            self.trainer, self.classifier, self.optimizer_factory, self.schedule, self.decay_all
        )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Put what rebuilds the model into the checkpoint, as plain data."""
        checkpoint["har"] = self.record

    def _predict(self, batch: Batch) -> None:
        """Average the probabilities over the views of each clip, in float32."""
        clips = len(batch) // batch.views  # none, where there are more processes than clips
        probabilities = self(batch).float().softmax(1)
        probabilities = probabilities.view(clips, batch.views, probabilities.shape[1]).mean(1)
        rows = slice(None, None, batch.views)
        self._outputs.append((probabilities, batch.labels[rows], batch.clip_index[rows]))

    def _auxiliary_loss(self, logits: Tensor, labels: Tensor, person_mask: Tensor) -> Tensor | None:
        own = getattr(self.classifier, "auxiliary_loss", None)
        return None if own is None else own(logits, labels, person_mask)

    def _label_scores(self, logits: Tensor, labels: Tensor) -> Tensor:
        return logits if self.readout is None else self.readout(logits.softmax(1), labels)

    def _log(self, part: str, size: int, **values: Tensor) -> None:
        names = {f"{part}/{name}": value for name, value in values.items()}
        self.log_dict(
            names, on_step=False, on_epoch=True, prog_bar=True, batch_size=size, sync_dist=True
        )


def _gather_processes(columns: list[Tensor]) -> list[Tensor]:
    shares: list[Any] = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(shares, columns)
    return [torch.cat(column) for column in zip(*shares, strict=True)]
