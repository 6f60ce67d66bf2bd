"""Tables of a record: how much faster than the peer, as text or Markdown."""

from collections.abc import Iterable, Sequence
from typing import Any

from speed.goals import goal_rows
from speed.models import FUSED, ONNXRUNTIME, OPENVINO, OURS, PEER

Row = Sequence[str]

MODEL_HEADER = (
    "model", "pass", "precision", "clips", "people", "allocator", "our CPU ms a clip",
    "peer's", "CPU ratio", "wall ratio", "CPU ratio, folded", "onnxruntime", "OpenVINO",
)  # fmt: skip
MEMORY_HEADER = ("model", "precision", "clips", "allocator", "our peak MB", "peer's", "share")
DATA_HEADER = ("what", "clips", "our CPU ms a clip", "peer's", "CPU ratio", "wall ratio")
GOAL_HEADER = ("what", "allocator", "goal", "ratio by CPU time", "by the clock", "at most")
MISSING = "-"


def tables(record: dict[str, Any], markdown: bool) -> str:
    """Return all tables of a record."""
    machine = record["machine"]
    parts = [_context(record, machine)]
    for title, header, rows in (
        ("Goals", GOAL_HEADER, map(_goal_row, goal_rows(record))),
        ("Models", MODEL_HEADER, map(_model_row, record["models"])),
        ("Peak memory of a training step", MEMORY_HEADER, map(_memory_row, record["memory"])),
        ("Data", DATA_HEADER, map(_data_row, record["data"])),
        ("Opening the dataset", ("", "seconds", "resident MB"), _opening_rows(record["data"])),
    ):
        table = list(rows)
        if table:
            heading = f"## {title}" if markdown else title
            parts.append(f"{heading}\n\n{_table(header, table, markdown)}")
    return "\n\n".join(parts) + "\n"


def _context(record: dict[str, Any], machine: dict[str, Any]) -> str:
    cpu, settings = machine["cpu"], record["settings"]
    gpus = ", ".join(gpu["name"] for gpu in machine["gpus"])
    device = gpus if settings["device"] == "cuda" else f"{cpu['model']}, {cpu['cores']} cores"
    peer = f"mmaction2 {record['peer']}" if record["peer"] else "no peer"
    lines = [
        f"{device}; {settings['threads']} threads; torch {machine['packages']['torch']}; {peer};",
        f"{settings['repeats']} repeats, median; measured {machine['time_utc'][:10]}.",
    ]
    return " ".join([*lines, record["note"]]).strip()


def _goal_row(row: dict[str, Any]) -> Row:
    goal = MISSING if row["goal"] is None else f"{row['goal']:g}"
    ratios = (f"{row['cpu']:.3g}", f"{row['wall']:.3g}")
    most = f"{row['most']:.3g}" if "most" in row else MISSING
    return (row["what"], row.get("allocator", MISSING), goal, *ratios, most)


def _model_row(case: dict[str, Any]) -> Row:
    return (
        case["model"], case["action"], case["precision"], str(case["clips"]), case["people"],
        case["allocator"], *_comparison(case),
        *(_ratio(case, "cpu_s", side) for side in (FUSED, ONNXRUNTIME, OPENVINO)),
    )  # fmt: skip


def _memory_row(case: dict[str, Any]) -> Row:
    ours, theirs = (case["peak_bytes"].get(name) for name in (OURS, PEER))
    share = f"{ours / theirs:.2f}" if ours and theirs else MISSING
    size = (case["model"], case["precision"], str(case["clips"]), case["allocator"])
    return (*size, _megabytes(ours), _megabytes(theirs), share)


def _data_row(case: dict[str, Any]) -> Row:
    return (case["what"], str(case["clips"]), *_comparison(case))


def _opening_rows(cases: Iterable[dict[str, Any]]) -> list[Row]:
    return [
        (name, f"{case[name]['wall_s']['median']:.3f}", _megabytes(case[name]["resident_bytes"]))
        for case in cases
        for name in (OURS, PEER)
        if "resident_bytes" in case.get(name, {})
    ]


def _comparison(case: dict[str, Any]) -> tuple[str, str, str, str]:
    ours, theirs = (_milliseconds(case, name) for name in (OURS, PEER))
    return ours, theirs, _ratio(case, "cpu_s", OURS), _ratio(case, "wall_s", OURS)


def _milliseconds(case: dict[str, Any], name: str) -> str:
    if name not in case:
        return MISSING
    return f"{case[name]['cpu_s']['median'] / case['clips'] * 1000:.3g}"


def _ratio(case: dict[str, Any], clock: str, name: str) -> str:
    if name not in case or PEER not in case:
        return MISSING
    return f"{case[PEER][clock]['median'] / case[name][clock]['median']:.2f}"


def _megabytes(count: int | None) -> str:
    return MISSING if count is None else f"{count / 1e6:.0f}"


def _table(header: Row, rows: list[Row], markdown: bool) -> str:
    if markdown:
        ruler = ["---"] * len(header)
        return "\n".join(f"| {' | '.join(row)} |" for row in (header, ruler, *rows))
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (header, *rows)
    )
