"""Runs an experiment and kills its own process, without a chance to tidy up, at a training step.

Called as ``python killed_run.py <config.json> <epoch> <batch>``.
"""

import json
import os
import signal
import sys
from pathlib import Path

from har.run import train
from har.training.callbacks import SeedEveryStep

seed_step = SeedEveryStep.on_train_batch_start


def seed_or_die(self, trainer, pl_module, batch, batch_idx) -> None:
    if (trainer.current_epoch, batch_idx) == (int(sys.argv[2]), int(sys.argv[3])):
        os.kill(os.getpid(), signal.SIGKILL)
    seed_step(self, trainer, pl_module, batch, batch_idx)


if __name__ == "__main__":
    SeedEveryStep.on_train_batch_start = seed_or_die
    train(json.loads(Path(sys.argv[1]).read_text()))
