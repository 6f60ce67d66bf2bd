"""What the page of a report shows, as plain data: it is drawn in the browser."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from har.benchmark.columns import filled, shown
from har.benchmark.entries import Entry, dig
from har.benchmark.gather import Gathered
from har.benchmark.leaderboard import COSTS
from har.benchmark.report.measured import beside_peers, exported_graphs, robustness_heat
from har.benchmark.report.mistakes import worst_mistakes
from har.evaluation.significance import average_ranks
from har.training.metrics_log import read_metrics

CURVES = ("train/loss", "val/loss", "train/top1", "val/top1")
CONFUSIONS_SHOWN = 6


def page_content(gathered: Gathered, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return everything that the page shows."""
    return {
        "suites": list(gathered.suites),
        "tasks": [_task(gathered, task, rows) for task in gathered.tasks],
        "failed": [_failure(record) for record in gathered.failed],
        "open": list(gathered.open_cells),
        "commands": _commands(gathered),
        "environment": _environment(gathered),
    }


def _task(gathered: Gathered, task: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    entries = gathered.of_task(task)
    own = [row for row in rows if row["task"] == task]
    columns = filled(own)
    return {
        "name": task,
        "label": gathered.labels.get(task, task),
        "columns": [
            {"key": c.key, "title": c.title, "about": c.about, "better": c.better} for c in columns
        ],
        "rows": [_table_row(row, columns) for row in own],
        "costs": [cost for cost in COSTS if cost in {column.key for column in columns}],
        "ranks": _ranks(entries),
        "classes": _by_class(entries),
        "conditions": _by_condition(entries),
        "robustness": robustness_heat(entries),
        "exports": exported_graphs(entries),
        "peers": beside_peers(gathered, own),
        "confusions": [_confusion(entry) for entry in entries[:CONFUSIONS_SHOWN]],
        "curves": [curve for entry in entries if (curve := _curves(entry))],
        "mistakes": worst_mistakes(entries),
        "copies": _copies(entries),
    }


def _table_row(row: Mapping[str, Any], columns: Sequence[Any]) -> dict[str, Any]:
    kept = ("label", "stream", "seeds", "subject_low", "subject_high", "seed_low", "seed_high")
    fronts = [key for key in row if key.startswith("front_") and row[key]]
    return {
        **{key: row[key] for key in kept},
        "name": f"{row['label']} {row['stream']}",
        "fronts": [key.removeprefix("front_") for key in fronts],
        "values": {column.key: row[column.key] for column in columns},
        "texts": {column.key: shown(row, column) for column in columns},
    }


def _ranks(entries: Sequence[Entry]) -> dict[str, Any] | None:
    """Rank entries over the seeds that all of them have."""
    shared = set.intersection(*({run.seed for run in entry.runs} for entry in entries))
    if len(entries) < 2 or not shared:
        return None
    scores = {
        entry.name: [float(r.results["top1"]) for r in entry.runs if r.seed in shared]
        for entry in entries
    }
    ranks = average_ranks(scores)
    return {
        "average": dict(sorted(ranks.average.items(), key=lambda item: item[1])),
        "critical_difference": ranks.critical_difference,
        "blocks": ranks.blocks,
    }


def _by_class(entries: Sequence[Entry]) -> dict[str, Any]:
    names = entries[0].runs[0].predictions.class_names
    table = {}
    for entry in entries:
        labels = entry.runs[0].predictions.labels
        right = entry.correct
        table[entry.name] = [_share(right[labels == k]) for k in range(len(names))]
    return {"columns": list(names), "rows": table}


def _by_condition(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Return accuracy by subject and by camera, where there are several."""
    found = []
    for kind in ("subjects", "cameras"):
        groups = getattr(entries[0].runs[0].predictions, kind)
        names = sorted(set(groups.tolist()), key=_by_number)
        if len(names) < 2:
            continue
        table = {
            entry.name: [_share(entry.correct[groups == name]) for name in names]
            for entry in entries
        }
        found.append({"kind": kind, "columns": names, "rows": table})
    return found


def _by_number(name: str) -> tuple[int, str]:
    """Return a key that puts 2 before 10."""
    return (int(name) if name.isdecimal() else -1, name)


def _share(right: np.ndarray) -> float | None:
    return round(float(right.mean()), 4) if len(right) else None


def _confusion(entry: Entry) -> dict[str, Any]:
    """Return the mean confusion over seeds, rows the true classes, as shares of the row."""
    first = entry.runs[0].predictions
    size = len(first.class_names)
    counts = np.zeros((size, size))
    for run in entry.runs:
        np.add.at(counts, (run.predictions.labels, run.predictions.predicted), 1)
    shares = counts / counts.sum(axis=1, keepdims=True).clip(min=1)
    return {
        "name": entry.name,
        "names": list(first.class_names),
        "shares": shares.round(3).tolist(),
    }


def _curves(entry: Entry) -> dict[str, Any] | None:
    folder = entry.runs[0].folder
    if folder is None or not (folder / "metrics.csv").exists():
        return None
    rows = read_metrics(folder / "metrics.csv")
    series = {
        name: [round(float(row[name]), 4) if row.get(name) else None for row in rows]
        for name in CURVES
        if any(row.get(name) for row in rows)
    }
    return {"name": entry.name, "series": series}


def _copies(entries: Sequence[Entry]) -> dict[str, Any] | None:
    """Return how the entries do without test clips that are copies of training clips."""
    table = {}
    for entry in entries:
        parts = [run.results.get("without_copies") or {} for run in entry.runs]
        if all(parts):
            table[entry.name] = round(float(np.mean([part["top1"] for part in parts])), 4)
            copies = parts[0]["copies"]
    return {"copies": copies, "top1": table} if table else None


def _failure(record: Mapping[str, Any]) -> dict[str, Any]:
    job = record["job"]
    return {
        "name": f"{job['task']} {job['method']} {job['stream']} seed {job['seed']}",
        "error": record.get("error"),
        "traceback": record.get("traceback", ""),
        "command": record["command"],
    }


def _commands(gathered: Gathered) -> list[dict[str, str]]:
    return [
        {"name": f"{entry.task} {entry.name} seed {run.seed}", "command": run.record["command"]}
        for entry in gathered.entries
        for run in entry.runs
        if run.folder is not None
    ]


def _environment(gathered: Gathered) -> list[dict[str, Any]]:
    """Return the machines and versions of the cells, each combination once."""
    found: dict[str, dict[str, Any]] = {}
    for entry in gathered.entries:
        for run in entry.runs:
            origin = run.record.get("provenance")
            if origin is None:
                continue
            told = {
                "processor": dig(origin, ("cpu", "model")),
                "cores": dig(origin, ("cpu", "usable_cores")),
                "memory GiB": origin["memory_gib"],
                "GPUs": ", ".join(f"{g['name']} ({g['driver']})" for g in origin["gpus"]) or "none",
                "python": origin["python"],
                "torch": origin["packages"].get("torch"),
                "commit": dig(origin, ("git", "commit")),
                "changed since": dig(origin, ("git", "dirty")),
                "energy": dig(run.record, ("training", "energy_source")),
                "threads": dig(run.record, ("inference", "threads")),
            }
            machine = found.setdefault(str(told), {**told, "cells": 0, "clock MHz": [], "load": []})
            machine["cells"] += 1
            machine["clock MHz"].append(_clock(run.record))
            machine["load"].append(dig(run.record, ("inference", "load_average")))
    ranges = ("clock MHz", "load")
    return [{**m, **{name: _range(m[name]) for name in ranges}} for m in found.values()]


def _clock(record: Mapping[str, Any]) -> float | None:
    """Return the clock right after the timing in MHz: of the GPU if any, else of the processor."""
    gpus = dig(record, ("inference", "clocks", "gpus"))
    if gpus:
        return float(gpus[0]["sm_mhz"])
    return dig(record, ("inference", "clocks", "cpu_mhz", "median"))


def _range(values: Sequence[float | None]) -> str:
    there = [value for value in values if value is not None]
    if not there:
        return "not told"
    low, high = (f"{value:.4g}" for value in (min(there), max(there)))
    return low if low == high else f"{low} to {high}"
