"""The leaderboard: one row for each entry, and its files for readers, papers and programs."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from har.benchmark.columns import Column, filled, shown
from har.benchmark.entries import Entry, dig
from har.benchmark.faults import by_corruption, mean_corruption_error
from har.benchmark.gather import Gathered
from har.evaluation.intervals import bootstrap_intervals
from har.evaluation.significance import holm, paired_permutation, pareto_front, seed_interval
from har.record import write_bytes_atomic

COSTS = ("latency_ms", "onnx_ms", "macs", "training_seconds", "parameters", "joules_a_clip")
"""What accuracy is weighed against."""

LATEX = str.maketrans(
    {
        **{character: "\\" + character for character in "&%_#${}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
    }
)

FEWEST_SUBJECTS = 6
"""With fewer subjects, 2^n sign flips of whole subjects could not reach the 5 % level."""


def leaderboard(gathered: Gathered) -> list[dict[str, Any]]:
    """Return one row for each entry, tasks in order, the most accurate first."""
    rows = []
    for task in gathered.tasks:
        entries = gathered.of_task(task)
        own = [{**_row(entry), "mce": _mce(entry, gathered)} for entry in entries]
        for row, p_value in zip(own, _against_best(entries), strict=True):
            row["p_value"] = p_value
        _mark_front(own)
        rows += own
    return rows


def faults(entry: Entry) -> list[dict[str, float]]:
    """Return the accuracy under each corruption, one mapping a seed; empty if it was not tested."""
    found = [by_corruption(run.record) for run in entry.runs]
    return found if all(found) else []


def _mce(entry: Entry, gathered: Gathered) -> float | None:
    """Return the mean corruption error beside the baseline of the task on the same stream."""
    method = gathered.baselines.get(entry.task)
    same = [
        e for e in gathered.of_task(entry.task) if (e.method, e.stream) == (method, entry.stream)
    ]
    subsets = [dig(r.record, ("robustness", "subset")) for e in (entry, *same) for r in e.runs]
    if not same or any(subset != subsets[0] for subset in subsets):
        return None
    return mean_corruption_error(faults(entry), faults(same[0]))


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
        lines += [f"**{_line(gathered.labels.get(task, task))}**", ""]
        lines.append("| method | stream | seeds | " + " | ".join(c.title for c in columns) + " |")
        lines.append("|---|---|--:|" + "--:|" * len(columns))
        for row in own:
            cells = [_pipeless(row["label"]), _pipeless(row["stream"]), str(row["seeds"])]
            cells += [shown(row, column) for column in columns]
            lines.append("| " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)


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
        "onnx_ms": mean_of("exports", "fp32", "latency", "p50_ms"),
        "onnx_p90_ms": mean_of("exports", "fp32", "latency", "p90_ms"),
        "onnx_p99_ms": mean_of("exports", "fp32", "latency", "p99_ms"),
        "int8_ms": mean_of("exports", "int8", "latency", "p50_ms"),
        "int8_lost": mean_of("exports", "int8", "quantisation", "top1_lost"),
        "target_seconds": mean_of("to_target", "seconds"),
        "target_joules": mean_of("to_target", "joules"),
        "corrupted": _mean([np.mean(list(seed.values())) for seed in faults(entry)]),
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
    for cost in COSTS:
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
            f"% {_line(gathered.labels.get(task, task))}; needs the package booktabs",
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
    return _line(text).translate(LATEX)


def _pipeless(text: str) -> str:
    """Return a text that does not end its cell of a Markdown table."""
    return _line(text).replace("|", r"\|")


def _line(text: str) -> str:
    return " ".join(text.split())
