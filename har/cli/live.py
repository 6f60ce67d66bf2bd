"""``har live``: the runtime with a web page on this machine. Nothing here imports torch."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from har.cli.edge_inputs import add_runtime_arguments, open_frames, open_runtime


def run(arguments: Sequence[str]) -> int:
    """Run ``har live``."""
    given = _parser().parse_args(arguments)
    from har.edge.live import LiveServer, LiveView

    runtime = open_runtime(given)
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
    add_runtime_arguments(parser)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (this machine)")
    parser.add_argument("--port", type=int, default=8765, help="0 takes a free one")
    parser.add_argument("--leave", action="store_true", help="end with the stream")
    parser.add_argument("--up", type=int, default=1, choices=(1, -1, 2, -2),
                        help="axis that points up: 1 y, -1 y down, 2 z")  # fmt: skip
    return parser
