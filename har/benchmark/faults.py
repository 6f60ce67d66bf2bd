"""How far a cell holds under faults of camera and pose estimator, beside a baseline."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from har.benchmark.measures import RobustnessSubset
from har.run.robustness.methods import Benchmark, robustness

NAME = "cell"


def measure_robustness(checkpoint: Path, subset: RobustnessSubset, scratch: Path) -> dict[str, Any]:
    """Test a checkpoint on corrupted clips; see ``har.run.robustness.methods``.

    Args:
        checkpoint: of a run.
        subset: of corruptions, severities and test clips.
        scratch: folder for predictions and pictures.

    Returns:
        ``subset`` and, by dataset, ``clean`` and ``corrupted`` accuracy, ``worst`` condition, and
        ``by_corruption`` the accuracy ``by_severity`` and its mean.
    """
    benchmark = Benchmark(subset.corruptions, subset.severities, bootstrap=0, clips=subset.clips)
    out = scratch / _folder_name(subset)
    content = robustness([checkpoint], names=[NAME], out=out, benchmark=benchmark)
    return {
        "subset": asdict(subset),
        "datasets": {name: _kept(found) for name, found in content["datasets"].items()},
    }


def _folder_name(subset: RobustnessSubset) -> str:
    """Return a name that tells subsets of clips apart, whose files must not be mixed."""
    return f"clips_{subset.clips or 'all'}"


def _kept(summary: Mapping[str, Any]) -> dict[str, Any]:
    own = summary["methods"][NAME]
    return {
        "clips": summary["clips"],
        "clean": own["clean"]["top1"],
        "corrupted": own["corrupted"]["top1"],
        "worst": own["worst"],
        "by_corruption": {
            name: {"top1": found["mean_top1"], "by_severity": found["top1"]}
            for name, found in own["by_corruption"].items()
        },
    }


def by_corruption(record: Mapping[str, Any]) -> dict[str, float]:
    """Return the accuracy under each corruption, mean over severities and datasets.

    Args:
        record: content of ``cell.json``; of a cell that was not tested the result is empty.
    """
    datasets = (record.get("robustness") or {}).get("datasets") or {}
    found: dict[str, list[float]] = {}
    for tested in datasets.values():
        for name, accuracy in tested["by_corruption"].items():
            found.setdefault(name, []).append(accuracy["top1"])
    return {name: float(np.mean(values)) for name, values in found.items()}


def mean_corruption_error(
    own: Sequence[Mapping[str, float]], baseline: Sequence[Mapping[str, float]]
) -> float | None:
    """Return the errors under corruption divided by those of a baseline, averaged over corruptions.

    After Hendrycks and Dietterich, ICLR 2019, https://arxiv.org/abs/1903.12261: 1 is as good as the
    baseline, lower is better. Corruptions under which the baseline makes no error do not count.

    Args:
        own: accuracy by corruption, one mapping a seed.
        baseline: the same of the baseline.

    Returns:
        None where the two were not tested under the same corruptions.
    """
    if not own or not baseline or any(set(seed) != set(own[0]) for seed in (*own, *baseline)):
        return None
    ratios = []
    for name in own[0]:
        error, base = (1 - np.mean([seed[name] for seed in runs]) for runs in (own, baseline))
        if base > 0:
            ratios.append(float(error / base))
    return float(np.mean(ratios)) if ratios else None
