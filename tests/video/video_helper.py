"""Small videos whose frames tell their own number."""

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

HEIGHT, WIDTH = 64, 96
BITS = 8
TICKS = 1000

QUARTER_TURNS_CLOCKWISE = {
    0: (1, 0, 0, 1),
    1: (0, 1, -1, 0),
    2: (-1, 0, 0, -1),
    3: (0, -1, 1, 0),
}


def numbered_frame(number: int) -> np.ndarray:
    """Return (H, W, 3): the number in black and white bars, above a red left and a blue right."""
    frame = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    width = WIDTH // BITS
    for bit in range(BITS):
        frame[: HEIGHT // 2, bit * width : (bit + 1) * width] = 255 * (number >> bit & 1)
    frame[HEIGHT // 2 :, : WIDTH // 2, 0] = 200
    frame[HEIGHT // 2 :, WIDTH // 2 :, 2] = 200
    return frame


def read_number(frame: np.ndarray) -> int:
    """Return the number that a frame shows, at any size."""
    row = frame[frame.shape[0] // 4].mean(axis=1)
    centres = ((np.arange(BITS) + 0.5) * frame.shape[1] / BITS).astype(int)
    return sum(int(row[centre] > 127) << bit for bit, centre in enumerate(centres))


def write_video(
    path: Path,
    count: int = 60,
    times: Sequence[float] | None = None,
    fps: int = 30,
    gop: int = 12,
    b_frames: int = 2,
    codec: str = "libx264",
    movflags: str = "",
    audio: bool = False,
) -> Path:
    """Write a video of numbered frames.

    Args:
        times: seconds at which each frame is shown, for a variable rate.
        gop: frames from one keyframe to the next.
        movflags: of the MP4 writer; ``faststart`` puts the index before the frames.
    """
    import av

    with av.open(str(path), "w", options={"movflags": movflags} if movflags else {}) as container:
        stream = container.add_stream(codec, rate=fps)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.gop_size = gop
        stream.codec_context.max_b_frames = b_frames
        stream.codec_context.thread_count = 1
        if times is not None:
            stream.codec_context.time_base = Fraction(1, TICKS)
        sound = container.add_stream("aac", rate=8000, layout="mono") if audio else None
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(numbered_frame(number), format="rgb24")
            if times is not None:
                frame.pts, frame.time_base = round(times[number] * TICKS), Fraction(1, TICKS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound is not None:
            _write_silence(container, sound, seconds=count // fps)
    return path


def turn(path: Path, quarter_turns_clockwise: int) -> Path:
    """Set the rotation in the header of an MP4 file."""
    a, b, c, d = (value << 16 for value in QUARTER_TURNS_CLOCKWISE[quarter_turns_clockwise])
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 44
    struct.pack_into(">9i", content, at, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    return path


def damage_frame(path: Path, number: int) -> Path:
    """Overwrite the data of one frame, counted in the order of the file."""
    import av

    with av.open(str(path)) as container:
        packet = [p for p in container.demux(container.streams.video[0]) if p.size][number]
        start, stop = packet.pos + packet.size // 4, packet.pos + packet.size
    content = bytearray(path.read_bytes())
    content[start:stop] = bytes((37 * i + 11) % 251 for i in range(stop - start))
    path.write_bytes(content)
    return path


def _write_silence(container, stream, seconds):
    import av

    for _ in range(max(1, seconds * 8)):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1000), np.float32), "fltp", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
