"""What all corruptions of video promise, and what some of them do."""

import numpy as np
import pytest

from har.errors import ConfigError
from har.quality.corruptions import SEVERITIES, VIDEO_CORRUPTIONS, video_corruption

cv2 = pytest.importorskip("cv2", reason="needs the extra 'video'")
pytest.importorskip("av", reason="needs the extra 'video'")

NAMES = sorted(VIDEO_CORRUPTIONS)
STILL = ("frame_drop", "video_frame_rate")


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    """Return a textured scene in which something moves, 12 frames of 90 x 121 pixels."""
    rng = np.random.default_rng(0)
    scene = cv2.resize(rng.integers(20, 235, (12, 16, 3), dtype=np.uint8), (121, 90))
    clip = np.stack([scene] * 12)
    for place, frame in enumerate(clip):
        frame[30:60, 5 * place : 5 * place + 20] = (220, 40, 40)
    return clip


def corrupt(name, severity, frames, seed=0):
    return video_corruption(name, severity)(frames, np.random.default_rng(seed))


@pytest.mark.parametrize("name", NAMES)
def test_shape_type_and_input_stay(name, frames):
    before = frames.copy()
    for severity in SEVERITIES:
        result = corrupt(name, severity, frames)
        assert result.shape == frames.shape
        assert result.dtype == np.uint8
        assert not np.array_equal(result, frames)
    assert np.array_equal(frames, before)


@pytest.mark.parametrize("name", NAMES)
def test_equal_seeds_give_equal_frames(name, frames):
    assert np.array_equal(corrupt(name, 3, frames, seed=4), corrupt(name, 3, frames, seed=4))


@pytest.mark.parametrize("name", NAMES)
def test_higher_severities_do_more(name, frames):
    changes = [
        np.mean(
            [
                np.abs(corrupt(name, s, frames, seed).astype(int) - frames).mean()
                for seed in (1, 2, 3)
            ]
        )
        for s in SEVERITIES
    ]
    assert changes[4] > changes[2] > changes[0] > 0, changes
    assert all(np.diff(changes) > -0.02 * max(changes)), changes


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(0, 8, 8, 3), (1, 33, 47, 3), (3, 1, 1, 3), (2, 16, 300, 3)])
def test_odd_sizes(name, shape):
    if name == "h264" and shape[1] == 1:
        pytest.skip("H.264 has no pictures of one pixel")
    frames = np.full(shape, 100, np.uint8)
    assert corrupt(name, 5, frames).shape == shape


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [0, 255])
def test_black_and_white_frames(name, value):
    frames = np.full((4, 32, 48, 3), value, np.uint8)
    assert corrupt(name, 5, frames).shape == frames.shape


def test_noise_is_new_in_every_frame():
    frames = np.full((3, 40, 40, 3), 128, np.uint8)
    noisy = corrupt("sensor_noise", 1, frames).astype(float)
    assert noisy.std() == pytest.approx(0.08 * 255, rel=0.05)
    assert np.abs(np.corrcoef(noisy[0].ravel(), noisy[1].ravel())[0, 1]) < 0.05


def test_light_is_halved_with_each_stop():
    frames = np.full((1, 60, 60, 3), 188, np.uint8)
    assert corrupt("low_light", 1, frames).mean() == pytest.approx(137, abs=2)
    assert corrupt("over_exposure", 2, frames).mean() == pytest.approx(255, abs=1)


def test_h264_gives_its_frames_in_order():
    frames = np.zeros((12, 90, 121, 3), np.uint8)
    for place, frame in enumerate(frames):
        frame[30:60, 8 * place : 8 * place + 20] = 200
    result = corrupt("h264", 1, frames)
    columns = result[:, 45, :, 0] > 100
    starts = columns.argmax(axis=1)
    assert np.abs(starts - 8 * np.arange(12)).max() <= 2


def test_lost_frames_repeat_the_last_one(frames):
    for name in STILL:
        result = corrupt(name, 3, frames)
        for frame in result:
            assert any(np.array_equal(frame, known) for known in frames)
    assert np.array_equal(corrupt("frame_drop", 5, frames)[0], frames[0])


def test_an_occluder_covers_its_share(frames):
    hidden = (corrupt("occluder", 3, frames) != frames).any(axis=(0, 3)).mean()
    assert hidden == pytest.approx(0.2, abs=0.02)


def test_wrong_frames_and_names_are_told():
    with pytest.raises(ConfigError, match=r"needs frames \(T, H, W, 3\) of uint8, got \(2, 3\)"):
        corrupt("jpeg", 1, np.zeros((2, 3)))
    with pytest.raises(ConfigError, match="Did you mean 'h264'"):
        video_corruption("h265", 1)
    with pytest.raises(ConfigError, match="severity=0"):
        video_corruption("jpeg", 0)


def test_a_missing_package_is_told_with_its_extra(frames, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cv2", None)
    with pytest.raises(ConfigError, match=r"pip install -c constraints\.txt -e '\.\[video\]'"):
        corrupt("jpeg", 1, frames)
