"""Where messages go: standard output, a webhook, an MQTT broker."""

import json
import sys
import threading
import urllib.request
from collections.abc import Iterable
from queue import Full, Queue
from typing import Any, Protocol, TextIO

from har.errors import ConfigError

WAITING = 1000
TRIES = 3
TIMEOUT_S = 5.0


class Sink(Protocol):
    """Takes messages; never stops the stream."""

    def send(self, message: dict[str, Any]) -> None:
        """Take a message."""

    def close(self) -> None:
        """Send what is waiting, as far as that is possible."""


class Lines:
    """Writes each message as a line of JSON, at once.

    Args:
        out: where to; standard output if not given.
    """

    def __init__(self, out: TextIO | None = None):
        self.out = out or sys.stdout

    def send(self, message: dict[str, Any]) -> None:
        """Write the line."""
        self.out.write(json.dumps(message, ensure_ascii=False, allow_nan=False) + "\n")
        self.out.flush()

    def close(self) -> None:
        """Do nothing."""


class _Background:
    """Sends events from a thread of its own, so that a slow receiver holds nothing up.

    What waits is bounded; where a receiver stays away, the newest messages are dropped and counted.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._queue: Queue[dict[str, Any] | None] = Queue(WAITING)
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def send(self, message: dict[str, Any]) -> None:
        """Queue an event; other messages are not sent."""
        if message["type"] != "event":
            return
        try:
            self._queue.put_nowait(message)
        except Full:
            self.dropped += 1

    def close(self) -> None:
        """Wait for what is queued."""
        self._queue.put(None)
        self._thread.join(TIMEOUT_S * TRIES)

    def _work(self) -> None:
        while (message := self._queue.get()) is not None:
            for _ in range(TRIES):
                try:
                    self._deliver(message)
                    break
                except Exception as error:
                    told = f"{type(self).__name__}: {error}"
            else:
                self.dropped += 1
                print(f"not sent: {told}", file=sys.stderr)

    def _deliver(self, message: dict[str, Any]) -> None:
        raise NotImplementedError


class Webhook(_Background):
    """Posts each event as JSON.

    Args:
        url: http or https.

    Raises:
        ConfigError: the URL is of another kind.
    """

    def __init__(self, url: str):
        if not url.startswith(("http://", "https://")):
            raise ConfigError(f"webhook={url}: give a URL that starts with http:// or https://")
        self.url = url
        super().__init__()

    def _deliver(self, message: dict[str, Any]) -> None:
        body = json.dumps(message).encode()
        request = urllib.request.Request(
            self.url, data=body, headers={"Content-Type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=TIMEOUT_S):
            pass


class Mqtt(_Background):
    """Publishes each event under ``<topic>/<kind>``, at least once (QoS 1).

    Args:
        address: ``mqtt://host[:port]/topic``.

    Raises:
        ConfigError: the address is of another form, or paho-mqtt is not installed.
    """

    def __init__(self, address: str):
        from urllib.parse import urlparse

        parts = urlparse(address)
        if parts.scheme != "mqtt" or not parts.hostname or not parts.path.strip("/"):
            raise ConfigError(f"mqtt={address}: give mqtt://host[:port]/topic")
        try:
            from paho.mqtt.client import CallbackAPIVersion, Client
        except ImportError as error:
            raise ConfigError("MQTT needs a library: pip install paho-mqtt") from error
        self.topic = parts.path.strip("/")
        self._client = Client(CallbackAPIVersion.VERSION2)
        if parts.username:
            self._client.username_pw_set(parts.username, parts.password)
        self._client.connect_async(parts.hostname, parts.port or 1883)
        self._client.loop_start()
        super().__init__()

    def close(self) -> None:
        """Wait for what is queued, and disconnect."""
        super().close()
        self._client.loop_stop()
        self._client.disconnect()

    def _deliver(self, message: dict[str, Any]) -> None:
        sent = self._client.publish(f"{self.topic}/{message['kind']}", json.dumps(message), qos=1)
        sent.wait_for_publish(TIMEOUT_S)
        if not sent.is_published():
            raise TimeoutError("the broker does not answer")


def send_all(sinks: Iterable[Sink], message: dict[str, Any]) -> None:
    """Give a message to every sink."""
    for sink in sinks:
        sink.send(message)
