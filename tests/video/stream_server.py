"""Small servers of a stream: a moving picture as MPEG transport stream, sent at its own pace."""

import contextlib
import io
import socket
import struct
import threading
import time
from collections.abc import Iterator
from functools import cache

import numpy as np

FPS, HEIGHT, WIDTH = 20, 120, 160
CHUNK = 7 * 188
"""Bytes sent at once: seven packets of a transport stream, as RTP carries them (RFC 2250)."""

TRANSPORT_STREAM = 33
"""RTP's number for MPEG transport streams (RFC 3551)."""


@cache
def moving_picture(seconds: int) -> bytes:
    """Return a transport stream of a bar that moves over noise, one keyframe every half second."""
    import av

    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    file = io.BytesIO()
    with av.open(file, "w", format="mpegts") as container:
        stream = container.add_stream("libx264", FPS, {"tune": "zerolatency", "g": "10"})
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        for number in range(seconds * FPS):
            picture = noise.copy()
            picture[:, number % WIDTH : number % WIDTH + 20] = 255
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return file.getvalue()


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
        self._picture = moving_picture(seconds)
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

    def chunks(self) -> Iterator[bytes]:
        """Yield the transport stream piece by piece, each when its time has come."""
        starts = range(0, len(self._picture), CHUNK)
        for start in starts:
            yield self._picture[start : start + CHUNK]
            time.sleep(self.seconds / len(starts))

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
        for chunk in self.chunks():
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
                    f"m=video 0 RTP/AVP {TRANSPORT_STREAM}\r\na=control:track\r\n"
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
        started = time.monotonic()
        for number, chunk in enumerate(self.chunks()):
            ticks = int(90_000 * (time.monotonic() - started))
            packet = struct.pack(">BBHII", 2 << 6, TRANSPORT_STREAM, number, ticks, 1) + chunk
            connection.sendall(b"$\x00" + len(packet).to_bytes(2, "big") + packet)
