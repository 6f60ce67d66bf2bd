"""The leaderboard: one row for each entry, and its files for readers, papers and programs."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from har.benchmark.gather import Entry, Gathered, dig
from har.evaluation.intervals import bootstrap_intervals
from har.evaluation.significance import holm, paired_permutation, pareto_front, seed_interval
from har.record import write_bytes_atomic

SIGNIFICANT = 0.05
FEWEST_SUBJECTS = 6
"""With fewer subjects, 2^n sign flips of whole subjects could not reach the 5 % level."""


@dataclass(frozen=True)
class Column:
    """A column of the tables.

    Attributes:
        better: "high" or "low"; "" where neither is.
        show: how a value is written for a person.
    """

    key: str
    title: str
    about: str
    better: str
    show: Callable[[Any], str]


def _percent(value: Any) -> str:
    return f"{100 * value:.1f}"


def _short(value: Any) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def _millions(value: Any) -> str:
    return f"{value / 1e6:.2f}"


def _billions(value: Any) -> str:
    return f"{value / 1e9:.3f}"


COLUMNS = (
    Column("top1", "top-1 %", "accuracy on the test part, mean over seeds", "high", _percent),
    Column("std", "±", "standard deviation over seeds, points", "low", _percent),
    Column("mean_class_accuracy", "class acc. %", "mean over the classes", "high", _percent),
    Column("macro_f1", "macro F1 %", "mean F1 over the classes", "high", _percent),
    Column("kind_accuracy", "kind %", "accuracy by kind of activity", "high", _percent),
    Column("risk_cost", "risk cost", "mean cost of mistakes by risk level", "low", _short),
    Column("ece", "ECE %", "expected calibration error", "low", _percent),
    Column("worst_subject", "worst subject %", "top-1 of the worst test subject", "high", _percent),
    Column("worst_camera", "worst camera %", "top-1 of the worst test camera", "high", _percent),
    Column("parameters", "params M", "trainable parameters, millions", "low", _millions),
    Column("macs", "GMACs", "billions of multiply-accumulates a view", "low", _billions),
    Column("training_seconds", "training s", "seconds of training steps", "low", _short),
    Column("training_rate", "train clips/s", "training clips a second", "high", _short),
    Column("data_wait", "data wait %", "share of training spent waiting for data", "low", _percent),
    Column("peak_memory_mib", "peak MiB", "most memory in training, GPU if any", "low", _short),
    Column("latency_ms", "p50 ms", "median latency of one clip", "low", _short),
    Column("latency_p99_ms", "p99 ms", "99th percentile of the latency of one clip", "low", _short),
    Column("throughput", "clips/s", "clips a second at the best batch size", "high", _short),
    Column("joules_a_clip", "J/clip", "energy of one clip at the best batch size", "low", _short),
    Column("p_value", "p", "against the best of the task, Holm-corrected", "", _short),
)  # fmt: skip


def leaderboard(gathered: Gathered) -> list[dict[str, Any]]:
    """Return one row for each entry, tasks in order, the most accurate first."""
    rows = []
    for task in gathered.tasks:
        entries = gathered.of_task(task)
        own = [_row(entry) for entry in entries]
        for row, p_value in zip(own, _against_best(entries), strict=True):
            row["p_value"] = p_value
        _mark_front(own)
        rows += own
    return rows


def write_files(rows: Sequence[Mapping[str, Any]], gathered: Gathered, out: Path) -> None:
    """Write ``leaderboard.csv``, ``leaderboard.md`` and ``leaderboard.tex``."""
    write_bytes_atomic(out / "leaderboard.csv", _csv(rows).encode())
    write_bytes_atomic(out / "leaderboard.md", markdown(rows, gathered).encode())
    write_bytes_atomic(out / "leaderboard.tex", _latex(rows, gathered).encode())


def markdown(rows: Sequence[Mapping[str, Any]], gathered: Gathered) -> str:
    """Return a Markdown table for each task, without the columns that nothing fills."""
    lines: list[str] = []
    for task in gathered.tasks:
        own = [row for row in rows if row["task"] == task]
        columns = filled(own)
        lines += [f"**{gathered.labels.get(task, task)}**", ""]
        lines.append("| method | stream | seeds | " + " | ".join(c.title for c in columns) + " |")
        lines.append("|---|---|--:|" + "--:|" * len(columns))
        for row in own:
            cells = [row["label"], row["stream"], str(row["seeds"])]
            cells += [shown(row, column) for column in columns]
            lines.append("| " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)


def filled(rows: Sequence[Mapping[str, Any]]) -> list[Column]:
    """Return the columns that at least one row has a value for."""
    return [column for column in COLUMNS if any(row[column.key] is not None for row in rows)]


def shown(row: Mapping[str, Any], column: Column) -> str:
    """Return a cell as text; empty where nothing was measured."""
    value = row[column.key]
    return "" if value is None else column.show(value)


def _row(entry: Entry) -> dict[str, Any]:
    top1 = seed_interval(entry.values("top1"))
    low, high = _subject_interval(entry)
    return {
        "task": entry.task,
        "method": entry.method,
        "label": entry.label,
        "stream": entry.stream,
        "seeds": top1.count,
        "top1": top1.mean,
        "std": top1.std,
        "seed_low": top1.low,
        "seed_high": top1.high,
        "subject_low": low,
        "subject_high": high,
        **{key: _mean(entry.values(key)) for key in ("mean_class_accuracy", "macro_f1", "ece")},
        **_of_results(entry),
        **_of_records(entry),
    }


def _of_results(entry: Entry) -> dict[str, float | None]:
    results = [run.results for run in entry.runs]
    costs = [
        dig(run.results, ("cost",)) or run.record.get("results_cost", {}) for run in entry.runs
    ]
    return {
        "kind_accuracy": _mean([_kind_accuracy(result) for result in results]),
        "risk_cost": _mean([dig(result, ("taxonomy", "risk", "cost")) for result in results]),
        "worst_subject": _mean([_worst(result, "per_subject") for result in results]),
        "worst_camera": _mean([_worst(result, "per_camera") for result in results]),
        "training_seconds": _mean([cost.get("training_seconds") for cost in costs]),
    }


def _of_records(entry: Entry) -> dict[str, float | None]:
    def mean_of(*path: str) -> float | None:
        return _mean([dig(run.record, path) for run in entry.runs])

    gpu = mean_of("training", "peak_memory_mib", "gpu")
    return {
        "parameters": mean_of("model", "parameters"),
        "macs": mean_of("model", "macs_of_a_view"),
        "training_rate": mean_of("speed", "clips_per_second"),
        "data_wait": mean_of("speed", "data_wait_share"),
        "peak_memory_mib": gpu or mean_of("training", "peak_memory_mib", "host"),
        "latency_ms": mean_of("inference", "latency", "p50_ms"),
        "latency_p99_ms": mean_of("inference", "latency", "p99_ms"),
        "throughput": mean_of("inference", "throughput", "clips_per_second"),
        "joules_a_clip": mean_of("inference", "throughput", "joules_a_clip"),
    }


def _against_best(entries: Sequence[Entry]) -> list[float | None]:
    """Return for each entry the corrected p-value of its difference from the first."""
    if len(entries) < 2:
        return [None] * len(entries)
    best = entries[0]
    subjects = best.runs[0].predictions.subjects
    groups = subjects if len(set(subjects.tolist())) >= FEWEST_SUBJECTS else None
    p_values = [paired_permutation(best.correct, other.correct, groups) for other in entries[1:]]
    return [None, *holm(p_values)]


def _subject_interval(entry: Entry) -> tuple[float, float]:
    bounds = [
        bootstrap_intervals(run.predictions, resamples=500, seed=run.seed).bounds["top1"]
        for run in entry.runs
    ]
    low, high = np.mean(bounds, axis=0)
    return float(low), float(high)


def _mark_front(rows: Sequence[dict[str, Any]]) -> None:
    gains = [row["top1"] for row in rows]
    for cost in ("latency_ms", "macs", "joules_a_clip", "training_seconds"):
        costs = [float("nan") if row[cost] is None else row[cost] for row in rows]
        for row, there in zip(rows, pareto_front(gains, costs), strict=True):
            row[f"front_{cost}"] = there


def _kind_accuracy(results: Mapping[str, Any]) -> float | None:
    levels = dig(results, ("taxonomy", "levels")) or ()
    return next((level["accuracy"] for level in levels if level["level"] == "kind"), None)


def _worst(results: Mapping[str, Any], part: str) -> float | None:
    groups = results.get(part) or {}
    return (
        min((group["top1"] for group in groups.values()), default=None) if len(groups) > 1 else None
    )


def _mean(values: Sequence[Any]) -> float | None:
    there = [float(value) for value in values if value is not None]
    return float(np.mean(there)) if len(there) == len(values) and there else None


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _latex(rows: Sequence[Mapping[str, Any]], gathered: Gathered) -> str:
    parts = []
    for task in gathered.tasks:
        own = [row for row in rows if row["task"] == task]
        columns = [c for c in filled(own) if c.key not in ("std", "p_value")]
        best = {c.key: _best(own, c) for c in columns}
        lines = [
            f"% {gathered.labels.get(task, task)}; needs the package booktabs",
            rf"\begin{{tabular}}{{ll{'r' * len(columns)}}}",
            r"\toprule",
            " & ".join(["method", "stream", *(_escape(c.title) for c in columns)]) + r" \\",
            r"\midrule",
        ]
        for row in own:
            cells = [_escape(row["label"]), _escape(row["stream"])]
            cells += [_latex_cell(row, column, best) for column in columns]
            lines.append(" & ".join(cells) + r" \\")
        parts += [*lines, r"\bottomrule", r"\end{tabular}", ""]
    return "\n".join(parts)


def _latex_cell(row: Mapping[str, Any], column: Column, best: Mapping[str, Any]) -> str:
    text = shown(row, column)
    if column.key == "top1" and row["std"] is not None:
        text += rf" $\pm$ {100 * row['std']:.1f}"
    leads = column.better and row[column.key] is not None and row[column.key] == best[column.key]
    return rf"\textbf{{{text}}}" if leads else text


def _best(rows: Sequence[Mapping[str, Any]], column: Column) -> Any:
    values = [row[column.key] for row in rows if row[column.key] is not None]
    return (max if column.better == "high" else min)(values)


def _escape(text: str) -> str:
    for character in "&%_#$":
        text = text.replace(character, "\\" + character)
    return text
