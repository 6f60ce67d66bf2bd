"""Size and speed of a trained model in torch, on real test clips."""

import os
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any

import torch
from torch import Tensor

from har.benchmark.clocks import read_clocks
from har.benchmark.timing import latency, throughput
from har.models.cost import forward_macs, parameter_count
from har.run.assemble import Experiment
from har.samples import Batch

BATCH_SIZES = (1, 4, 16, 64)


def measure_size(experiment: Experiment) -> dict[str, Any]:
    """Return parameters, multiply-accumulates of one view with one person, and its frames."""
    batch = first_test_rows(experiment, 1)
    one_person = torch.zeros_like(batch.person_mask)
    one_person[:, :1] = True
    seen = batch.joints if batch.frames is None or experiment.module.streams else batch.frames
    return {
        "parameters": parameter_count(experiment.module.classifier),
        "macs_of_a_view": forward_macs(experiment.module, replace(batch, person_mask=one_person)),
        "frames": int(seen.shape[2] if seen is batch.joints else seen.shape[1]),
    }


def measure_inference(experiment: Experiment) -> dict[str, Any]:
    """Time streams and model in float32 on real test clips, one view each, already transformed."""
    rows = first_test_rows(experiment, max(BATCH_SIZES))
    module = experiment.module

    def work_of_size(size: int) -> Callable[[], object]:
        batch = _rows(rows, torch.arange(size))

        def work() -> object:
            with torch.inference_mode():
                return module(batch)

        return work

    return {
        "device": str(rows.labels.device),
        "threads": torch.get_num_threads(),
        "latency": latency(work_of_size(1)),
        "throughput": throughput(work_of_size, BATCH_SIZES),
        "clocks": read_clocks(),
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }


def first_test_rows(experiment: Experiment, count: int) -> Batch:
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


def _rows(batch: Batch, rows: Tensor) -> Batch:
    parts = _tensors(batch)
    chosen: dict[str, Any] = {name: part[rows.to(part.device)] for name, part in parts.items()}
    return replace(batch, **chosen, views=1)


def _join(batches: Sequence[Batch]) -> Batch:
    parts = [_tensors(batch) for batch in batches]
    joined: dict[str, Any] = {n: torch.cat([part[n] for part in parts]) for n in parts[0]}
    return replace(batches[0], **joined)


def _tensors(batch: Batch) -> dict[str, Tensor]:
    """Return what a batch has of each of its rows."""
    there = {field.name: getattr(batch, field.name) for field in fields(batch)}
    return {name: part for name, part in there.items() if isinstance(part, Tensor)}
