"""A tiny experiment, started in this process or in one of its own."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from har.config.compose import compose, to_plain
from har.paths import project_root

TINY = (
    "experiment=smoke",
    "data.adapter_options.clips=80",
    "data.batch_size=8",
    "data.eval_batch_size=16",
    "sampling.frames=8",
    "optimizer=sgd",
    "optimizer.factory.lr=0.05",
    "model.backbone.base_channels=8",
    "model.backbone.blocks=2",
    "model.backbone.stages=[2]",
    "trainer.accelerator=cpu",
    "trainer.max_epochs=3",
    "trainer.progress_bar=false",
    "evaluation.bootstrap=10",
    "evaluation.examples=0",
)
"""4 training subjects of 20 clips, less those of one for validation: 5 batches an epoch."""

RANDOM = ("model.backbone.dropout=0.3", "model.head.dropout=0.2", "mixing=mixup")
"""What draws random numbers in training, besides the augmentation of the experiment."""


def make_config(*overrides: str) -> dict[str, Any]:
    """Return the configuration of the tiny experiment."""
    return to_plain(compose([*TINY, *overrides]))


def run_program(*arguments: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    """Run ``train.py`` as a user would."""
    return run_python(str(project_root() / "train.py"), *arguments, timeout=timeout)


def run_python(*arguments: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    """Run Python in a process of its own, with as many threads as this one."""
    threads = str(torch.get_num_threads())
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=os.environ["HAR_RUNS_DIR"],
        env={**os.environ, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads},
        check=False,
    )


def read_metrics(folder: Path) -> list[dict[str, str]]:
    """Return the rows of ``metrics.csv`` without what the clock says."""
    with (folder / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    clock = ("train/seconds", "train/clips_per_second", "train/data_wait_share")
    return [{key: value for key, value in row.items() if key not in clock} for row in rows]


def read_results(folder: Path) -> dict[str, Any]:
    """Return ``results.json``."""
    return json.loads((folder / "results.json").read_text())


def read_weights(folder: Path, name: str = "last.ckpt") -> dict[str, torch.Tensor]:
    """Return the weights of a checkpoint of a run."""
    return torch.load(folder / "checkpoints" / name, weights_only=True)["state_dict"]


def assert_equal_weights(
    first: Mapping[str, torch.Tensor], second: Mapping[str, torch.Tensor]
) -> None:
    """Check that two models are equal to the last bit."""
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name]), name
