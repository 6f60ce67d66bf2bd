"""Measures the decoders on one made video and on damaged ones: speed, exactness, honesty.

    python benchmarks/decode.py json=benchmarks/results/decode.json [seconds=20] [repeats=3]

The video is H.264, 640x360, 30 frames a second, a keyframe every 250 frames at most, as cameras and
phones write them; its frames carry their number, so that a wrong frame is seen.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from har.errors import HarError
from har.record import provenance, write_json_atomic
from har.video import DECODERS, open_video

HEIGHT, WIDTH, FPS, GOP = 360, 640, 30, 250
BITS = 16
SMALL = (128, 224)
DAMAGED_FRAME = 100


def main(arguments: list[str]) -> None:
    """Measure all decoders that are installed and write the record."""
    settings = dict(argument.split("=", 1) for argument in arguments)
    seconds, repeats = int(settings.get("seconds", 20)), int(settings.get("repeats", 3))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made.mp4"
        count = seconds * FPS
        _write(path, count)
        _damage(path, Path(folder) / "damaged.mp4")
        content = path.read_bytes()
        (Path(folder) / "cut.mp4").write_bytes(content[: len(content) * 3 // 4])
        rows = [_measure(name, Path(folder), count, repeats) for name in DECODERS]
    video = {"height": HEIGHT, "width": WIDTH, "fps": FPS, "gop": GOP, "frames": count}
    print(_table(rows))
    if "json" in settings:
        record = {
            "video": video,
            "repeats": repeats,
            "load": os.getloadavg(),
            "decoders": rows,
            "provenance": provenance(),
        }
        write_json_atomic(Path(settings["json"]), record)


def _measure(decoder: str, folder: Path, count: int, repeats: int) -> dict[str, Any]:
    path = folder / "made.mp4"
    try:
        with open_video(path, decoder=decoder) as video:
            shown = [_number(frame) for frame in video.frames([count - 1, 0, 77, 251])]
    except HarError as error:
        return {"decoder": decoder, "missing": str(error)}
    uniform = np.linspace(0, count - 1, 16).astype(int)
    middle = np.arange(count // 2, count // 2 + 32)

    def stream(size: tuple[int, int] | None) -> Callable[[], None]:
        def run() -> None:
            with open_video(path, decoder=decoder, size=size) as video:
                assert sum(1 for _ in video.stream()) == count

        return run

    def pick(frames: np.ndarray) -> Callable[[], None]:
        def run() -> None:
            with open_video(path, decoder=decoder) as video:
                video.frames(frames)

        return run

    return {
        "decoder": decoder,
        "exact": shown == [count - 1, 0, 77, 251],
        "seconds_all_frames": _seconds(stream(None), repeats),
        "seconds_all_frames_resized": _seconds(stream(SMALL), repeats),
        "seconds_16_uniform": _seconds(pick(uniform), repeats),
        "seconds_32_consecutive": _seconds(pick(middle), repeats),
        "damaged_frame": _told(folder / "damaged.mp4", decoder),
        "cut_file": _told(folder / "cut.mp4", decoder),
    }


def _told(path: Path, decoder: str) -> str:
    """Read a whole video; return what is said of the damage, or that nothing is."""
    try:
        with open_video(path, decoder=decoder) as video:
            for _ in video.stream():
                pass
    except HarError as error:
        return str(error).replace(str(path), path.name)
    return "nothing: wrong pixels are returned"


def _seconds(run: Callable[[], None], repeats: int) -> dict[str, float]:
    """Return the median seconds by the clock, and of all processor cores together."""
    wall, cpu = [], []
    for _ in range(repeats):
        started, started_cpu = time.perf_counter(), time.process_time()
        run()
        wall.append(time.perf_counter() - started)
        cpu.append(time.process_time() - started_cpu)
    return {"wall": round(median(wall), 4), "cpu": round(median(cpu), 4)}


def _write(path: Path, count: int) -> None:
    import av

    rng = np.random.default_rng(0)
    scene = rng.integers(0, 256, (HEIGHT // 8, WIDTH // 4, 3), np.uint8)
    scene = scene.repeat(8, 0).repeat(8, 1)
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.thread_count = 1  # one slice a frame
        stream.codec_context.gop_size, stream.codec_context.max_b_frames = GOP, 2
        for number in range(count):
            start = number % WIDTH
            frame = scene[:, start : start + WIDTH].copy()
            for bit in range(BITS):
                width = WIDTH // BITS
                frame[:32, bit * width : (bit + 1) * width] = 255 * (number >> bit & 1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))


def _number(frame: np.ndarray) -> int:
    width = WIDTH // BITS
    return sum(int(frame[16, bit * width + width // 2].mean() > 127) << bit for bit in range(BITS))


def _damage(path: Path, target: Path) -> None:
    """Copy a video with the second half of the data of one frame overwritten."""
    import av

    with av.open(str(path)) as container:
        packet = [p for p in container.demux(container.streams.video[0]) if p.size][DAMAGED_FRAME]
        start, stop = packet.pos + packet.size // 2, packet.pos + packet.size
    content = bytearray(path.read_bytes())
    content[start:stop] = bytes((37 * i + 11) % 251 for i in range(stop - start))
    target.write_bytes(content)


def _table(rows: list[dict[str, Any]]) -> str:
    tasks = [key for key in rows[0] if key.startswith("seconds_")]
    heads = [task.removeprefix("seconds_").replace("_", " ") for task in tasks]
    lines = [
        "seconds by the clock / of the cores",
        f"{'decoder':<11}" + "".join(f"{h:>23}" for h in heads),
    ]
    for row in rows:
        if "missing" in row:
            lines.append(f"{row['decoder']:<11} {row['missing']}")
            continue
        times = (f"{row[task]['wall']:.3f} / {row[task]['cpu']:.3f}" for task in tasks)
        lines.append(f"{row['decoder']:<11}" + "".join(f"{time:>23}" for time in times))
    for row in rows:
        cases = [case for case in ("exact", "damaged_frame", "cut_file") if case in row]
        lines += [f"{row['decoder']}, {case}: {row[case]}" for case in cases]
    return "\n".join(lines)


if __name__ == "__main__":
    main(sys.argv[1:])
