"""A small RTSP server: one picture for all, RTP over the connection itself; ffmpeg encodes."""

import contextlib
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

CAN_SERVE = shutil.which("ffmpeg") is not None


class RtspServer:
    """Serves a moving test picture for some seconds a connection, and then hangs up.

    Args:
        folder: for the description of the stream.
        seconds: that each connection lasts.
    """

    def __init__(self, folder: Path, seconds: float):
        self.folder = folder
        self.seconds = seconds
        self.served = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"rtsp://127.0.0.1:{self._listening.getsockname()[1]}/room"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                self._serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        self.served += 1
        packets = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        packets.bind(("127.0.0.1", 0))
        packets.settimeout(2)
        sdp = self.folder / f"{self.served}.sdp"
        command = (
            f"ffmpeg -loglevel error -re -f lavfi -i testsrc=size=160x120:rate=20:duration="
            f"{self.seconds + 3} -c:v libx264 -tune zerolatency -g 10 -f rtp -sdp_file {sdp} "
            f"rtp://127.0.0.1:{packets.getsockname()[1]}"
        )
        with subprocess.Popen(command.split(), stdout=subprocess.DEVNULL) as encoder:
            try:
                self._talk(connection, packets, sdp)
            finally:
                encoder.kill()
                packets.close()

    def _talk(self, connection: socket.socket, packets: socket.socket, sdp: Path) -> None:
        lines = connection.makefile("r", encoding="latin-1", newline="\r\n")
        while True:
            request = {}
            method = lines.readline().partition(" ")[0]
            if not method:
                return
            while (line := lines.readline().strip()) != "":
                name, _, value = line.partition(":")
                request[name.lower()] = value.strip()
            extra, body = {}, ""
            if method == "DESCRIBE":
                while not (sdp.is_file() and "m=video" in sdp.read_text()):
                    time.sleep(0.05)
                body = sdp.read_text().removeprefix("SDP:\n") + "a=control:track\r\n"
                extra = {"Content-Type": "application/sdp", "Content-Length": str(len(body))}
            if method == "SETUP":
                extra = {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1"}
            head = {"CSeq": request["cseq"], "Session": "1", **extra}
            text = "RTSP/1.0 200 OK\r\n" + "".join(f"{k}: {v}\r\n" for k, v in head.items())
            connection.sendall((text + "\r\n" + body).encode())
            if method == "PLAY":
                self._send(connection, packets)
                return

    def _send(self, connection: socket.socket, packets: socket.socket) -> None:
        end = time.monotonic() + self.seconds
        while time.monotonic() < end:
            packet = packets.recv(65536)
            connection.sendall(b"$\x00" + len(packet).to_bytes(2, "big") + packet)
