"""Exports trained models in every precision: what does each cost in accuracy, size and time?

    python benchmarks/export_precisions.py benchmarks/results/export_precisions.json <suite folder>
    python benchmarks/export_precisions.py benchmarks/results/export_precisions.json --markdown

The models are the finished cells of a suite of ``scripts/benchmark.py``, of the stream of joints
and the first seed. Each is exported by ``har export`` with its own proof on test clips; one that is
refused has a row with the reason. Time is CPU time of one clip, one thread of onnxruntime: what the
fastest of the runs took. A record that is there is gone on with.
"""

import contextlib
import io
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from har.errors import HarError
from har.export.bundle import MODEL
from har.export.onnx_file import open_session, run_session
from har.record import provenance, read_json, write_json_atomic
from har.run.export_proof import DTYPES
from har.run.exporting import export

STREAM, SEED, CLIPS, TIMED = "joint", 0, 128, 15


def checkpoints(suite: Path) -> dict[str, Path]:
    """Return the checkpoint of each method of a suite's folder, by name."""
    found = {}
    for path in sorted(suite.glob("cells/*/cell.json")):
        cell = read_json(path)
        job = cell["job"]
        chosen = job["stream"] == STREAM and job["seed"] == SEED
        files = sorted(path.parent.glob("run/*/checkpoints/*.ckpt"))  # best before last
        if chosen and files and cell["status"] == "finished":
            found[job["method"]] = files[0]
    return found


def measure(ckpt: Path, precision: str) -> dict[str, Any]:
    """Return what one export differs by, loses and takes, or why there is none."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        out = Path(folder) / "bundle"
        try:
            manifest = export(ckpt, out, precision, clips=CLIPS).manifest
        except HarError as error:
            return {"refused": str(error).partition("\n")[0]}
        size, seconds = (out / MODEL).stat().st_size, _cpu_seconds(out / MODEL, manifest)
    judged = manifest.get("quantisation", manifest["parity"])
    accuracy = {key: judged[key] for key in ("top1_before", "top1_after") if key in judged}
    return {
        "views": manifest["parity"]["clips"],
        "max_difference": judged["max_difference"],
        "top1_agreement": judged["top1_agreement"],
        **accuracy,
        "mib": round(size / 2**20, 2),
        "cpu_ms_per_clip": round(1000 * seconds, 2),
    }


def _cpu_seconds(path: Path, manifest: Mapping[str, Any]) -> float:
    session = open_session(path)
    free = {"clips": 1, "people": 1, "frames": manifest["window"]["frames"]}
    fed = {}
    for port in manifest["model"]["inputs"]:
        shape = [free.get(axis, axis) for axis in port["shape"]]
        values = np.random.default_rng(0).random(shape, np.float32)
        fed[port["name"]] = values if port["name"] == "poses" else np.ones_like(values)
    costs = []
    for _ in range(TIMED):
        started = time.process_time()
        run_session(session, fed)
        costs.append(time.process_time() - started)
    return min(costs)


def table(record: Mapping[str, Any]) -> str:
    """Return a record as a Markdown table."""
    lines = [
        "| model | fp16: largest difference, same class | int8: same class | top-1 %, fp32 -> int8 "
        "| MiB, fp32 / fp16 / int8 | CPU ms a clip, fp32 / fp16 / int8 |",
        "|---" * 6 + "|",
    ]
    for name, row in sorted(record["models"].items()):
        half, whole = row["fp16"], row["int8"]
        cells = [f"`{name}`"]
        cells.append(
            half.get("refused")
            or f"{half['max_difference']:.1e}, {100 * half['top1_agreement']:.1f} %"
        )
        if "refused" in whole:
            cells += [whole["refused"], ""]
        else:
            cells.append(f"{100 * whole['top1_agreement']:.1f} %")
            cells.append(f"{100 * whole['top1_before']:.1f} -> {100 * whole['top1_after']:.1f}")
        for key, digits in (("mib", 1), ("cpu_ms_per_clip", 1)):
            values = [row[precision].get(key) for precision in DTYPES]
            cells.append(" / ".join("-" if v is None else f"{v:.{digits}f}" for v in values))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure every model of the suite's folder, or print a record as a table."""
    out, source = Path(sys.argv[1]), sys.argv[2]
    if source == "--markdown":
        print(table(read_json(out)))
        return
    record: dict[str, Any] = read_json(out) if out.exists() else {"models": {}}
    for name, ckpt in checkpoints(Path(source)).items():
        if name not in record["models"]:
            record["models"][name] = {precision: measure(ckpt, precision) for precision in DTYPES}
            print(name, record["models"][name], flush=True)
            record["settings"] = {"suite": Path(source).name, "clips": CLIPS, "threads": 1}
            record["provenance"] = provenance()
            write_json_atomic(out, record)


if __name__ == "__main__":
    main()
