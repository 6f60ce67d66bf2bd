"""Measures store, loader and training over the size of the dataset, on generated clips.

    python benchmarks/scaling.py --json record.json --plot scaling.png

A store of each size is written to a scratch folder, measured in a process of its own, and removed.
It holds the same 1000 generated clips over and over under names of their own: for a disk, for
memory and for an index these are different clips. 100 000 of them take 2.6 GB.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from har.benchmark.clocks import read_clocks
from har.config.compose import compose, to_plain
from har.data.splits import Split
from har.data.store import ClipStore
from har.data.store_writer import write_store
from har.evaluation.style import clean_axes, new_figure, save_figure
from har.record import provenance, write_json_atomic
from har.run.assemble import build_classifier, build_data
from har.run.sources import open_sources
from har.samples import Batch, Clip
from har.skeleton.streams import compute_stream

DIFFERENT = 1000
OVERRIDES = ("experiment=smoke", f"data.adapter_options={{clips: {DIFFERENT}, seed: 0}}")
BATCH, BATCHES, STEPS = 64, 40, 8
MIB = 2**20
ARRAYS = ("joints.bin", "confidence.bin")


@dataclass(frozen=True)
class Rate:
    """Clips a second, by the clock and of processor time, which other jobs disturb less."""

    by_clock: float
    by_cpu: float


class Stopwatch:
    """Counts clips from now on."""

    def __init__(self) -> None:
        self.clips = 0
        self._clock, self._cpu = time.perf_counter(), time.process_time()

    def rate(self) -> Rate:
        """Return the rate so far."""
        clock, cpu = time.perf_counter() - self._clock, time.process_time() - self._cpu
        return Rate(self.clips / clock, self.clips / cpu)


def main() -> None:
    """Measure every size, and write the record and the plot."""
    options = _options()
    with tempfile.TemporaryDirectory(dir=options.scratch) as name:
        scratch = Path(name)
        config = to_plain(compose([*OVERRIDES, f"paths.store={scratch / 'generated'}"]))
        (source,) = open_sources(config)
        rows = [_measure_size(clips, source.store, config, scratch) for clips in options.clips]
    record = {
        "benchmark": "scaling",
        "note": options.note,
        "settings": {"different_clips": DIFFERENT, "batch": BATCH, "batches": BATCHES},
        "machine": provenance(),
        "clocks": read_clocks(),
        "load_average": os.getloadavg(),
        "sizes": rows,
    }
    write_json_atomic(options.json, record)
    if options.plot:
        draw(rows, options.plot)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path, required=True, help="file of the record")
    parser.add_argument("--plot", type=Path, help="file of the picture")
    parser.add_argument("--clips", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--scratch", type=Path, help="folder on the disk to measure")
    parser.add_argument("--note", default="", help="such as what else runs on the machine")
    return parser.parse_args()


def _measure_size(
    clips: int, generated: ClipStore, config: dict[str, Any], scratch: Path
) -> dict[str, Any]:
    """Write a store of so many clips, measure it in a new process, and remove it."""
    folder = scratch / str(clips)
    start = time.perf_counter()
    write_store(folder, generated.meta.description, _repeated(generated, clips))
    written = time.perf_counter() - start
    try:
        with get_context("spawn").Pool(1) as pool:
            found = pool.apply(partial(_measure, folder, config, generated.path))
        size = sum(path.stat().st_size for path in folder.iterdir())
    finally:
        shutil.rmtree(folder)
    row = {"clips": clips, "bytes": size, "write_clips_per_second": clips / written, **found}
    print({key: round(value, 4) for key, value in row.items()}, file=sys.stderr, flush=True)
    return row


def _repeated(store: ClipStore, clips: int) -> Iterator[Clip]:
    kept = [store.clip(row) for row in range(min(clips, len(store)))]
    for number in range(clips):
        clip = kept[number % len(kept)]
        yield replace(clip, record=replace(clip.record, clip_id=f"clip{number}"))


def _measure(folder: Path, config: dict[str, Any], other: Path) -> dict[str, float]:
    """Measure the store in this process, from opening it to training on it.

    Args:
        folder: of the store.
        config: of the experiment.
        other: a store that is opened first, so that no library is loaded within the measurement.
    """
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    _open(other)
    before = _resident()
    store, opening = _timed(partial(_open, folder))
    rows = np.arange(len(store))
    split = Split(train=rows, val=rows[:0], test=rows[:1])
    config = {**config, "data": {**config["data"], "batch_size": BATCH}}
    data = build_data(store, split, config)
    opened = _resident()
    for name in ARRAYS:
        _forget(folder / name)
    loader = data.train_dataloader()
    _, ordering = _timed(lambda: next(iter(loader.sampler)))
    rates = {
        "cold": _rate(iter(loader)),
        "warm": _rate(iter(loader)),
        "transformed": _rate(data.transform(batch, training=True) for batch in loader),
        "train": _train(data, config),
    }
    return {
        "open_seconds": opening,
        "open_mib": (opened["RssAnon"] - before["RssAnon"]) / MIB,
        "epoch_order_seconds": ordering,
        **{f"{name}_clips_per_second": rate.by_clock for name, rate in rates.items()},
        **{f"{name}_clips_per_cpu_second": rate.by_cpu for name, rate in rates.items()},
        "own_mib_after": (_resident()["RssAnon"] - before["RssAnon"]) / MIB,
        "mapped_mib_after": (_resident()["RssFile"] - before["RssFile"]) / MIB,
    }


def _open(folder: Path) -> ClipStore:
    """Open a store with its index and arrays, which it reads when they are first used."""
    store = ClipStore.open(folder)
    _ = store.index.label, store.joints, store.confidence
    return store


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


def _rate(batches: Iterator[Batch]) -> Rate:
    """Return the clips a second of up to ``BATCHES`` batches."""
    watch = Stopwatch()
    for number, batch in enumerate(batches, 1):
        watch.clips += len(batch)
        if number == BATCHES:
            break
    return watch.rate()


def _train(data: Any, config: dict[str, Any]) -> Rate:
    """Return the clips a second of training steps of a small ST-GCN++, loading included."""
    torch.manual_seed(0)
    layout, store = data.output_layout, data.store
    shape = {"coordinates": store.coordinates, "streams": ["joint"]}
    model = build_classifier(config["model"], layout, num_classes=len(store.labels), **shape)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    watch = Stopwatch()
    for number, loaded in enumerate(data.train_dataloader()):
        batch = data.transform(loaded, training=True)
        streams = {"joint": compute_stream("joint", batch.joints, layout, batch.confidence)}
        F.cross_entropy(model(streams, batch.person_mask), batch.labels).backward()
        optimizer.step()
        optimizer.zero_grad()
        if number == 0:  # the first step warms up
            watch = Stopwatch()
        else:
            watch.clips += len(batch)
        if number == STEPS:
            break
    return watch.rate()


def _forget(path: Path) -> None:
    """Have the system drop what it keeps of a file in memory, so that reads come from the disk."""
    if not hasattr(os, "posix_fadvise"):
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def _resident() -> dict[str, int]:
    """Return bytes of memory: ``RssAnon`` this process's own, ``RssFile`` mapped from files."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return {name: int(fields[name].split()[0]) * 1024 for name in ("RssAnon", "RssFile")}


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Plot throughput and memory over the number of clips."""
    clips = [row["clips"] for row in rows]
    figure = new_figure(9, 3.6)
    left, right = figure.subplots(1, 2)
    for name, label in (
        ("warm", "batches read, pages in memory"),
        ("cold", "batches read from the disk"),
        ("transformed", "read and transformed"),
        ("train", "trained on"),
    ):
        rates = [row[f"{name}_clips_per_cpu_second"] for row in rows]
        left.loglog(clips, rates, "o-", label=label)
    left.set(
        xlabel="clips of the dataset", ylabel="clips a second of processor time", ylim=(1, None)
    )
    right.loglog(clips, [row["bytes"] / MIB for row in rows], "o-", label="store on the disk, MiB")
    right.loglog(clips, [row["open_mib"] for row in rows], "o-", label="memory once opened, MiB")
    right.loglog(clips, [1e3 * row["open_seconds"] for row in rows], "o-", label="opening, ms")
    right.set(xlabel="clips of the dataset")
    for axes in (left, right):
        clean_axes(axes)
        axes.legend(fontsize=8, frameon=False)
    save_figure(figure, path)


if __name__ == "__main__":
    main()
