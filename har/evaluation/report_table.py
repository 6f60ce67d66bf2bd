"""Results as plain text for a terminal, and the wording that reports share."""

from collections.abc import Mapping, Sequence
from typing import Any

from har.evaluation.summary import UNKNOWN

METRIC_TITLES = {
    "top1": "top-1 accuracy",
    "top5": "top-5 accuracy",
    "mean_class_accuracy": "mean class accuracy",
    "macro_f1": "macro F1",
    "ece": "calibration error (ECE)",
    "adaptive_ece": "adaptive ECE",
    "brier": "Brier score",
    "nll": "negative log-likelihood",
}
_NOT_PERCENT = ("brier", "nll")
NOTHING = "-"


def report(results: Mapping[str, Any], worst: int = 5) -> str:
    """Return the metrics with their intervals, and the worst classes, as text.

    Where there are several datasets, it is one line of metrics for each and their mean.

    Args:
        results: as ``evaluate`` returns them.
        worst: how many classes to list at most.
    """
    if "datasets" in results:
        return _report_of_datasets(results)
    rows = [(title, value, interval or NOTHING) for title, value, interval in metric_rows(results)]
    table = text_table(("metric", "value", "95 % interval"), rows)
    lines = [describe_test(results), "", *table, "", interval_note(results)]
    weak = worst_class_rows(results, worst)
    if weak:
        columns = ("weakest classes", "clips", "accuracy", "F1", "most often taken for")
        lines += ["", *text_table(columns, weak)]
    if results["absent_classes"]:
        lines += ["", f"Classes without test clips: {', '.join(results['absent_classes'])}"]
    return "\n".join(lines)


def _report_of_datasets(results: Mapping[str, Any]) -> str:
    shown = ("top1", "mean_class_accuracy", "macro_f1", "ece")
    header = ("dataset", "clips", "classes", *(METRIC_TITLES[name] for name in shown))
    rows = []
    for name, summary in results["datasets"].items():
        metrics = summary["metrics"]
        counts = [str(metrics["clips"]), str(metrics["classes"])]
        rows.append((name, *counts, *(format_metric(key, metrics[key]) for key in shown)))
    means = (format_metric(key, results["metrics"][key]) for key in shown)
    lines = text_table(header, [*rows, ("mean", "", "", *means)])
    for name, summary in results["datasets"].items():
        if lost := sum(summary["uncovered"].values()):
            lines.append(f"{name}: {lost} test clips have a label that no output stands for")
    return "\n".join(lines)


def describe_test(results: Mapping[str, Any]) -> str:
    """Return one line on what was tested: clips, classes, subjects, cameras."""
    metrics = results["metrics"]
    return (
        f"{metrics['clips']} test clips, "
        f"{metrics['classes_tested']} of {metrics['classes']} classes, "
        f"{_count(results['per_subject'], 'subject')}, {_count(results['per_camera'], 'camera')}"
    )


def _count(groups: Mapping[str, Any], what: str) -> str:
    """Return ``1 camera``, ``3 cameras`` or ``cameras unknown``."""
    known = len(groups.keys() - {UNKNOWN})
    if known == 0:
        return f"{what}s unknown"
    return f"{known} {what}" + ("" if known == 1 else "s")


def interval_note(results: Mapping[str, Any]) -> str:
    """Return how the intervals were made."""
    unit = results["interval_unit"]
    if unit is None:
        return "No intervals were computed."
    reason = results["interval_reason"]
    return (
        f"{100 * results['interval_level']:.0f} % bootstrap intervals over {unit}s, "
        f"{results['bootstrap']} resamples" + (f" ({reason})." if reason else ".")
    )


def metric_rows(results: Mapping[str, Any]) -> list[tuple[str, str, str | None]]:
    """Return title, value and interval (or None) of each metric, as text."""
    return [
        (
            title,
            format_metric(name, results["metrics"][name]),
            format_interval(name, results["intervals"].get(name)),
        )
        for name, title in METRIC_TITLES.items()
    ]


def worst_class_rows(results: Mapping[str, Any], count: int) -> list[tuple[str, ...]]:
    """Return name, clips, accuracy, F1 and confusion of the weakest tested classes.

    Classes whose clips are all recognised are not listed.
    """
    tested = [row for row in results["per_class"] if row["accuracy"] not in (None, 1.0)]
    weakest = sorted(tested, key=lambda row: (row["accuracy"], -row["support"]))[:count]
    return [
        (
            row["name"],
            str(row["support"]),
            percent(row["accuracy"]),
            percent(row["f1"]),
            f"{row['confused_with']} ({row['confused_clips']})",
        )
        for row in weakest
    ]


def format_metric(name: str, value: float) -> str:
    """Return ``93.1 %``, or a plain number for metrics that are no fractions."""
    return f"{value:.3f}" if name in _NOT_PERCENT else percent(value)


def format_interval(name: str, bounds: Sequence[float] | None) -> str | None:
    """Return ``90.2 to 95.3 %``, or None without bounds."""
    if bounds is None:
        return None
    low, high = bounds
    if name in _NOT_PERCENT:
        return f"{low:.3f} to {high:.3f}"
    return f"{100 * low:.1f} to {100 * high:.1f} %"


def percent(value: float | None) -> str:
    """Return a fraction as ``93.1 %``, None as a dash."""
    return NOTHING if value is None else f"{100 * value:.1f} %"


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return aligned lines; the first and last column start left, the others end right."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    last = len(header) - 1

    def line(cells: Sequence[str]) -> str:
        aligned = [
            cell.ljust(width) if column in (0, last) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return "  ".join(aligned).rstrip()

    rule = "  ".join("-" * width for width in widths)
    return [line(header), rule, *(line(row) for row in rows)]
