"""Measures training, inference and the data path side by side with mmaction2, in one run.

    python benchmarks/skeleton_speed.py --json record.json --peer FOLDER --store FOLDER
    python benchmarks/skeleton_speed.py --json record.json --markdown

The first line measures, writes every repeat to the record and prints the tables; the second
prints the tables of a record as Markdown. Without ``--peer`` only our own numbers are taken;
``speed/peer.py`` says what the folder has to hold. Each allocator setting runs in a process of its
own, in which the two sides take turns. That both compute the same is a matter of tests/models.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from speed.ceiling import fastest_products
from speed.data import measure_data
from speed.goals import goal_rows
from speed.models import ALL_MODELS, Setup, cases, measure, measure_memory, memory_cases
from speed.peer import load_peer, load_pyskl
from speed.report import tables
from speed.timing import load_average

from har._allocator import DEFAULT, VARIABLE, keep_freed_memory
from har.errors import HarError
from har.paths import store_root
from har.record import provenance, read_json, write_json_atomic

ALLOCATORS = {
    "default": {VARIABLE: DEFAULT},
    "tunables": {
        VARIABLE: DEFAULT,
        "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=4294967296:"
        "glibc.malloc.trim_threshold=34359738368",
    },
    "mallopt": {},
}
"""Environment of each setting of the C library: as it is, tuned from outside, tuned by us."""

CHILD = "SKELETON_SPEED_ALLOCATOR"
PRECISIONS = ("float32", "bfloat16")
PARTS = ("memory", "models", "data")
"""Memory comes first: it forks processes, which is safe before the first parallel operation."""
ONE_ALLOCATOR = {"memory": -1, "data": -1}
"""Which of the allocators a part is measured with, where not with all: the last is ours."""


def main() -> None:
    """Measure, or print the tables of a record."""
    options = _options()
    if allocator := os.environ.get(CHILD):
        write_json_atomic(options.json, _measure_here(options, allocator))
        return
    if options.markdown:
        print(tables(read_json(options.json), markdown=True), end="")
        return
    record = _measure_all(options)
    write_json_atomic(options.json, record | {"goals": goal_rows(record)})
    print(tables(record, markdown=False), end="")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, required=True, help="file of the record")
    parser.add_argument("--markdown", action="store_true", help="print a record; measure nothing")
    parser.add_argument("--models", nargs="+", choices=ALL_MODELS, default=list(ALL_MODELS))
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=list(PRECISIONS))
    parser.add_argument("--allocators", nargs="+", choices=list(ALLOCATORS))
    parser.add_argument("--clips", type=int, default=16, help="in a batch of a graph model")
    parser.add_argument("--frames", type=int, default=100, help="of a clip of a graph model")
    parser.add_argument("--data-clips", type=int, default=256, help="made into batches")
    parser.add_argument("--opened-clips", type=int, default=56_880, help="in the opened dataset")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--channels-last", action="store_true", help="for the peer; we always are")
    parser.add_argument("--compile", action="store_true", help="compile the backbones of both")
    parser.add_argument("--peer", type=Path, help="folder with mmaction2")
    parser.add_argument("--pyskl", type=Path, help="checkout of PYSKL, for CTR-GCN")
    parser.add_argument("--store", type=Path, default=store_root() / "synthetic_home-3000-0")
    parser.add_argument("--note", default="", help="what to know about the machine")
    parser.add_argument("--quick", action="store_true", help="small and imprecise: a trial")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: torch sees no GPU here")
    if options.quick:
        options.clips, options.frames, options.repeats, options.data_clips = 2, 20, 2, 32
        options.opened_clips = 1000
    options.allocators = options.allocators or _allocators(options.device)
    return options


def _allocators(device: str) -> list[str]:
    """Return the settings worth comparing: on a GPU the C library's allocator hardly matters."""
    return ["default"] if device == "cuda" or sys.platform != "linux" else list(ALLOCATORS)


def _measure_all(options: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        parts = [_in_child(name, Path(folder, f"{name}.json")) for name in options.allocators]
    settings = {
        key: str(value) if isinstance(value, Path) else value
        for key, value in vars(options).items()
        if key not in ("json", "markdown", "note", "peer", "pyskl", "store")
    }
    return {
        "benchmark": "skeleton_speed",
        "note": options.note,
        "machine": provenance(),
        "settings": settings,
        "allocators": {name: ALLOCATORS[name] for name in options.allocators},
        "peer": parts[0]["peer"],
        "operations_a_second": parts[-1]["operations_a_second"],
        "load_average": {part["allocator"]: part["load_average"] for part in parts},
        **{part: [row for child in parts for row in child[part]] for part in PARTS},
    }


def _in_child(allocator: str, path: Path) -> dict[str, Any]:
    """Measure in a new process with this setting of the C library."""
    environment = {k: v for k, v in os.environ.items() if k not in (VARIABLE, "GLIBC_TUNABLES")}
    environment |= {**ALLOCATORS[allocator], CHILD: allocator}
    command = [sys.executable, *sys.argv, "--json", str(path)]
    subprocess.run(command, env=environment, check=True)
    return read_json(path)


def _measure_here(options: argparse.Namespace, allocator: str) -> dict[str, Any]:
    """Measure in this process all parts that this allocator is for."""
    keep_freed_memory()
    torch.set_num_threads(options.threads)
    version = load_peer(options.peer)
    if options.peer and version is None:
        raise HarError(f"--peer: there is no mmaction2 in {options.peer}.")
    load_pyskl(options.pyskl)
    setup = Setup(
        options.clips,
        options.frames,
        options.repeats,
        torch.device(options.device),
        options.channels_last,
        options.compile,
        with_peer=version is not None,
    )
    load = [load_average()]
    result: dict[str, Any] = {part: [] for part in PARTS}
    for part in (part for part in PARTS if part in options.parts):
        only = ONE_ALLOCATOR.get(part)
        if only is not None and allocator != options.allocators[only]:
            continue
        rows = _data_part(options, setup) if part == "data" else _model_part(part, options, setup)
        result[part] = [row | {"allocator": allocator} for row in rows]
    timed = tuple(options.precisions) if "models" in options.parts else ()
    return result | {
        "allocator": allocator,
        "peer": version,
        "operations_a_second": fastest_products(timed, setup.device),
        "load_average": [*load, load_average()],
    }


def _data_part(options: argparse.Namespace, setup: Setup) -> list[dict[str, Any]]:
    sizes = (options.data_clips, options.opened_clips)
    return measure_data(options.store, *sizes, setup.repeats, setup.with_peer)


def _model_part(part: str, options: argparse.Namespace, setup: Setup) -> list[dict[str, Any]]:
    if part == "memory" and setup.device.type == "cuda":
        return []  # measured with the times, from torch's own account
    choose, take = (memory_cases, measure_memory) if part == "memory" else (cases, measure)
    rows = []
    for model in options.models:
        for case in choose(model, replace(setup), tuple(options.precisions)):
            rows.append(take(case, setup))
            print(*rows[-1].values(), file=sys.stderr, flush=True)
    return rows


if __name__ == "__main__":
    main()
