"""How fast a bundle runs on this machine: MLPerf-style scenarios, threads swept."""

import json
import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from har.edge.bundle import Bundle, load_bundle
from har.edge.energy import EnergyMeter
from har.edge.engine import ClipModel, StepModel

BATCHES = (1, 4, 16, 64)
WARM_UP = 5


def bench(
    folder: Path,
    seconds: float = 3.0,
    threads: Sequence[int] = (),
    providers: tuple[str, ...] = ("CPUExecutionProvider",),
    tell: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Measure a bundle.

    Scenarios, named as in MLPerf Inference: *single stream*, one clip after the other, latency
    percentiles; *offline*, as many clips a second as batches allow (clip models).

    Args:
        folder: of the bundle.
        seconds: of each measurement.
        threads: numbers of threads to try; default powers of two up to the usable cores.
        providers: of onnxruntime.
        tell: is told what is measured.

    Returns:
        A record with ``bundle``, ``device``, ``first_result_s``, ``runs`` (one for each number of
        threads) and ``best``.
    """
    started = time.perf_counter()
    bundle = load_bundle(folder)
    work = _work(bundle, None, providers, 1)
    work()
    first = time.perf_counter() - started
    runs = [
        _measure(bundle, count, providers, seconds, tell or _tell_nobody)
        for count in threads or _powers(usable_cores())
    ]
    best = min(runs, key=lambda run: run["single_stream"]["p50_ms"])
    return {
        "bundle": {
            "name": bundle.name,
            "kind": bundle.kind,
            "precision": bundle.manifest["model"].get("precision"),
            "sha256": bundle.manifest["files"][bundle.model.name]["sha256"],
            "frames": bundle.frames,
            "window_s": bundle.window_s,
        },
        "device": device(providers),
        "time_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "first_result_s": round(first, 4),
        "peak_memory_mib": round(_peak_mib(), 1),
        "runs": runs,
        "best": {"threads": best["threads"], **best["single_stream"], **best["offline"]},
    }


def usable_cores() -> int:
    """Return how many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def device(providers: Sequence[str]) -> dict[str, Any]:
    """Return what the measurement ran on."""
    try:
        runtime = version("onnxruntime")
    except PackageNotFoundError:
        runtime = "unknown"
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "usable_cores": usable_cores(),
        "platform": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "onnxruntime": runtime,
        "providers": list(providers),
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }


def as_table(record: dict[str, Any]) -> str:
    """Return a record as a table for people."""
    bundle = record["bundle"]
    lines = [
        f"{bundle['name']} ({bundle['kind']}, {bundle['precision']}), "
        f"{record['device']['processor']}",
        _line(("threads", "p50 ms", "p90 ms", "p99 ms", "clips/s", "batch", "J/clip")),
    ]
    for run in record["runs"]:
        stream, offline, energy = run["single_stream"], run["offline"], run["joules_a_clip"]
        times = (f"{stream[name]:.3f}" for name in ("p50_ms", "p90_ms", "p99_ms"))
        rate = (f"{offline['clips_per_second']:.1f}", offline["batch"])
        lines.append(
            _line((run["threads"], *times, *rate, "-" if energy is None else f"{energy:.4f}"))
        )
    lines.append(
        f"first result after {record['first_result_s']:.2f} s, peak memory "
        f"{record['peak_memory_mib']:.0f} MiB, energy: {record['runs'][0]['energy_source']}"
    )
    return "\n".join(lines)


def _line(cells: Sequence[object]) -> str:
    return "  ".join(f"{cell!s:>8}" for cell in cells)


def _tell_nobody(text: str) -> None:
    """Show no progress."""


def compare(records: Sequence[dict[str, Any]]) -> str:
    """Return the best run of each record in one table, the fastest first."""
    rows = sorted(records, key=lambda record: record["best"]["p50_ms"])
    lines = [f"{'p50 ms':>8}  {'p99 ms':>8}  {'clips/s':>8}  device, bundle"]
    for record in rows:
        best, bundle = record["best"], record["bundle"]
        lines.append(
            f"{best['p50_ms']:>8.3f}  {best['p99_ms']:>8.3f}  {best['clips_per_second']:>8.1f}  "
            f"{record['device']['processor']} ({best['threads']} threads), {bundle['name']} "
            f"{bundle['kind']} {bundle['precision']}"
        )
    return "\n".join(lines)


def read_record(path: Path) -> dict[str, Any]:
    """Read a record that ``har bench --json`` wrote."""
    return json.loads(path.read_text(encoding="utf-8"))


def _measure(
    bundle: Bundle,
    threads: int,
    providers: tuple[str, ...],
    seconds: float,
    tell: Callable[[str], None],
) -> dict[str, Any]:
    tell(f"{threads} threads: single stream")
    work = _work(bundle, threads, providers, 1)
    with EnergyMeter() as energy:
        taken = 1e3 * _repeat(work, seconds)
    joules = energy.joules
    stream = {f"p{p}_ms": round(float(np.percentile(taken, p)), 4) for p in (50, 90, 99)}
    rates = {1: round(1e3 / float(np.median(taken)), 2)}
    for batch in BATCHES[1:] if bundle.kind == "clip" else ():
        tell(f"{threads} threads: offline, {batch} clips at once")
        taken_of_batch = _repeat(_work(bundle, threads, providers, batch), seconds / 2, least=3)
        rates[batch] = round(batch / float(np.median(taken_of_batch)), 2)
    best = max(rates, key=lambda batch: rates[batch])
    return {
        "threads": threads,
        "single_stream": {**stream, "repeats": len(taken)},
        "offline": {"clips_per_second": rates[best], "batch": best, "by_batch": rates},
        "joules_a_clip": None if joules is None else joules / (len(taken) + WARM_UP),
        "energy_source": energy.source,
    }


def _work(
    bundle: Bundle, threads: int | None, providers: tuple[str, ...], batch: int
) -> Callable[[], object]:
    """Return one inference on moving people; one a clip, unless the graph wants more."""
    rng = np.random.default_rng(0)
    joint_shape = (len(bundle.joints), bundle.coordinates)
    window = bundle.manifest["window"]
    people = 1 if window.get("any_people", True) else window["people"]
    clip_shape = (batch, people, bundle.frames, *joint_shape)
    shape = clip_shape if bundle.kind == "clip" else (1, bundle.hop, *joint_shape)
    poses = rng.normal(size=shape).astype(np.float32)
    seen = np.ones(shape[:-1], np.float32)
    if bundle.kind == "clip":
        clip_model = ClipModel(bundle, threads, providers)
        return lambda: clip_model(poses, seen)
    step_model = StepModel(bundle, threads, providers)
    kept = [step_model.initial_state()]

    def step() -> object:
        found, kept[0] = step_model(poses, seen, kept[0])
        return found

    return step


def _repeat(work: Callable[[], object], seconds: float, least: int = 20) -> np.ndarray:
    for _ in range(WARM_UP):
        work()
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while len(taken) < least or time.perf_counter() < end:
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return np.array(taken)


def _powers(most: int) -> list[int]:
    counts = [1]
    while counts[-1] * 2 <= most:
        counts.append(counts[-1] * 2)
    return counts


def _peak_mib() -> float:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, None) or platform.processor() or "unknown"
