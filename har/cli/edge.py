"""``har edge run`` and ``har bench``: a bundle on a device. Nothing here imports torch."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from har.errors import ConfigError

if TYPE_CHECKING:
    from har.edge.frames import PoseFrame
    from har.edge.runtime import Runtime
    from har.edge.sinks import Sink


INPUT_HELP = (
    "'-' for JSON lines on standard input, or a file of them, or poses as .npz: poses (M,T,V,C), "
    "confidence (M,T,V), fps"
)


def run(arguments: Sequence[str]) -> int:
    """Run ``har edge run``."""
    given = _parser().parse_args(arguments)
    from har.edge.bundle import load_bundle
    from har.edge.runtime import Runtime
    from har.edge.settings import Settings, read_settings
    from har.edge.sinks import Lines

    settings = read_settings(given.config) if given.config else Settings()
    bundle = load_bundle(given.bundle)
    runtime = Runtime(bundle, settings, given.threads, tuple(given.provider))
    sinks: list[Sink] = [Lines(sys.stdout), *_remote(given)]
    try:
        with open_frames(given.input, bundle.fps) as opened:
            of_file = given.input.endswith(".npz")
            frames = opened if of_file else read_stream(runtime, opened, sinks)
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


def read_stream(
    runtime: Runtime, lines: Iterable[str], sinks: Sequence[Sink]
) -> Iterator[PoseFrame]:
    """Yield the frames of lines of JSON; a line that is none is told, counted and passed over."""
    from har.edge.frames import FrameError, parse_frame, read_lines
    from har.edge.sinks import send_all

    bundle = runtime.bundle
    for line in read_lines(lines):
        try:
            yield parse_frame(line, len(bundle.joints), bundle.coordinates)
        except FrameError as error:
            send_all(sinks, runtime.skip(str(error)))


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
        description="Run a bundle on a stream of poses; states and events go out as JSON lines.",
    )
    parser.add_argument("action", choices=["run"])
    parser.add_argument("--bundle", type=Path, required=True, help="folder from har export")
    parser.add_argument("--input", default="-", help=INPUT_HELP)
    parser.add_argument("--config", type=Path, help="settings, a TOML file")
    parser.add_argument("--events-only", action="store_true", help="leave the states out")
    parser.add_argument("--webhook", help="URL that gets each event as JSON")
    parser.add_argument("--mqtt", help="mqtt://host[:port]/topic that gets each event")
    parser.add_argument("--threads", type=int, help="of onnxruntime")
    parser.add_argument("--provider", nargs="+", default=["CPUExecutionProvider"])
    return parser


def _remote(given: Any) -> list[Sink]:
    from har.edge.sinks import Mqtt, Webhook

    sinks: list[Sink] = []
    if given.webhook:
        sinks.append(Webhook(given.webhook))
    if given.mqtt:
        sinks.append(Mqtt(given.mqtt))
    return sinks


@contextmanager
def open_frames(name: str, fps: float) -> Iterator[Any]:
    """Open an input: frames of an .npz file, else lines, each a frame.

    Args:
        name: see ``INPUT_HELP``.
        fps: of a file that does not say its own.

    Raises:
        ConfigError: there is no such file, or it cannot be read.
    """
    if name.endswith(".npz"):
        yield _frames_of_file(Path(name), fps)
        return
    if name == "-":
        sys.stdin.reconfigure(errors="replace")  # type: ignore[union-attr]
        yield sys.stdin
        return
    with _open_lines(name) as lines:
        yield lines


def _open_lines(name: str) -> TextIO:
    path = Path(name)
    if not path.is_file():
        raise ConfigError(f"--input {path}: there is no such file; '-' reads standard input")
    return path.open(encoding="utf-8", errors="replace")


def _frames_of_file(path: Path, fps: float) -> Iterable[PoseFrame]:
    import numpy as np

    from har.edge.frames import frames_of_array

    if not path.is_file():
        raise ConfigError(f"--input {path}: there is no such file")
    try:
        with np.load(path, allow_pickle=False) as content:
            poses, fps = content["poses"], float(content["fps"]) if "fps" in content else fps
            seen = content["confidence"] if "confidence" in content else np.ones(poses.shape[:-1])
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    if poses.ndim != 4 or seen.shape != poses.shape[:3]:
        raise ConfigError(f"{path}: poses must be (M, T, V, C), confidence (M, T, V)")
    return frames_of_array(poses, seen, fps)
