"""A local web page that shows what the runtime sees: skeletons, labels, events. No pixels.

The page is served on this machine only, unless another address is asked for. The browser gets
joints, labels and events as server-sent events; it sends nothing but the alarms somebody
acknowledged.
"""

import json
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any

import numpy as np

from har.edge.bundle import Bundle
from har.edge.frames import PoseFrame

EVENTS_KEPT = 200
PUSHES_A_SECOND = 12
LONGEST_BODY = 1000
STATE_STALE_S = 5.0


class LiveView:
    """What the page shows now; safe to use from several threads.

    Args:
        bundle: gives the joints to draw.
        up: axis and sign that point up in the poses: 1 or -1 for y, 2 for z.
    """

    def __init__(self, bundle: Bundle, up: int = 1):
        self.bundle = bundle
        self.up = up
        self._lock = threading.Lock()
        self._people: dict[str, Any] = {}
        self._states: dict[str, dict[str, Any]] = {}
        self._events: deque[dict[str, Any]] = deque(maxlen=EVENTS_KEPT)
        self._health: dict[str, Any] = {}
        self._notice: dict[str, Any] = {}
        self._time = 0.0
        self._number = 0

    def show(self, frame: PoseFrame) -> None:
        """Take the people of a frame."""
        drawn = {name: self._project(*pose) for name, pose in frame.people.items()}
        with self._lock:
            self._people, self._time = drawn, frame.time

    def send(self, message: Mapping[str, Any]) -> None:
        """Take a message of the runtime."""
        with self._lock:
            if message["type"] == "state":
                self._states[message["person"]] = dict(message)
            elif message["type"] == "event":
                self._add_event(dict(message))
            elif message["type"] == "health":
                self._health = dict(message)
            elif message["type"] == "notice":
                self._notice = dict(message)

    def close(self) -> None:
        """Do nothing."""

    def acknowledge(self, number: int) -> bool:
        """Mark an event as seen by somebody; return whether there is one of that number."""
        with self._lock:
            for event in self._events:
                if event["number"] == number:
                    event["acknowledged"] = True
                    return True
        return False

    def snapshot(self) -> dict[str, Any]:
        """Return what the page shows, as plain data."""
        with self._lock:
            fresh = {
                name: state
                for name, state in self._states.items()
                if self._time - state["time"] <= STATE_STALE_S
            }
            return {
                "time": self._time,
                "people": self._people,
                "states": fresh,
                "events": list(self._events),
                "health": self._health,
                "notice": self._notice,
            }

    def _add_event(self, event: dict[str, Any]) -> None:
        if event["state"] == "end":
            for known in self._events:
                if (known["kind"], known["person"], known["start"]) == (
                    event["kind"], event["person"], event["start"],
                ):  # fmt: skip
                    known["ended"] = event["time"]
            return
        self._number += 1
        self._events.append({**event, "number": self._number, "acknowledged": False, "ended": None})

    def _project(self, pose: np.ndarray, seen: np.ndarray) -> list[list[float] | None]:
        """Return the joints as the camera sees them: right and down."""
        flat = pose.shape[1] == 2
        down = pose[:, 1] if flat else -pose[:, abs(self.up)] * (1 if self.up > 0 else -1)
        return [
            [round(float(x), 4), round(float(y), 4)] if there else None
            for x, y, there in zip(pose[:, 0], down, seen > 0, strict=True)
        ]


class LiveServer:
    """Serves the page from a thread.

    Args:
        view: what is shown.
        host: address to listen on; the machine itself by default.
        port: 0 takes a free one.
    """

    def __init__(self, view: LiveView, host: str = "127.0.0.1", port: int = 8765):
        page = _page(view.bundle)
        self.closing = threading.Event()
        handler = type("Handler", (_Handler,), {"view": view, "page": page, "server_": self})
        self._server = ThreadingHTTPServer((host, port), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Address of the page."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}/"

    def close(self) -> None:
        """Stop serving."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    view: LiveView
    page: bytes
    server_: LiveServer

    def do_GET(self) -> None:
        if self.path == "/":
            self._answer(HTTPStatus.OK, "text/html; charset=utf-8", self.page)
        elif self.path == "/stream":
            self._stream()
        elif self.path == "/snapshot":
            self._answer(HTTPStatus.OK, "application/json", _json(self.view.snapshot()))
        else:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"not found")

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if self.path != "/acknowledge" or not 0 < length <= LONGEST_BODY or not self._is_own():
            self._answer(HTTPStatus.BAD_REQUEST, "text/plain", b"refused")
            return
        try:
            number = int(json.loads(self.rfile.read(length))["number"])
        except (ValueError, KeyError, TypeError):
            self._answer(HTTPStatus.BAD_REQUEST, "text/plain", b"refused")
            return
        known = self.view.acknowledge(number)
        self._answer(HTTPStatus.OK if known else HTTPStatus.NOT_FOUND, "text/plain", b"")

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""

    def _is_own(self) -> bool:
        """Refuse what the page of another site sends."""
        origin = self.headers.get("Origin")
        return origin is None or origin.partition("://")[2] == self.headers.get("Host")

    def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def _stream(self) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        last = b""
        try:
            while not self.server_.closing.is_set():
                now = _json(self.view.snapshot())
                if now != last:
                    self.wfile.write(b"data: " + now + b"\n\n")
                    self.wfile.flush()
                    last = now
                time.sleep(1 / PUSHES_A_SECOND)
        except OSError:  # the browser went away
            return


def _json(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False, allow_nan=False).encode()


def _page(bundle: Bundle) -> bytes:
    text = files("har.edge").joinpath("live.html").read_text(encoding="utf-8")
    facts: dict[str, Sequence[Any] | str] = {"edges": bundle.edges, "name": bundle.name}
    data = json.dumps(facts).replace("</", "<\\/")
    return text.replace("{{facts}}", data).encode()
