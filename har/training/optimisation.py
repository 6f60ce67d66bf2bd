"""Optimiser and schedule of a LightningModule."""

from collections.abc import Callable, Iterable
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from har.training.schedules import Schedule

OptimizerFactory = Callable[[Iterable[Any]], Optimizer]


def scheduled_optimizer(
    trainer: pl.Trainer,
    model: nn.Module,
    factory: OptimizerFactory,
    schedule: Schedule,
    decay_all: bool,
) -> OptimizerLRScheduler:
    """Return the optimiser of a model and its schedule by step, as Lightning takes them.

    Args:
        trainer: tells how many steps there are.
        model: its trainable parameters are optimised.
        factory: makes the optimiser from parameter groups.
        schedule: factor on the learning rate for each step.
        decay_all: apply weight decay to biases and norms too.
    """
    optimizer = factory(parameter_groups(model, decay_all))
    epochs = trainer.max_epochs or 1
    steps = int(trainer.estimated_stepping_batches) // epochs

    def factor(step: int) -> float:
        return schedule.factor(step, max(1, steps), epochs)

    return {
        "optimizer": optimizer,
        "lr_scheduler": {"scheduler": LambdaLR(optimizer, factor), "interval": "step"},
    }


def parameter_groups(model: nn.Module, decay_all: bool) -> list[dict[str, Any]]:
    """Return the trainable parameters, without weight decay for those of one axis unless told."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    if decay_all:
        return [{"params": parameters}]
    return [
        {"params": [p for p in parameters if p.ndim > 1]},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
