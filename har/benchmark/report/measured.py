"""What the page shows of corruption, exported graphs and peers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from har.benchmark.entries import Entry, dig
from har.benchmark.gather import Gathered
from har.benchmark.leaderboard import faults

PEER_RATIOS = {
    "training_rate": "training, clips/s",
    "latency_ms": "latency, p50",
    "throughput": "throughput, clips/s",
    "onnx_ms": "ONNX latency, p50",
    "peak_memory_mib": "peak memory",
}
LESS_IS_BETTER = ("latency_ms", "onnx_ms", "peak_memory_mib")


def robustness_heat(entries: Sequence[Entry]) -> dict[str, Any] | None:
    """Return accuracy by corruption, clean first, of the entries that were tested."""
    tested = {entry.name: (entry, faults(entry)) for entry in entries}
    tested = {name: found for name, found in tested.items() if found[1]}
    if not tested:
        return None
    columns = list(dict.fromkeys(c for _, seeds in tested.values() for s in seeds for c in s))
    rows = {
        name: [_clean(entry), *(_mean([seed.get(c) for seed in seeds]) for c in columns)]
        for name, (entry, seeds) in tested.items()
    }
    subsets = [dig(entry.runs[0].record, ("robustness", "subset")) for entry, _ in tested.values()]
    return {"columns": ["clean", *columns], "rows": rows, "subset": _told(subsets)}


def _clean(entry: Entry) -> float | None:
    datasets = [dig(run.record, ("robustness", "datasets")) for run in entry.runs]
    return _mean([found["clean"] for own in datasets for found in own.values()])


def _told(subsets: Sequence[Mapping[str, Any]]) -> str:
    """Tell which faults were tested, where all entries have the same."""
    if any(subset != subsets[0] for subset in subsets):
        return "The methods were tested on different subsets: do not compare them."
    clips = subsets[0]["clips"]
    severities = ", ".join(map(str, subsets[0]["severities"]))
    part = f"{clips} test clips chosen at random" if clips else "all test clips"
    return f"Mean over severities {severities} of 1 to 5, on {part}."


def exported_graphs(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Return one row for each exported graph, mean over the seeds that have it.

    A fusion has none of its own.
    """
    rows = []
    for entry in (entry for entry in entries if entry.runs[0].folder is not None):
        parts = [dig(run.record, ("exports",)) or {} for run in entry.runs]
        for kind in dict.fromkeys(name for part in parts for name in part):
            own = [part[kind] for part in parts if kind in part]
            rows.append({"name": entry.name, "graph": kind, **_graph(own)})
    return rows


def _graph(own: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    refused = next((found["refused"] for found in own if "refused" in found), None)
    if refused is not None:
        return {"refused": refused}

    def mean_of(*path: str) -> float | None:
        return _mean([dig(found, path) for found in own])

    proven = [found.get("quantisation") or found["parity"] for found in own]
    return {
        "p50_ms": mean_of("latency", "p50_ms"),
        "p90_ms": mean_of("latency", "p90_ms"),
        "p99_ms": mean_of("latency", "p99_ms"),
        "clips_per_second": mean_of("throughput", "clips_per_second"),
        "mib": (mean_of("bytes") or 0) / 2**20,
        "max_difference": max(found["max_difference"] for found in proven),
        "agreement": _mean([found["top1_agreement"] for found in proven]),
        "lost": mean_of("quantisation", "top1_lost"),
        "hop": own[0].get("frames_per_step"),
    }


def beside_peers(gathered: Gathered, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return this project's version of each peer's method beside it; above 1 ours is better.

    Args:
        gathered: of the suites.
        rows: of the leaderboard, of one task.
    """
    found = []
    for theirs in rows:
        own_name = gathered.beside.get(theirs["method"])
        same = [r for r in rows if r["method"] == own_name and r["stream"] == theirs["stream"]]
        if same:
            found.append(_pair(same[0], theirs))
    return found


def _pair(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    ratios = {}
    for key, title in PEER_RATIOS.items():
        if ours[key] and theirs[key]:
            ratio = ours[key] / theirs[key]
            ratios[title] = 1 / ratio if key in LESS_IS_BETTER else ratio
    names = [f"{row['label']} {row['stream']}" for row in (ours, theirs)]
    return {
        "ours": names[0],
        "theirs": names[1],
        "top1": [ours["top1"], theirs["top1"]],
        "ratios": ratios,
    }


def _mean(values: Sequence[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return float(np.mean(there)) if there else None
