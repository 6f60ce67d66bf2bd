"""From real videos to events on a CPU, through the same path as ``har edge run --input <video>``.

    python benchmarks/edge_video.py benchmarks/results/edge_video.json data=<gmdcsa24> \
        bundles=<folder with 1, 2, 3, 4>

``bundles`` holds for each person of GMDCSA24 a bundle of a model that was not trained on them:
``har export`` of the four folds of ``experiment=gmdcsa24_pose``. Videos in a folder ``Fall`` hold a
fall, the others none; an alarm is the start of an event ``fall``, with the settings as they come.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from har.cli.edge import follow
from har.cli.edge_inputs import add_input_arguments, open_frames
from har.edge.bundle import load_bundle
from har.edge.runtime import Runtime
from har.record import provenance, write_json_atomic


class Events:
    """Keeps the events."""

    def __init__(self) -> None:
        self.kept: list[dict[str, Any]] = []

    def send(self, message: dict[str, Any]) -> None:
        """Keep a message that is an event."""
        if message["type"] == "event":
            self.kept.append(message)

    def close(self) -> None:
        """Do nothing."""


def watch(bundle: Path, video: Path) -> dict[str, Any]:
    """Return what the runtime says of a video, and what that cost."""
    parser = argparse.ArgumentParser()
    add_input_arguments(parser)
    runtime, events = Runtime(load_bundle(bundle), threads=1), Events()
    started = time.process_time()
    with open_frames(parser.parse_args(["--input", str(video)]), runtime, [events]) as frames:
        follow(runtime, frames, [events])
    seconds = time.process_time() - started
    health = runtime.health
    falls = [e for e in events.kept if e["kind"] == "fall" and e["state"] == "start"]
    return {
        "video": "/".join(video.parts[-3:]),
        "has_fall": video.parent.name == "Fall",
        "alarms": [{key: e[key] for key in ("start", "time", "confidence")} for e in falls],
        "frames": health.frames,
        "predictions": health.predictions,
        "cpu_s": round(seconds, 2),
        "pose_p50_wall_ms": round(float(np.median(health.pose_latencies)), 1),
        "model_p50_wall_ms": round(float(np.median(health.latencies)), 2),
    }


def main() -> None:
    """Watch all videos and write the record."""
    out, given = Path(sys.argv[1]), dict(word.split("=", 1) for word in sys.argv[2:])
    rows = []
    for video in sorted(Path(given["data"]).glob("Subject */*/*.mp4")):
        person = video.parts[-3].removeprefix("Subject ")
        rows.append(watch(Path(given["bundles"]) / person, video))
        print(rows[-1], flush=True)
    frames = sum(row["frames"] for row in rows)
    summary = {
        "videos_with_a_fall": sum(row["has_fall"] for row in rows),
        "of_these_told": sum(row["has_fall"] and bool(row["alarms"]) for row in rows),
        "videos_without": sum(not row["has_fall"] for row in rows),
        "of_these_with_an_alarm": sum(not row["has_fall"] and bool(row["alarms"]) for row in rows),
        "cpu_ms_a_frame": round(1e3 * sum(row["cpu_s"] for row in rows) / frames, 1),
    }
    record = {"dataset": "gmdcsa24", "summary": summary, "rows": rows, "provenance": provenance()}
    write_json_atomic(out, record)
    print(summary)


if __name__ == "__main__":
    main()
