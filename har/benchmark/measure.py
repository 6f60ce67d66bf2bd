"""What is measured of a finished run besides its accuracy."""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import torch

from har.benchmark.timing import latency, throughput
from har.models.cost import count_macs, parameter_count
from har.run.assemble import Experiment, assemble
from har.run.checkpoints import load_weights, make_record, read_checkpoint
from har.run.folder import checkpoint_folder
from har.samples import Batch

BATCH_SIZES = (1, 4, 16, 64)


def measure_run(folder: Path, measures: Sequence[str]) -> dict[str, Any]:
    """Measure a finished run.

    Args:
        folder: the run folder.
        measures: which of ``har.benchmark.suite.MEASURES``.

    Returns:
        ``speed`` of training, ``model`` size and, as asked for, ``inference``.
    """
    checkpoint = newest_checkpoint(folder)
    found: dict[str, Any] = {"speed": training_speed(folder)}
    experiment = load_experiment(checkpoint)
    found["model"] = _size(experiment)
    if "latency" in measures:
        found["inference"] = _inference(experiment)
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
    with (folder / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    rows = rows[1:] or rows
    return {
        "clips_per_second": _median(rows, "train/clips_per_second"),
        "data_wait_share": _median(rows, "train/data_wait_share"),
    }


def _median(rows: Sequence[Mapping[str, str]], column: str) -> float | None:
    values = [float(row[column]) for row in rows if row.get(column)]
    return round(median(values), 4) if values else None


def _size(experiment: Experiment) -> dict[str, Any]:
    batch = _test_rows(experiment, 1)
    streams = experiment.module.streams_of(batch)
    one_person = torch.zeros_like(batch.person_mask)
    one_person[:, 0] = True
    return {
        "parameters": parameter_count(experiment.module.classifier),
        "macs_of_a_view": count_macs(experiment.module.classifier, streams, one_person),
        "frames": int(batch.joints.shape[2]),
    }


def _inference(experiment: Experiment) -> dict[str, Any]:
    """Time streams and model in float32 on real test clips, one view each, already transformed."""
    rows = _test_rows(experiment, max(BATCH_SIZES))
    module = experiment.module

    def work_of_size(size: int) -> Callable[[], object]:
        batch = _first(rows, size)

        def work() -> object:
            with torch.inference_mode():
                return module(batch)

        return work

    return {
        "device": str(rows.joints.device),
        "threads": torch.get_num_threads(),
        "latency": latency(work_of_size(1)),
        "throughput": throughput(work_of_size, BATCH_SIZES),
    }


def _test_rows(experiment: Experiment, count: int) -> Batch:
    """Return transformed rows of the first test clips; the last repeats if they are too few."""
    data = experiment.data
    device = next(experiment.module.parameters()).device
    batches: list[Batch] = []
    for batch in data.test_dataloader():
        batches.append(_rows(batch, torch.arange(0, len(batch), batch.views)))
        if sum(map(len, batches)) >= count:
            break
    joined = _join(batches)
    chosen = torch.arange(count).clamp(max=len(joined) - 1)
    return data.transform(_rows(joined, chosen).to(device), training=False)


def _first(batch: Batch, size: int) -> Batch:
    return _rows(batch, torch.arange(size))


def _rows(batch: Batch, rows: torch.Tensor) -> Batch:
    names = ("joints", "confidence", "person_mask", "labels", "clip_index")
    chosen: dict[str, Any] = {
        name: getattr(batch, name)[rows.to(batch.joints.device)] for name in names
    }
    return replace(batch, **chosen, views=1)


def _join(batches: Sequence[Batch]) -> Batch:
    names = ("joints", "confidence", "person_mask", "labels", "clip_index")
    joined: dict[str, Any] = {
        name: torch.cat([getattr(batch, name) for batch in batches]) for name in names
    }
    return replace(batches[0], **joined)
