"""What is measured of a finished run besides its accuracy."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch

from har.benchmark.exported import measure_exports
from har.benchmark.faults import measure_robustness
from har.benchmark.inference import measure_inference, measure_size
from har.benchmark.measures import Measures
from har.benchmark.target import cost_to_target
from har.run.assemble import Experiment, assemble
from har.run.checkpoints import load_weights, make_record, read_checkpoint
from har.run.folder import checkpoint_folder
from har.training.metrics_log import read_metrics


def measure_run(
    folder: Path, measures: Measures, scratch: Path, joules: float | None = None
) -> dict[str, Any]:
    """Measure a finished run.

    Args:
        folder: the run folder.
        measures: what to take.
        scratch: folder for the predictions on corrupted clips, so that a stopped test goes on.
        joules: energy of the training, where it was measured.

    Returns:
        ``speed`` of training, ``model`` size and, as asked for, ``inference``, ``exports``,
        ``robustness`` and ``to_target``.
    """
    checkpoint = newest_checkpoint(folder)
    found: dict[str, Any] = {"speed": training_speed(folder)}
    experiment = load_experiment(checkpoint)
    found["model"] = measure_size(experiment)
    if "latency" in measures.names:
        found["inference"] = measure_inference(experiment)
    if "to_target" in measures.names and measures.target is not None:
        found["to_target"] = cost_to_target(folder / "metrics.csv", measures.target, joules)
    if "onnx" in measures.names:
        found["exports"] = measure_exports(checkpoint, measures.onnx)
    if "robustness" in measures.names:
        found["robustness"] = measure_robustness(checkpoint, measures.robustness, scratch)
    return found


def newest_checkpoint(folder: Path) -> Path:
    """Return the checkpoint that the run was tested with."""
    place = checkpoint_folder(folder)
    best = place / "best.ckpt"
    return best if best.exists() else place / "last.ckpt"


def load_experiment(checkpoint: Path) -> Experiment:
    """Return the experiment of a checkpoint with its weights, ready to predict."""
    content = read_checkpoint(checkpoint)
    config = content["har"]["config"]
    experiment = assemble(config, make_record(config))
    load_weights(experiment.module, content, checkpoint)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    experiment.module.eval().to(device)
    return experiment


def training_speed(folder: Path) -> dict[str, float | None]:
    """Return clips a second and the share of time spent waiting for data, from ``metrics.csv``.

    Medians over the epochs after the first, which also warms up; the first where it is the only.
    """
    rows = read_metrics(folder / "metrics.csv")
    rows = rows[1:] or rows
    return {
        "clips_per_second": _median(rows, "train/clips_per_second"),
        "data_wait_share": _median(rows, "train/data_wait_share"),
    }


def _median(rows: Sequence[Mapping[str, str]], column: str) -> float | None:
    values = [float(row[column]) for row in rows if row.get(column)]
    return round(median(values), 4) if values else None
