import importlib
import pickle
from pathlib import Path

import numpy as np
import pytest
from video_helper import HEIGHT, WIDTH, read_number, turn, write_video

from har.errors import ConfigError, VideoError
from har.video import DECODERS, open_video

pytest.importorskip("av", reason="needs har[video]")

MODULES = {"pyav": "av", "decord": "decord", "torchcodec": "torchcodec"}


@pytest.fixture(params=sorted(DECODERS))
def decoder(request):
    try:
        importlib.import_module(MODULES[request.param])
    except (ImportError, RuntimeError):
        pytest.skip(f"{MODULES[request.param]} is not installed")
    return request.param


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> Path:
    return write_video(tmp_path_factory.mktemp("video") / "numbered.mp4", audio=True)


def numbers(pixels):
    return [read_number(frame) for frame in pixels]


def test_frames_are_exactly_those_asked_for_in_any_order(video, decoder):
    wanted = [59, 0, 13, 12, 11, 30, 13, 47]
    with open_video(video, decoder=decoder) as reader:
        assert (reader.frame_count, reader.height, reader.width) == (60, HEIGHT, WIDTH)
        assert numbers(reader.frames(wanted)) == wanted
        assert numbers(reader.frames([5])) == [5]
        assert reader.frames([]).shape == (0, HEIGHT, WIDTH, 3)


@pytest.mark.parametrize(
    "name", ["closed.mp4", "one_gop.mkv", "all_keys.mp4", "long.avi", "v.webm"]
)
def test_every_frame_of_every_container(tmp_path, decoder, name):
    options = {
        "closed.mp4": {},
        "one_gop.mkv": {"gop": 1000, "b_frames": 3},
        "all_keys.mp4": {"gop": 1, "b_frames": 0},
        "long.avi": {"codec": "mpeg4", "b_frames": 0},
        "v.webm": {"codec": "libvpx-vp9"},
    }[name]
    path = write_video(tmp_path / name, count=30, **options)
    backwards = list(range(29, -1, -1))
    with open_video(path, decoder=decoder) as reader:
        assert numbers(reader.frames(backwards)) == backwards
        for index in (17, 3, 29):
            assert numbers(reader.frames([index])) == [index]


def test_avi_that_stores_frames_out_of_order(tmp_path):
    path = write_video(tmp_path / "b_frames.avi", count=30, b_frames=3)
    with open_video(path) as reader:
        assert numbers(reader.frames(range(30))) == list(range(30))
        assert numbers(reader.frames([7, 2])) == [7, 2]
        assert reader.fps == 30


def test_an_avi_out_of_order_is_not_given_to_torchcodec(tmp_path):
    pytest.importorskip("torchcodec", reason="needs har[torchcodec]")
    path = write_video(tmp_path / "b_frames.avi", count=30, b_frames=3)
    with pytest.raises(VideoError, match="use decoder=pyav"):
        open_video(path, decoder="torchcodec")


def test_timestamps_of_a_variable_rate(tmp_path, decoder):
    times = np.cumsum([0, *np.tile([0.03, 0.1, 0.07], 10)])[:30]
    path = write_video(tmp_path / "variable.mp4", count=30, times=times)
    with open_video(path, decoder=decoder) as reader:
        np.testing.assert_allclose(reader.timestamps, times, atol=1e-3)
        assert reader.fps == pytest.approx(29 / times[-1], rel=1e-3)
        assert numbers(reader.frames([20, 9])) == [20, 9]


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_rotation_is_undone(tmp_path, decoder, turns):
    path = turn(write_video(tmp_path / "turned.mp4", count=6), turns)
    with open_video(path, decoder=decoder) as reader:
        upright = (HEIGHT, WIDTH) if turns == 2 else (WIDTH, HEIGHT)
        assert (reader.height, reader.width) == upright
        frame = reader.frames([3])[0]
    assert frame.shape == (*upright, 3)
    assert read_number(np.rot90(frame, turns)) == 3
    with open_video(path, decoder=decoder, size=(50, 40)) as reader:
        resized = reader.frames([3])[0]
    assert resized.shape == (50, 40, 3)
    assert read_number(np.rot90(resized, turns)) == 3


def test_resize_at_decode(video, decoder):
    with open_video(video, decoder=decoder, size=(32, 48)) as reader:
        assert (reader.height, reader.width) == (32, 48)
        pixels = reader.frames([41, 7])
    assert pixels.shape == (2, 32, 48, 3)
    assert pixels.dtype == np.uint8
    assert numbers(pixels) == [41, 7]


def test_stream_gives_frame_after_frame(video, decoder):
    with open_video(video, decoder=decoder) as reader:
        frames = list(reader.stream(10, 40))
        assert [frame.index for frame in frames] == list(range(10, 40))
        assert numbers(frame.pixels for frame in frames) == list(range(10, 40))
        np.testing.assert_allclose([frame.time for frame in frames], reader.timestamps[10:40])
        assert sum(1 for _ in reader.stream()) == 60
        assert list(reader.stream(5, 5)) == []


def test_colours_are_red_green_blue(video, decoder):
    with open_video(video, decoder=decoder) as reader:
        frame = reader.frames([0])[0]
    left, right = frame[3 * HEIGHT // 4, WIDTH // 4], frame[3 * HEIGHT // 4, 3 * WIDTH // 4]
    assert left[0] > 150 > left[2]
    assert right[2] > 150 > right[0]


def test_decoders_agree_to_the_bit(video):
    pytest.importorskip("decord")
    with open_video(video, decoder="pyav") as one, open_video(video, decoder="decord") as other:
        np.testing.assert_array_equal(one.frames([4, 33]), other.frames([4, 33]))


def test_interleaved_streams_of_one_reader_stay_exact(video):
    with open_video(video) as reader:
        pairs = zip(reader.stream(0, 5), reader.stream(30, 35), strict=True)
        seen = [(read_number(a.pixels), read_number(b.pixels)) for a, b in pairs]
    assert seen == [(i, 30 + i) for i in range(5)]


def test_wrong_requests(video):
    with open_video(video) as reader, pytest.raises(VideoError, match="frame 60: does not exist"):
        reader.frames([0, 60])
    with open_video(video) as reader, pytest.raises(VideoError, match="frames 0 to 59"):
        list(reader.stream(0, 61))
    with pytest.raises(ConfigError, match=r"unknown decoder 'pyva'\. Did you mean 'pyav'"):
        open_video(video, decoder="pyva")
    with pytest.raises(ConfigError, match="at least 1 pixel"):
        open_video(video, size=(0, 10))


def test_errors_travel_between_processes():
    error = pickle.loads(pickle.dumps(VideoError("a.mp4", "is damaged", 3)))
    assert (error.path, error.frame, str(error)) == ("a.mp4", 3, "a.mp4: frame 3: is damaged")


def test_real_ntu_video_has_the_frames_of_its_skeleton_file(real_data):
    with open_video(real_data / "ntu/S001C001P001R001A001_rgb.avi", size=(108, 192)) as reader:
        assert reader.frame_count == 103
        first, last = reader.frames([0, 102])
    assert np.abs(first.astype(int) - last).mean() > 0
