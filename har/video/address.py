"""Where a camera is: a device of this machine, or the address of a stream."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from har.errors import ConfigError, did_you_mean
from har.video.timeline import FORMATS

DEVICE = "camera:"
SCHEMES: Mapping[str, tuple[str, ...]] = {
    "rtsp": ("rtsp", "rtp", "udp", "tcp"),
    "rtsps": ("rtsps", "rtsp", "rtp", "tls", "udp", "tcp"),
    "http": ("http", "tcp"),
    "https": ("https", "http", "tls", "tcp"),
    "tcp": ("tcp",),
    "udp": ("udp",),
}
"""Schemes of streams, and the protocols that each may use: none reads a file of this machine."""

_STREAM_FORMATS = ",".join((*FORMATS, "rtsp", "rtp", "sdp", "mpjpeg"))


@dataclass(frozen=True)
class CameraAddress:
    """What opens a camera. As text it is without the user and the password.

    Attributes:
        shown: the address for people.
        url: for the library that opens it.
        format: of a device; None where the stream tells its own.
        options: of the library.
    """

    shown: str
    url: str = field(repr=False)
    format: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.shown


def is_camera(text: str) -> bool:
    """Return whether a text is meant as the address of a camera, not as the name of a file."""
    return text.startswith(DEVICE) or "://" in text


def camera_address(text: str) -> CameraAddress:
    """Read ``camera:<number>`` or the address of a stream.

    Raises:
        ConfigError: it is neither, or there is no such camera; tells what there is.
    """
    return _device(text) if text.startswith(DEVICE) else _stream(text)


def _device(text: str) -> CameraAddress:
    number = text.removeprefix(DEVICE)
    if not number.isdecimal():
        raise ConfigError(f"'{text}' is no camera: give {DEVICE} and a number, such as {DEVICE}0")
    if not sys.platform.startswith("linux"):
        raise ConfigError(
            f"'{text}': cameras of the machine are read on Linux only. Let another program send "
            "its pictures, and give the address of the stream"
        )
    path = Path(f"/dev/video{number}")
    if not path.exists():
        there = sorted(p.name.removeprefix("video") for p in Path("/dev").glob("video[0-9]*"))
        known = f"There are: {', '.join(DEVICE + n for n in there)}" if there else "There is none"
        raise ConfigError(f"there is no camera '{text}', for there is no {path}. {known}")
    return CameraAddress(text, str(path), "v4l2")


def _stream(text: str) -> CameraAddress:
    parts = urlsplit(text)
    if parts.scheme not in SCHEMES:
        raise ConfigError(
            f"'{parts.scheme}://' is no stream that can be watched."
            f"{did_you_mean(parts.scheme, SCHEMES)} There are: {', '.join(SCHEMES)}; a file is "
            "given by its path, a camera of this machine as camera:0"
        )
    try:
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"the address of the stream has no right port: {error}") from error
    if not host:
        raise ConfigError(f"'{parts.scheme}://' lacks a host: give {parts.scheme}://<host>/<path>")
    shown = f"{parts.scheme}://{host}{'' if port is None else f':{port}'}{parts.path}"
    options = {
        "protocol_whitelist": ",".join(SCHEMES[parts.scheme]),
        "format_whitelist": _STREAM_FORMATS,
        "fflags": "nobuffer",
    }
    if parts.scheme.startswith("rtsp"):
        options["rtsp_transport"] = "tcp"  # over UDP, what is lost on the way damages the picture
    return CameraAddress(shown, text, None, options)
