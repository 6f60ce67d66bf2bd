"""MSRDailyActivity3D: files of its form, made here."""

import numpy as np
import pytest

from har.data.adapters.msr_daily_activity3d import Adapter
from har.data.cards import load_card
from har.errors import BadSampleError

NAME = "a12_s10_e02_skeleton.txt"


@pytest.fixture
def adapter(tmp_path):
    return Adapter(load_card("msr_daily_activity3d"), tmp_path)


def text(frames):
    """Write frames of (people, 20, 3) joints in the form of the set."""
    lines = [f"{len(frames)} 20"]
    for people in frames:
        lines.append(str(40 * len(people)))
        for x, y, z in np.reshape(people, (-1, 3)).tolist():
            lines += [f"{x!r} {y!r} {z!r} 1", "0.4 0.5 1800.0 1"]
    return "\n".join(lines) + "\n"


@pytest.fixture
def joints():
    return np.random.default_rng(0).normal(size=(3, 20, 3)).astype(np.float32)


def test_a_clip(adapter, tmp_path, joints):
    frames = [joints[:1], joints[:0], joints[1:3]]
    (tmp_path / NAME).write_text(text(frames))
    assert adapter.items() == [NAME]
    (clip,) = adapter.read(NAME)
    record = clip.record
    assert (record.clip_id, record.label, record.layout) == ("a12_s10_e02", 11, "kinect20")
    assert (record.subject, record.replication) == ("10", "2")
    assert clip.joints.shape == (2, 3, 20, 3)
    np.testing.assert_array_equal(clip.joints[0, 0], joints[0])
    np.testing.assert_array_equal(clip.joints[:, 2], joints[1:3])
    np.testing.assert_array_equal(clip.confidence[:, :, 5], [[1, 0, 1], [0, 0, 1]])


def test_bad_content(adapter, tmp_path, joints):
    good = text([joints[:1], joints[1:2]])
    for content, reason in (
        ("", "does not start with a frame count and 20 joints"),
        ("2 25\n", "does not start with a frame count and 20 joints"),
        ("0 20\n", "does not start with a frame count"),
        (good[: len(good) // 3], "ends in frame 0 of 2"),
        (good[:-20], "ends in frame 1 of 2"),
        ("1 20\n39\n", "or has 39 rows there"),
        ("1 20\n4000\n", "or has 4000 rows there"),
        ("1 20\nnan\n", "or has nan rows there"),
        ("1 20\n-40\n", "or has -40 rows there"),
        (good + "1 2\n", "has 2 numbers after its last frame"),
        (good + "x", "not a file of numbers"),
        ("2 20\n0\n0\n", "nobody was found in any of its 2 frames"),
    ):
        (tmp_path / NAME).write_text(content)
        with pytest.raises(BadSampleError, match=reason):
            adapter.read(NAME)


def test_bad_names(adapter, tmp_path, joints):
    for name, reason in (
        ("a17_s01_e01_skeleton.txt", "action a17 is not one of a01 to a16"),
        ("a1_s1_e1_skeleton.txt", "its name is not of the form"),
    ):
        (tmp_path / name).write_text(text([joints[:1]]))
        with pytest.raises(BadSampleError, match=reason):
            adapter.read(name)
