"""What the robustness benchmark writes: one record, a table, and pictures."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from har.evaluation.robustness_plots import write_robustness_plots
from har.evaluation.robustness_table import describe_robustness, robustness_rows
from har.quality.corruptions import CORRUPTIONS, SEVERITIES
from har.record import provenance, write_json_atomic
from har.run.checkpoints import read_checkpoint

RESULTS, ROWS = "robustness.json", "robustness"


def write_robustness(
    folder: Path,
    summaries: Mapping[str, Mapping[str, Any]],
    methods: Mapping[str, Path],
    seed: int,
    clips: int | None,
) -> dict[str, Any]:
    """Write and print the results, and return the content of ``robustness.json``.

    Args:
        folder: of the benchmark.
        summaries: of ``har.evaluation.robustness`` by dataset.
        methods: checkpoints by name.
        seed: of the corruptions.
        clips: how many test clips were chosen; None for all.
    """
    used = {name for s in summaries.values() for name in _tested_corruptions(s)}
    content = {
        "datasets": summaries,
        "checkpoints": {name: _describe_checkpoint(ckpt) for name, ckpt in methods.items()},
        "corruptions": {
            name: {
                "parameter": kind.parameter,
                "levels": dict(zip(SEVERITIES, kind.levels, strict=True)),
            }
            for name, kind in CORRUPTIONS.items()
            if name in used
        },
        "seed": seed,
        "test_clips": clips or "all",
        "provenance": provenance(),
    }
    rows = [
        {"dataset": dataset, **row}
        for dataset, summary in summaries.items()
        for row in robustness_rows(summary)
    ]
    table = pa.Table.from_pylist(rows)
    pq.write_table(table, folder / f"{ROWS}.parquet")
    pyarrow.csv.write_csv(table, folder / f"{ROWS}.csv")
    for dataset, summary in summaries.items():
        write_robustness_plots(summary, folder if len(summaries) == 1 else folder / dataset)
        print(f"\n{dataset}: {describe_robustness(summary)}")
    write_json_atomic(folder / RESULTS, content)
    print(f"\nrobustness: {folder}")
    return content


def _describe_checkpoint(ckpt: Path) -> dict[str, Any]:
    checkpoint = read_checkpoint(ckpt)
    config = checkpoint["har"]["config"]
    return {
        "file": ckpt,
        "sha256": hashlib.sha256(ckpt.read_bytes()).hexdigest(),
        "experiment": config["name"],
        "model": config["model"],
        "streams": config["stream"]["names"],
        "seed": config["seed"],
        "epochs": int(checkpoint["epoch"]) + 1 if "epoch" in checkpoint else None,
    }


def _tested_corruptions(summary: Mapping[str, Any]) -> list[str]:
    (first, *_) = summary["methods"].values()
    return [*first["by_corruption"], *summary["not_applicable"]]
