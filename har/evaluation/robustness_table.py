"""The robustness of methods as text and as rows of a table."""

from collections.abc import Mapping
from typing import Any

from har.evaluation.report_table import NOTHING, percent, text_table

_NOTE = """\
corrupted: mean over corruptions and severities. mCE: mean corruption error, the error under
each corruption divided by that of {baseline}, averaged. relative mCE: how much the error rises
over that on clean clips, divided by how much that of {baseline} does. Below 1 is better than
{baseline}. always right: clips recognised clean and under everything. worst: lowest accuracy."""


def describe_robustness(summary: Mapping[str, Any]) -> str:
    """Return a summary of ``robustness_summary`` as text for a terminal."""
    lines = [
        f"{summary['clips']} test clips, {summary['classes']} classes{_interval_note(summary)}",
        "",
        *_method_table(summary),
        "",
        _NOTE.format(baseline=summary["baseline"]),
        "",
        *_corruption_table(summary),
        "",
        *_coverage_table(summary),
        *_filter_table(summary),
    ]
    if summary["not_applicable"]:
        lines += ["", f"change no clip here: {', '.join(summary['not_applicable'])}"]
    return "\n".join(lines)


def robustness_rows(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one row for each method, corruption and severity; severity 0 is clean."""
    rows = []
    for method, found in summary["methods"].items():
        shared = {"method": method, "clips": summary["clips"]}
        clean = found["clean"]["top1"]
        rows.append({**shared, "corruption": "clean", "severity": 0, "top1": clean})
        rows += [
            {**shared, "corruption": corruption, "severity": severity, "top1": top1}
            for corruption, own in found["by_corruption"].items()
            for severity, top1 in own["top1"].items()
        ]
    return rows


def _interval_note(summary: Mapping[str, Any]) -> str:
    if not summary["bootstrap"]:
        return ""
    level = 100 * summary["interval_level"]
    return f"; {level:.0f} % bootstrap intervals over {summary['interval_unit']}s"


def _method_table(summary: Mapping[str, Any]) -> list[str]:
    header = ("method", "clean", "corrupted", "interval", "mCE", "relative mCE", "always right")
    rows = []
    for name, found in summary["methods"].items():
        worst = found["worst"]
        rows.append(
            (
                name,
                percent(found["clean"]["top1"]),
                percent(found["corrupted"]["top1"]),
                _interval(found["corrupted"]["interval"]),
                _ratio(found["mean_corruption_error"]),
                _ratio(found["relative_mean_corruption_error"]),
                percent(found["always_right"]),
                f"{percent(worst['top1'])} ({worst['corruption']} {worst['severity']})",
            )
        )
    return text_table((*header, "worst"), rows)


def _corruption_table(summary: Mapping[str, Any]) -> list[str]:
    methods = summary["methods"]
    header = ("mean over severities", *methods, "")
    first = next(iter(methods.values()))
    rows = []
    for corruption in first["by_corruption"]:
        found = (method["by_corruption"][corruption] for method in methods.values())
        rows.append((corruption, *(percent(own["mean_top1"]) for own in found), ""))
    return text_table(header, rows)


def _coverage_table(summary: Mapping[str, Any]) -> list[str]:
    """Return what is gained by leaving out the clips that a score ranks lowest."""
    methods = summary["methods"]
    first = next(iter(methods.values()))["coverage"]
    coverages = [point["coverage"] for point in next(iter(first.values()))]
    header = ("accuracy where a share is kept", *(f"{100 * c:.0f} %" for c in coverages), "by")
    rows = [
        (name, *(percent(point["top1"]) for point in curve), score)
        for name, found in methods.items()
        for score, curve in found["coverage"].items()
    ]
    return text_table(header, rows)


def _filter_table(summary: Mapping[str, Any]) -> list[str]:
    header = ("method", "all clips", "accepted", "rejected", "kept", "kept of clean", "by filter")
    rows = []
    for method, found in summary["methods"].items():
        for name, own in found["filters"].items():
            accuracies = (own["top1"], own["top1_accepted"], own["top1_rejected"])
            shares = (own["coverage"], own["coverage_of_clean"])
            rows.append((method, *map(percent, accuracies), *map(percent, shares), name))
    return ["", *text_table(header, rows)] if rows else []


def _interval(bounds: tuple[float, float] | None) -> str:
    return NOTHING if bounds is None else f"{100 * bounds[0]:.1f} to {100 * bounds[1]:.1f} %"


def _ratio(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f}"
