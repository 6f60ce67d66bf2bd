r"""Tells which test clips of finished runs are byte for byte in training, and what they change.

    python benchmarks/copies_in_test.py --json benchmarks/results/nwucla_copies.json \
        runs/nwucla_stgcnpp_joint/*

New runs report it themselves (``without_copies`` in ``results.json``); what ``har fuse`` makes of
them does not.
"""

import argparse
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np

from har.config.compose import from_plain, to_plain
from har.data.copies import copies_of_training
from har.evaluation.predictions import Predictions
from har.evaluation.summary import overall_scores
from har.record import provenance, read_json, write_json_atomic
from har.run.checkpoints import read_checkpoint
from har.run.sources import open_sources

SHOWN = ("top1", "mean_class_accuracy", "macro_f1")


def main() -> None:
    """Compare the metrics of runs with and without copied test clips."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    measured = [measure(folder) for folder in options.runs]
    over_runs = {
        name: {kind: spread([run[kind][name] for run in measured]) for kind in ("all", "without")}
        for name in SHOWN
    }
    record = {"metrics": over_runs, "runs": measured, "provenance": provenance()}
    write_json_atomic(options.json, record)
    for name, kinds in over_runs.items():
        told = ", ".join(f"{kind} {100 * v['mean']:.1f} %" for kind, v in kinds.items())
        print(f"{name}: {told}")


def measure(folder: Path) -> dict[str, Any]:
    """Return the metrics of one run over all test clips, and without copies of training clips."""
    results = read_json(folder / "results.json")
    run = Path(next(iter(results["fusion"]["weights"]))) if "fusion" in results else folder
    checkpoint = read_checkpoint(run / "checkpoints" / "last.ckpt")["har"]
    (source,) = open_sources(to_plain(from_plain(checkpoint["config"])))
    copies = copies_of_training(source.store, source.split)
    ids = source.store.index.clip_id[copies].astype(str)
    predictions = Predictions.read(folder / "predictions.parquet")
    kept = ~np.isin(predictions.clip_ids, ids)
    labels, counts = np.unique(source.store.index.label[copies], return_counts=True)
    return {
        "seed": results["seed"],
        "data_fingerprint": source.store.fingerprint,
        "test_clips": len(predictions),
        "copies": len(ids),
        "copies_by_class": {
            source.card.labels[label]: int(n) for label, n in zip(labels, counts, strict=True)
        },
        "all": overall_scores(predictions),
        "without": overall_scores(predictions.subset(kept)),
    }


def spread(values: list[float]) -> dict[str, Any]:
    """Return mean, standard deviation and the values."""
    return {
        "mean": mean(values),
        "std": stdev(values) if len(values) > 1 else None,
        "values": values,
    }


if __name__ == "__main__":
    main()
