"""``har live``: the runtime with a web page on this machine. Nothing here imports torch."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from har.cli.edge_inputs import add_input_arguments, open_frames


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
        with open_frames(given, runtime, [view]) as frames:
            for frame in frames:
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="har live", description="Show people, labels and events of a stream on a local page."
    )
    parser.add_argument("--bundle", type=Path, required=True, help="folder from har export")
    add_input_arguments(parser)
    parser.add_argument("--config", type=Path, help="settings, a TOML file")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (this machine)")
    parser.add_argument("--port", type=int, default=8765, help="0 takes a free one")
    parser.add_argument("--leave", action="store_true", help="end with the stream")
    parser.add_argument("--up", type=int, default=1, choices=(1, -1, 2, -2),
                        help="axis that points up: 1 y, -1 y down, 2 z")  # fmt: skip
    parser.add_argument("--threads", type=int, help="of onnxruntime")
    return parser
