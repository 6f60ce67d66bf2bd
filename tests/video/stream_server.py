"""Small servers of a stream: a moving picture in H.264, sent at its own pace."""

import contextlib
import io
import re
import socket
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

FPS, HEIGHT, WIDTH = 20, 120, 160
CHUNK = 7 * 188
"""Bytes of a transport stream that are sent at once."""

H264, CLOCK_HZ, LAST_OF_FRAME = 96, 90_000, 0x80
START_CODE = re.compile(b"\x00{2,3}\x01")


class Picture(NamedTuple):
    """A video: as MPEG transport stream, and frame by frame as H.264 with start codes."""

    stream: bytes
    frames: tuple[bytes, ...]


@cache
def moving_picture(seconds: int) -> Picture:
    """Return a bar that moves over noise, one keyframe every half second."""
    import av

    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    file, frames = io.BytesIO(), []
    with av.open(file, "w", format="mpegts") as container:
        stream = container.add_stream("libx264", FPS, {"tune": "zerolatency", "g": "10"})
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        for number in range(seconds * FPS):
            picture = noise.copy()
            picture[:, number % WIDTH : number % WIDTH + 20] = 255
            packets = stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24"))
            frames += [bytes(packet) for packet in packets]
            container.mux(packets)
    return Picture(file.getvalue(), tuple(frames))


class StreamServer:
    """Sends the picture for some seconds a connection, then hangs up; one connection at a time.

    Args:
        seconds: that each connection lasts.
        port: to listen at; 0 takes a free one.
    """

    scheme: str

    def __init__(self, seconds: int, port: int = 0):
        self.seconds = seconds
        self.served = 0
        self.picture = moving_picture(seconds)
        self._listening = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """Address of the stream."""
        return f"{self.scheme}://127.0.0.1:{self.port}/room"

    def close(self) -> None:
        """Listen no more."""
        with contextlib.suppress(OSError):  # where nobody listens any longer
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def serve(self, connection: socket.socket) -> None:
        """Answer one connection until it is to end."""
        raise NotImplementedError

    def in_time(self, pieces: Sequence[bytes]) -> Iterator[bytes]:
        """Yield the pieces of a video, each when its time has come."""
        for piece in pieces:
            yield piece
            time.sleep(self.seconds / len(pieces))

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.served += 1
            with connection, contextlib.suppress(OSError):
                self.serve(connection)


class DyingHttpServer(StreamServer):
    """Serves one connection over HTTP and dies."""

    scheme = "http"

    def serve(self, connection: socket.socket) -> None:
        """Send the stream to whatever request."""
        self.close()
        connection.recv(4096)
        connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: video/mp2t\r\n\r\n")
        stream = self.picture.stream
        for chunk in self.in_time([stream[i : i + CHUNK] for i in range(0, len(stream), CHUNK)]):
            connection.sendall(chunk)


class RtspServer(StreamServer):
    """Serves the stream over RTSP, its RTP packets over the connection itself (RFC 2326, 10.12)."""

    scheme = "rtsp"

    def serve(self, connection: socket.socket) -> None:
        """Answer requests until PLAY, and then send the stream."""
        lines = connection.makefile("r", encoding="latin-1", newline="\r\n")
        while method := lines.readline().partition(" ")[0]:
            request = {}
            while (line := lines.readline().strip()) != "":
                name, _, value = line.partition(":")
                request[name.lower()] = value.strip()
            head, body = {"CSeq": request["cseq"], "Session": "1"}, ""
            if method == "DESCRIBE":
                body = (
                    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=room\r\nt=0 0\r\n"
                    f"m=video 0 RTP/AVP {H264}\r\na=rtpmap:{H264} H264/{CLOCK_HZ}\r\n"
                    "a=control:track\r\n"
                )
                head |= {"Content-Type": "application/sdp", "Content-Length": str(len(body))}
            if method == "SETUP":
                head["Transport"] = "RTP/AVP/TCP;unicast;interleaved=0-1"
            text = "RTSP/1.0 200 OK\r\n" + "".join(f"{k}: {v}\r\n" for k, v in head.items())
            connection.sendall((text + "\r\n" + body).encode())
            if method == "PLAY":
                self._play(connection)
                return

    def _play(self, connection: socket.socket) -> None:
        """Send each unit of H.264 as a packet of its own (RFC 6184, 5.6)."""
        sequence = 0
        for number, frame in enumerate(self.in_time(self.picture.frames)):
            units = [unit for unit in START_CODE.split(frame) if unit]
            for unit in units:
                kind = H264 | LAST_OF_FRAME * (unit is units[-1])
                ticks = number * CLOCK_HZ // FPS
                packet = struct.pack(">BBHII", 2 << 6, kind, sequence, ticks, 1) + unit
                connection.sendall(b"$\x00" + len(packet).to_bytes(2, "big") + packet)
                sequence += 1
