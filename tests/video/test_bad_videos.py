import os
from contextlib import suppress

import numpy as np
import pytest
from video_helper import damage_frame, read_number, write_video

from har.errors import VideoError
from har.video import open_video

av = pytest.importorskip("av", reason="needs har[video]")
pytestmark = pytest.mark.timeout(60)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(VideoError, match=r"none\.mp4: there is no such file"):
        open_video(tmp_path / "none.mp4")
    with pytest.raises(VideoError, match="is no file"):
        open_video(tmp_path)


def test_a_pipe_that_nobody_writes_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(VideoError, match=r"pipe\.mp4: is no file"):
        open_video(tmp_path / "pipe.mp4")


def test_empty_file(tmp_path):
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(VideoError, match=r"empty\.mp4: is empty"):
        open_video(tmp_path / "empty.mp4")


@pytest.mark.parametrize("name", ["text.mp4", "notes.txt", "page.avi"])
def test_text_is_no_video(tmp_path, name):
    (tmp_path / name).write_text("no video at all\n" * 500)
    with pytest.raises(VideoError, match=f"{name}: is no readable video"):
        open_video(tmp_path / name)


def test_random_bytes_are_no_video(tmp_path):
    data = np.random.default_rng(0).integers(0, 256, 100_000, dtype=np.uint8)
    for name in ("noise.mp4", "noise.h264", "noise.ts"):
        (tmp_path / name).write_bytes(data.tobytes())
        with pytest.raises(VideoError, match=name):
            open_video(tmp_path / name)


def test_playlists_do_not_bring_in_another_file(tmp_path):
    write_video(tmp_path / "other.mp4", count=5)
    (tmp_path / "list.m3u8").write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nother.mp4\n#EXT-X-ENDLIST\n"
    )
    (tmp_path / "list.ffconcat").write_text("ffconcat version 1.0\nfile other.mp4\n")
    for name in ("list.m3u8", "list.ffconcat"):
        with pytest.raises(VideoError, match=f"{name}: is no readable video"):
            open_video(tmp_path / name)


def test_sound_alone(tmp_path):
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(VideoError, match="holds no video, only other streams"):
        open_video(tmp_path / "sound.mp4")


@pytest.mark.parametrize("name", ["zero.avi", "zero.mkv", "zero.mp4"])
def test_video_without_frames(tmp_path, name):
    with av.open(str(tmp_path / name), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        container.start_encoding()
    with pytest.raises(VideoError, match=name):
        open_video(tmp_path / name)


def test_truncated_before_its_index(tmp_path):
    path = write_video(tmp_path / "cut.mp4")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(VideoError, match=r"cut\.mp4: is no readable video"):
        open_video(path)


def test_truncated_behind_its_index_names_the_first_missing_frame(tmp_path):
    path = write_video(tmp_path / "cut.mp4", movflags="faststart")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 4])
    with pytest.raises(VideoError, match=r"cut\.mp4: frame \d+: ") as caught:
        open_video(path)
    assert 10 < caught.value.frame < 60


@pytest.mark.parametrize("size", [(1), (100), (2000)])
def test_truncated_to_almost_nothing(tmp_path, size):
    path = write_video(tmp_path / "cut.mp4", movflags="faststart")
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(VideoError, match=r"cut\.mp4"):
        open_video(path)


@pytest.mark.parametrize("number", [20, 36, 50])
def test_damage_in_the_middle_names_the_frame_and_spares_the_others(tmp_path, number):
    path = damage_frame(write_video(tmp_path / "damaged.mp4"), number)
    with open_video(path) as reader:
        with pytest.raises(VideoError, match=r"damaged\.mp4: frame \d+: cannot be decoded") as told:
            list(reader.stream())
        assert abs(told.value.frame - number) <= 12
        assert [read_number(frame) for frame in reader.frames([0, 11, 5])] == [0, 11, 5]
        with pytest.raises(VideoError, match="cannot be decoded"):
            reader.frames([0, told.value.frame])


@pytest.mark.slow
def test_no_damage_anywhere_crashes_or_hangs(tmp_path):
    """Whatever byte is wrong: the frames are right, or a VideoError tells that they are not."""
    whole = write_video(tmp_path / "whole.mp4", count=30, movflags="faststart").read_bytes()
    rng = np.random.default_rng(0)
    for trial in range(60):
        content = np.frombuffer(whole, np.uint8).copy()
        at = rng.integers(0, len(content), 12)
        content[at] = rng.integers(0, 256, 12)
        path = tmp_path / f"{trial}.mp4"
        path.write_bytes(content.tobytes())
        with suppress(VideoError), open_video(path) as reader:
            assert reader.frames([0, 15]).shape[0] == 2
