"""Where the runtime's frames come from: lines of JSON, arrays, videos and cameras.

Nothing here imports torch. Only videos and cameras need a pose estimator.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from har.errors import ConfigError

if TYPE_CHECKING:
    from har.edge.frames import PoseFrame
    from har.edge.runtime import Runtime
    from har.edge.sinks import Sink
    from har.pose.live import LivePoses
    from har.video.live import Interruption, LiveFrame, Newest

VIDEOS = (
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".flv",
    ".wmv", ".asf", ".ogv", ".mxf", ".h264", ".hevc", ".mjpeg", ".gif",
)  # fmt: skip

NEEDED = "docs/edge.md tells what a device needs for it"

INPUT_HELP = (
    "'-' for JSON lines on standard input, or a file of them; poses as .npz: poses (M,T,V,C), "
    "confidence (M,T,V), fps; a video file; camera:0; or a stream, such as rtsp://<host>/<path>"
)


def add_runtime_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what says which model runs, and how."""
    parser.add_argument("--bundle", type=Path, required=True, help="folder from har export")
    add_input_arguments(parser)
    parser.add_argument("--config", type=Path, help="settings, a TOML file")
    parser.add_argument("--threads", type=int, help="of onnxruntime")
    parser.add_argument(
        "--provider",
        nargs="+",
        default=["CPUExecutionProvider"],
        help="of onnxruntime, the first that is there; or openvino, openvino-bf16",
    )


def open_runtime(given: argparse.Namespace) -> Runtime:
    """Return the runtime of the arguments of ``add_runtime_arguments``.

    Raises:
        HarError: the bundle, the settings or a provider cannot be used.
    """
    from har.edge.bundle import load_bundle
    from har.edge.runtime import Runtime
    from har.edge.settings import Settings, read_settings

    settings = read_settings(given.config) if given.config else Settings()
    return Runtime(load_bundle(given.bundle), settings, given.threads, tuple(given.provider))


def add_input_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what says where frames come from, and how people are found in pictures."""
    parser.add_argument("--input", default="-", help=INPUT_HELP)
    parser.add_argument("--pace", action="store_true", help="play a recording in its time")
    pictures = parser.add_argument_group("videos and cameras")
    add = pictures.add_argument
    add("--estimator", default="mediapipe", help="mediapipe (default), rtmlib or mmpose")
    add("--estimator-option", action="append", default=[], metavar="KEY=VALUE",
        help="of the estimator, see docs/poses.md; may be given several times")  # fmt: skip
    add("--people", type=int, default=2, help="most people mediapipe looks for (default: 2)")
    add("--max-fps", type=float, help="frames a second to look at (default: the model's)")
    add("--view-deg", type=float, default=60.0, help="field of view, longer side (default: 60)")
    add("--smoothing", default="one_euro", help="one_euro (default) or none")


@contextmanager
def open_frames(
    given: argparse.Namespace, runtime: Runtime, sinks: Sequence[Sink]
) -> Iterator[Iterable[PoseFrame]]:
    """Open the input that the arguments name; what cannot be used of it is told to the sinks.

    Args:
        given: the arguments of ``add_input_arguments``.
        runtime: that takes the frames; it counts what is skipped, dropped and lost.
        sinks: for lines that are no frames, and for what happens to a camera.

    Raises:
        HarError: there is no such input, or it cannot be read.
    """
    from har.video.address import is_camera

    name = given.input
    if is_camera(name) or Path(name).suffix.lower() in VIDEOS:
        with _watched(given, runtime, sinks) as frames:
            yield frames
    elif name.endswith(".npz"):
        yield _paced(_frames_of_file(Path(name), runtime.bundle.fps), given.pace)
    else:
        with _lines(name) as lines:
            yield _paced(read_stream(runtime, lines, sinks), given.pace)


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


def _paced(frames: Iterable[PoseFrame], pace: bool) -> Iterable[PoseFrame]:
    return in_time(frames) if pace else frames


@contextmanager
def _lines(name: str) -> Iterator[TextIO]:
    if name == "-":
        sys.stdin.reconfigure(errors="replace")  # type: ignore[union-attr]
        yield sys.stdin
        return
    path = Path(name)
    if not path.is_file():
        raise ConfigError(f"--input {path}: there is no such file; '-' reads standard input")
    with path.open(encoding="utf-8", errors="replace") as lines:
        yield lines


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


@contextmanager
def _watched(
    given: argparse.Namespace, runtime: Runtime, sinks: Sequence[Sink]
) -> Iterator[Iterable[PoseFrame]]:
    """Open a video, a camera or a stream; give the poses of its people."""
    from har.video.address import camera_address, is_camera
    from har.video.live import Newest, play_video, read_video, watch_camera

    max_fps = runtime.bundle.fps if given.max_fps is None else given.max_fps
    if not max_fps > 0:
        raise ConfigError(f"--max-fps {max_fps:g}: give more than 0")
    try:
        poses = _poses(given, runtime)
        poses.load()
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"--input {given.input}: people are found in pictures with '{error.name}', which is "
            f"not installed: {NEEDED}"
        ) from error
    try:
        if not is_camera(given.input) and not given.pace:
            yield _find(read_video(Path(given.input), max_fps), poses, runtime, sinks)
            return
        if is_camera(given.input):
            source = partial(watch_camera, camera_address(given.input), max_fps)
        else:
            source = partial(play_video, Path(given.input), max_fps)
        with Newest(source) as newest:
            yield _find(newest, poses, runtime, sinks)
    finally:
        poses.close()


def _poses(given: argparse.Namespace, runtime: Runtime) -> LivePoses:
    from har.cli.poses import OPTION, read_options
    from har.pose.estimators import build_estimator
    from har.pose.live import LivePoses

    if wrong := [word for word in given.estimator_option if "=" not in word]:
        raise ConfigError(f"--estimator-option {wrong[0]}: give KEY=VALUE")
    options: dict[str, Any] = read_options([OPTION + word for word in given.estimator_option])
    if given.estimator == "mediapipe":
        options.setdefault("people", given.people)
    estimator = build_estimator(given.estimator, **options)
    return LivePoses(estimator, runtime.bundle, given.view_deg, given.smoothing)


def _find(
    frames: Iterable[LiveFrame | Interruption] | Newest,
    poses: LivePoses,
    runtime: Runtime,
    sinks: Sequence[Sink],
) -> Iterator[PoseFrame]:
    """Yield the poses of each frame; tell the sinks when the camera is lost and when it is back."""
    from har.edge.sinks import send_all
    from har.video.live import Interruption

    health = runtime.health
    for frame in frames:
        health.dropped = getattr(frames, "dropped", 0)
        if isinstance(frame, Interruption):
            health.camera_losses += frame.lost
            told = {"type": "notice", "time": round(frame.time, 4), "text": frame.text}
            send_all(sinks, told)
            continue
        started = time.perf_counter()
        found = poses(frame.time, frame.read())
        health.pose_latencies.append(1e3 * (time.perf_counter() - started))
        yield found
