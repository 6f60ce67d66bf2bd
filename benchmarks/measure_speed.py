r"""Measures how fast the measures are: clips a second of poses, frames a second of videos.

    HAR_DATA_DIR=<raw data> HAR_STORE_DIR=<stores> \
        python benchmarks/measure_speed.py --json benchmarks/results/measure_speed.json

Wall time depends on what else the machine does; seconds of processor time do not.
"""

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from har.data.store import ClipStore
from har.quality.pose_pass import measure_poses
from har.quality.video_pass import measure_frames, measure_video
from har.quality.video_picture import shrink
from har.record import provenance, write_json_atomic
from har.skeleton.layout import load_layout
from har.video import open_video

ROUNDS = 3


def main() -> None:
    """Measure and write the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    stores, raw = Path(os.environ["HAR_STORE_DIR"]), Path(os.environ["HAR_DATA_DIR"])
    record = {
        "poses": {
            name: poses(ClipStore.open(stores / name))
            for name in ("nwucla", "utd_mhad", "synthetic_home-3000-0")
        },
        "videos": videos(raw),
        "cores": len(os.sched_getaffinity(0)),
        "load_average": os.getloadavg(),
        "provenance": provenance(),
    }
    write_json_atomic(options.json, record)


def poses(store: ClipStore) -> dict[str, Any]:
    """Return clips a second of the whole pass."""
    arrays = np.asarray(store.joints), np.asarray(store.confidence)
    layout, unit = load_layout(store.layout), store.meta.description.unit
    found = _rates(
        len(store.index),
        lambda: measure_poses(arrays, store.index, layout, unit, store.index.camera, workers=1),
    )
    print(store.path.name, found)
    return {"clips": len(store.index), "frames": int(store.index.frame_count.sum()), **found}


def videos(raw: Path) -> dict[str, Any]:
    """Return frames a second of the measures at 360p in memory, and from files with decoding."""
    gmdcsa = sorted((raw / "gmdcsa24").rglob("*.mp4"))[0]
    with open_video(gmdcsa) as video:
        frames = np.stack([shrink(f.pixels, 360) for f in video.stream(0, 60)])
        fps = video.fps
    found: dict[str, Any] = {
        "measures at 360p": _rates(len(frames), lambda: measure_frames(frames, fps))
    }
    for path in (sorted((raw / "upfall" / "videos").glob("*.mp4"))[0], gmdcsa):
        with open_video(path) as video:
            count, size = video.frame_count, f"{video.width}x{video.height}"
        found[f"file of {size}, decoding included"] = _rates(count, lambda p=path: measure_video(p))
    for name, rates in found.items():
        print(name, rates)
    return found


def _rates(count: int, work: Callable[[], Any]) -> dict[str, float]:
    """Return how many a second, by wall and by processor time; the best of some rounds."""
    wall, processor = [], []
    for _ in range(ROUNDS):
        start, start_processor = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - start)
        processor.append(time.process_time() - start_processor)
    return {
        "a_second": round(count / min(wall), 1),
        "a_processor_second": round(count / min(processor), 1),
    }


if __name__ == "__main__":
    main()
