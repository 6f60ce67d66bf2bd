"""Exported graphs of a cell: whether they are the model, and how fast they are."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from har.benchmark.measures import Exports
from har.edge.bench import bench
from har.record import read_json
from har.run.exports.bundle import export
from har.run.exports.steps import export_steps

BENCH_SECONDS = 1.0


def measure_exports(checkpoint: Path, exports: Exports) -> dict[str, Mapping[str, Any]]:
    """Export a checkpoint, prove each graph on test clips, and time it in onnxruntime.

    The graphs are not kept: ``har export`` writes them again.

    Returns:
        For each precision, and for each ``hop<n>`` a step-wise graph, its latency, size and parity;
        or ``refused``, why there is none.
    """
    found: dict[str, Mapping[str, Any]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for precision in exports.precisions:
            found[precision] = _measure(checkpoint, Path(scratch), precision, exports.clips)
        for hop in exports.hops:
            found[f"hop{hop}"] = _measure(checkpoint, Path(scratch), hop, exports.clips)
    return found


def _measure(checkpoint: Path, scratch: Path, kind: str | int, clips: int) -> dict[str, Any]:
    """Return what is known of one graph; a cell is not lost because a graph of it is."""
    out = scratch / str(kind)
    try:
        if isinstance(kind, int):
            export_steps(checkpoint, out, kind)
        else:
            export(checkpoint, out, kind, clips=clips)
        return _timed(out)
    except Exception as error:  # onnxruntime's own classes have no common base
        lines = [line for line in str(error).splitlines() if line.strip()]
        return {"refused": lines[0].strip() if lines else type(error).__name__}


def _timed(folder: Path) -> dict[str, Any]:
    manifest = read_json(folder / "bundle.json")
    graph = folder / manifest["model"]["file"]
    record = bench(folder, BENCH_SECONDS, threads=(torch.get_num_threads(),))
    run = record["runs"][0]
    told = ("max_difference", "top1_agreement", "clips")
    return {
        "latency": run["single_stream"],
        "throughput": run["offline"],
        "joules_a_clip": run["joules_a_clip"],
        "threads": run["threads"],
        "onnxruntime": record["device"]["onnxruntime"],
        "parity": {key: manifest["parity"][key] for key in told},
        "quantisation": manifest.get("quantisation"),
        "against_clip_model": manifest.get("against_clip_model"),
        "frames_per_step": manifest["window"].get("frames_per_step"),
        "bytes": graph.stat().st_size,
    }
