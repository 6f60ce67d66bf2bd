"""``har live``: the runtime with a web page on this machine. Nothing here imports torch."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from har.cli.edge import INPUT_HELP, open_frames, read_stream

if TYPE_CHECKING:
    from har.edge.frames import PoseFrame


def run(arguments: Sequence[str]) -> int:
    """Run ``har live``."""
    given = _parser().parse_args(arguments)
    from har.edge.bundle import load_bundle
    from har.edge.live import LiveServer, LiveView
    from har.edge.runtime import Runtime
    from har.edge.settings import Settings, read_settings

    settings = read_settings(given.config) if given.config else Settings()
    runtime = Runtime(load_bundle(given.bundle), settings, given.threads)
    view = LiveView(runtime.bundle, given.up)
    server = LiveServer(view, given.host, given.port)
    print(f"live page: {server.url} (end with Ctrl-C)", flush=True)
    try:
        with open_frames(given.input, runtime.bundle.fps) as opened:
            frames = (
                opened if given.input.endswith(".npz") else read_stream(runtime, opened, [view])
            )
            for frame in in_time(frames) if given.pace else frames:
                view.show(frame)
                for message in runtime.process(frame):
                    view.send(message)
        print("the stream ended; the page stays until Ctrl-C", file=sys.stderr)
        while not given.leave:
            time.sleep(1)
    except KeyboardInterrupt:
        pass
    finally:
        server.close()
    return 0


def in_time(frames: Iterable[PoseFrame]) -> Iterator[PoseFrame]:
    """Yield recorded frames no faster than they were taken."""
    first: float | None = None
    started = time.perf_counter()
    for frame in frames:
        first = frame.time if first is None else first
        ahead = frame.time - first - (time.perf_counter() - started)
        if ahead > 0:
            time.sleep(ahead)
        yield frame


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="har live", description="Show people, labels and events of a stream on a local page."
    )
    parser.add_argument("--bundle", type=Path, required=True, help="folder from har export")
    parser.add_argument("--input", default="-", help=INPUT_HELP)
    parser.add_argument("--config", type=Path, help="settings, a TOML file")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (this machine)")
    parser.add_argument("--port", type=int, default=8765, help="0 takes a free one")
    parser.add_argument("--pace", action="store_true", help="play recorded frames in their time")
    parser.add_argument("--leave", action="store_true", help="end with the stream")
    parser.add_argument("--up", type=int, default=1, choices=(1, -1, 2, -2),
                        help="axis that points up: 1 y, -1 y down, 2 z")  # fmt: skip
    parser.add_argument("--threads", type=int, help="of onnxruntime")
    return parser
