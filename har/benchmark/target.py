"""What it costs to reach an accuracy, from the training curve of a run."""

from pathlib import Path
from typing import Any

from har.training.metrics_log import read_metrics

PARTS = ("val", "train")


def cost_to_target(metrics: Path, target: float, joules: float | None = None) -> dict[str, Any]:
    """Return seconds, and energy, of training steps until top-1 is at least ``target``.

    The accuracy is that on the validation part; without one, that on the training batches, which
    augmentation makes harder and repetition easier. Cost counts whole epochs.

    Args:
        metrics: ``metrics.csv`` of the run.
        target: accuracy in (0, 1].
        joules: energy of the whole training; the epochs get their share of it by time.

    Returns:
        ``target``, ``part`` it was looked for on, ``best`` accuracy there, ``reached``, and, None
        where it was not, ``epochs``, ``seconds`` and ``joules``.
    """
    rows = read_metrics(metrics)
    part = next((name for name in PARTS if any(row.get(f"{name}/top1") for row in rows)), "train")
    curve = [float(row.get(f"{part}/top1") or 0) for row in rows]
    seconds = [float(row.get("train/seconds") or 0) for row in rows]
    first = next((number for number, top1 in enumerate(curve) if top1 >= target), None)
    taken = None if first is None else sum(seconds[: first + 1])
    share = None if taken is None or joules is None else joules * taken / (sum(seconds) or 1)
    return {
        "target": target,
        "part": part,
        "best": max(curve, default=0.0),
        "reached": first is not None,
        "epochs": None if first is None else first + 1,
        "seconds": None if taken is None else round(taken, 2),
        "joules": None if share is None else round(share, 1),
    }
