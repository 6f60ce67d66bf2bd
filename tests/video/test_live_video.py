import socket
import threading
import time
from functools import partial

import numpy as np
import pytest
from stream_server import DyingHttpServer, RtspServer
from video_helper import read_number, write_video

from har.errors import ConfigError, VideoError
from har.video import live
from har.video.address import camera_address, is_camera
from har.video.live import Interruption, LiveFrame, Newest, play_video, read_video, watch_camera


def number(value):
    return LiveFrame(float(value), lambda: np.full((1, 1, 3), value, np.uint8))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("rtsq://x/y", "Did you mean 'rtsp'"),
        ("file:///etc/passwd", "'file://' is no stream that can be watched"),
        ("gopher://x", "There are: rtsp, rtsps, http, https, tcp, udp"),
        ("rtsp:///path", "lacks a host: give rtsp://<host>/<path>"),
        ("rtsp://host:port/x", "has no right port"),
        ("camera:front", "'camera:front' is no camera: give camera: and a number"),
        ("camera:4711", "there is no camera 'camera:4711', for there is no /dev/video4711"),
    ],
)
def test_wrong_addresses_are_told(text, told):
    assert is_camera(text)
    with pytest.raises(ConfigError) as caught:
        camera_address(text)
    assert told in str(caught.value)


def test_passwords_are_not_shown():
    address = camera_address("rtsp://me:secret@10.0.0.7:8554/front?token=abc")
    assert str(address) == "rtsp://10.0.0.7:8554/front"
    assert "secret" not in repr(address)
    assert "file" not in address.options["protocol_whitelist"].split(",")


def test_files_are_no_cameras():
    assert not is_camera("video.mp4")
    assert not is_camera("-")


def test_the_slower_side_gets_the_newest_frame_and_every_interruption():
    taken = threading.Event()

    def source(closing):
        yield number(0)
        taken.wait(60)
        yield from (number(n) for n in range(1, 10))
        yield Interruption(10.0, True, "lost")
        yield number(11)

    with Newest(source) as newest:
        items = iter(newest)
        assert next(items).time == 0
        taken.set()
        newest._thread.join(60)
        rest = list(items)
    assert [type(item).__name__ for item in rest] == ["Interruption", "LiveFrame"]
    assert rest[1].time == 11
    assert newest.dropped == 9


def test_what_fails_in_the_source_fails_where_frames_are_taken():
    def source(closing):
        yield number(1)
        raise VideoError("x.mp4", "is damaged", 3)

    with Newest(source) as newest, pytest.raises(VideoError, match=r"x\.mp4: frame 3: is damaged"):
        list(newest)


def test_closing_ends_a_source_that_would_go_on_for_ever():
    ended = threading.Event()

    def source(closing):
        try:
            while True:
                yield number(1)
        finally:
            ended.set()

    with Newest(source) as newest:
        next(iter(newest))
    assert ended.wait(60)


def test_a_video_is_read_at_the_rate_asked_for(tmp_path):
    path = write_video(tmp_path / "v.mp4", count=20, fps=20)
    frames = list(read_video(path, max_fps=10))
    assert [read_number(frame.read()) for frame in frames] == list(range(0, 20, 2))
    assert np.diff([frame.time for frame in frames]) == pytest.approx(0.1)


def test_a_played_video_keeps_its_time(tmp_path):
    path = write_video(tmp_path / "v.mp4", count=10, fps=20)
    started = time.monotonic()
    frames = [f for f in play_video(path, 20, threading.Event()) if isinstance(f, LiveFrame)]
    assert len(frames) == 10
    assert time.monotonic() - started >= frames[-1].time


def test_a_camera_that_is_not_there_is_told():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    address = camera_address(f"http://127.0.0.1:{port}/x")
    with pytest.raises(VideoError, match=rf"http://127.0.0.1:{port}/x: cannot be watched"):
        next(watch_camera(address, 10, threading.Event()))


def test_a_stream_that_is_no_video_is_told():
    server = socket.create_server(("127.0.0.1", 0))

    def answer():
        connection, _ = server.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + b"no video " * 2000)

    threading.Thread(target=answer, daemon=True).start()
    address = camera_address(f"http://127.0.0.1:{server.getsockname()[1]}/x")
    with server, pytest.raises(VideoError, match="cannot be watched"):
        next(watch_camera(address, 10, threading.Event()))


def test_a_camera_that_says_nothing_is_given_up(monkeypatch):
    monkeypatch.setattr(live, "OPEN_TIMEOUT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = camera_address(f"tcp://127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(VideoError, match="cannot be watched"):
            next(watch_camera(address, 10, threading.Event()))


def follow_until_lost_again(url: str, on_loss) -> tuple[list[Interruption], list[int]]:
    """Return what was told, and how many frames came before each loss."""
    told, frames = [], [0]
    with Newest(partial(watch_camera, camera_address(url), 15.0)) as newest:
        for item in newest:
            if isinstance(item, LiveFrame):
                assert item.read().shape == (120, 160, 3)
                frames[-1] += 1
                continue
            told.append(item)
            if item.lost and len(frames) == 2:
                return told, frames
            if item.lost:
                frames.append(0)
                on_loss()
    raise AssertionError("the stream ended")


@pytest.mark.slow
def test_an_rtsp_camera_is_lost_and_comes_back():
    server = RtspServer(seconds=4)
    told, frames = follow_until_lost_again(server.url, on_loss=lambda: None)
    server.close()
    assert [item.lost for item in told] == [True, False, True]
    assert min(frames) >= 5
    assert "is lost" in told[0].text
    assert "is back after" in told[1].text
    assert np.all(np.diff([item.time for item in told]) > 0)
    assert server.served == 2


@pytest.mark.slow
def test_a_stream_whose_server_dies_and_is_started_again():
    server = DyingHttpServer(seconds=4)
    told, frames = follow_until_lost_again(
        server.url, on_loss=lambda: DyingHttpServer(seconds=4, port=server.port)
    )
    assert [item.lost for item in told] == [True, False, True]
    assert min(frames) >= 5
