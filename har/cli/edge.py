"""``har edge run`` and ``har bench``: a bundle on a device. Nothing here imports torch."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from har.cli.edge_inputs import add_runtime_arguments, open_frames, open_runtime
from har.errors import ConfigError

if TYPE_CHECKING:
    from har.edge.frames import PoseFrame
    from har.edge.runtime import Runtime
    from har.edge.sinks import Sink


def run(arguments: Sequence[str]) -> int:
    """Run ``har edge run``."""
    given = _parser().parse_args(arguments)
    from har.edge.sinks import Lines

    runtime = open_runtime(given)
    sinks: list[Sink] = [Lines(sys.stdout), *_remote(given)]
    try:
        with open_frames(given, runtime, sinks) as frames:
            follow(runtime, frames, sinks, given.events_only)
    finally:
        for sink in sinks:
            sink.close()
    return 0


def follow(
    runtime: Runtime, frames: Iterable[PoseFrame], sinks: Sequence[Sink], events_only: bool = False
) -> None:
    """Send what the runtime says of the frames to the sinks."""
    from har.edge.sinks import send_all

    kept = ("event", "notice", "health", "skipped") if events_only else None
    for frame in frames:
        for message in runtime.process(frame):
            if kept is None or message["type"] in kept:
                send_all(sinks, message)
    for message in runtime.finish():
        send_all(sinks, message)


def run_bench(arguments: Sequence[str]) -> int:
    """Run ``har bench``."""
    parser = argparse.ArgumentParser(
        prog="har bench", description="Measure how fast a bundle runs on this machine."
    )
    parser.add_argument(
        "bundle", nargs="+", type=Path, help="bundle, or records to compare (.json)"
    )
    parser.add_argument("--json", type=Path, help="write the record to this file")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--threads", type=int, nargs="+", default=(), help="numbers to try")
    parser.add_argument("--provider", nargs="+", default=["CPUExecutionProvider"])
    given = parser.parse_args(arguments)
    from har.edge.bench import as_table, bench, compare, read_record

    if all(path.suffix == ".json" for path in given.bundle):
        print(compare([read_record(path) for path in given.bundle]))
        return 0
    if len(given.bundle) > 1:
        raise ConfigError("give one bundle; several only as records (.json), to compare them")
    record = bench(given.bundle[0], given.seconds, given.threads, tuple(given.provider), _progress)
    print(as_table(record))
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return 0


def _progress(text: str) -> None:
    print(text, file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="har edge",
        description="Run a bundle on poses or a camera; states and events go out as JSON lines.",
    )
    parser.add_argument("action", choices=["run"])
    add_runtime_arguments(parser)
    parser.add_argument("--events-only", action="store_true", help="leave the states out")
    parser.add_argument("--webhook", help="URL that gets each event as JSON")
    parser.add_argument("--mqtt", help="mqtt://host[:port]/topic that gets each event")
    return parser


def _remote(given: Any) -> list[Sink]:
    from har.edge.sinks import Mqtt, Webhook

    sinks: list[Sink] = []
    if given.webhook:
        sinks.append(Webhook(given.webhook))
    if given.mqtt:
        sinks.append(Mqtt(given.mqtt))
    return sinks
