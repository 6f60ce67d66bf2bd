import json
import re
import tarfile
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from har.errors import HarError
from har.evaluation.projection import SkeletonClip, bounds
from har.evaluation.render import draw_animation, draw_strip, prediction_title
from har.evaluation.style import BLUE, ORANGE

NAMES = ("pelvis", "head", "left_hand", "right_hand", "left_foot", "right_foot")
EDGES = np.array([(0, 1), (1, 2), (1, 3), (0, 4), (0, 5)])
POSE = np.array([[0, 1, 2], [0, 1.7, 2], [-0.6, 1, 2.3], [0.6, 1, 1.8], [-0.2, 0, 2], [0.2, 0, 2]])


def toy_clip(people=1, frames=6, coordinates=3, **changes) -> SkeletonClip:
    joints = np.zeros((people, frames, len(NAMES), coordinates))
    for person in range(people):
        for frame in range(frames):
            joints[person, frame] = POSE[:, :coordinates]
            joints[person, frame, :, 0] += person + 0.1 * frame
    values = {
        "joints": joints, "confidence": np.ones(joints.shape[:3]), "edges": EDGES,
        "joint_names": NAMES, "fps": 10.0,
    }  # fmt: skip
    return SkeletonClip(**(values | changes))


def count_near(picture: np.ndarray, colour: str) -> int:
    wanted = 255 * np.array(to_rgb(colour))
    return int((np.abs(picture[..., :3].astype(float) - wanted).max(axis=-1) < 6).sum())


def read_picture(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


@pytest.mark.parametrize(
    ("up", "view", "expected"),
    [
        ("y", "front", (1, 2)),
        ("y", "side", (3, 2)),
        ("-y", "front", (1, -2)),
        ("z", "front", (1, 3)),
        ("z", "side", (2, 3)),
    ],
)
def test_projection(up, view, expected):
    joints = np.broadcast_to([1.0, 2.0, 3.0], (1, 2, 6, 3))
    clip = toy_clip(frames=2, joints=joints, confidence=np.ones((1, 2, 6)), up=up)
    assert clip.project(view)[0, 1, 4].tolist() == list(expected)


def test_pixels_point_down():
    clip = toy_clip(coordinates=2)
    np.testing.assert_array_equal(clip.project("front")[..., 1], -clip.joints[..., 1])


def test_limb_sides_and_head():
    clip = toy_clip()
    assert clip.limb_sides() == ["centre", "left", "right", "left", "right"]
    assert clip.head() == 1
    assert toy_clip(joint_names=[f"j{index}" for index in range(6)]).head() is None


def test_bounds_ignore_what_is_not_seen():
    points = np.array([[0.0, 1.0], [5.0, -3.0], [99.0, 99.0]])
    low, high = bounds(points, np.array([True, True, False]))
    assert (low.tolist(), high.tolist()) == ([0, -3], [5, 1])


def test_strip_has_both_limb_colours(tmp_path: Path):
    picture = read_picture(draw_strip(tmp_path / "strip.png", toy_clip(), title="t", frames=4))
    assert count_near(picture, BLUE) > 300
    assert count_near(picture, ORANGE) > 300


def test_strip_with_a_side_view_is_taller(tmp_path: Path):
    one = read_picture(draw_strip(tmp_path / "one.png", toy_clip(), frames=3))
    two = read_picture(draw_strip(tmp_path / "two.png", toy_clip(), frames=3, side_view=True))
    assert two.shape[0] > 1.5 * one.shape[0]


@pytest.mark.parametrize("frames", [1, 2, 50])
def test_strip_of_fewer_frames_than_asked(tmp_path: Path, frames):
    assert draw_strip(tmp_path / "strip.png", toy_clip(frames=2), frames=frames).is_file()


def test_joints_that_were_not_seen_are_not_drawn(tmp_path: Path):
    confidence = np.ones((1, 6, 6))
    confidence[:, :, [2, 4]] = 0
    path = draw_strip(tmp_path / "a.png", toy_clip(confidence=confidence), frames=2)
    with_legend_only = count_near(read_picture(path), BLUE)
    assert with_legend_only < 0.2 * count_near(read_picture(path), ORANGE)


def test_frames_without_people_and_single_joints_are_drawn(tmp_path: Path):
    confidence = np.zeros((1, 6, 6))
    confidence[0, 3, 0] = 1
    clip = toy_clip(confidence=confidence)
    assert draw_strip(tmp_path / "a.png", clip, frames=6).is_file()
    assert draw_animation(tmp_path / "a.gif", clip).is_file()


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.apng"])
def test_animation_runs_in_real_time(tmp_path: Path, name):
    path = draw_animation(tmp_path / name, toy_clip(people=2, frames=12), title="t")
    with Image.open(path) as animation:
        assert animation.is_animated
        assert animation.n_frames == 12
        assert animation.info["duration"] == 100
        assert animation.info["loop"] == 0


def test_animation_leaves_frames_out_but_keeps_its_speed(tmp_path: Path):
    clip = toy_clip(frames=24, fps=30.0)
    with Image.open(draw_animation(tmp_path / "a.gif", clip, max_fps=10)) as animation:
        assert (animation.n_frames, animation.info["duration"]) == (8, 100)
    with Image.open(draw_animation(tmp_path / "b.gif", clip, max_frames=4)) as animation:
        assert (animation.n_frames, animation.info["duration"]) == (4, 200)


def test_animation_moves(tmp_path: Path):
    with Image.open(draw_animation(tmp_path / "a.gif", toy_clip(), side_view=True)) as animation:
        first = np.asarray(animation.convert("RGB")).copy()
        animation.seek(5)
        assert (np.asarray(animation.convert("RGB")) != first).any()


def test_flat_clips_have_no_side_view(tmp_path: Path):
    clip = toy_clip(coordinates=2)
    assert draw_strip(tmp_path / "a.png", clip).is_file()
    for draw, name in ((draw_strip, "b.png"), (draw_animation, "b.gif")):
        with pytest.raises(HarError, match="2D clip has no side view"):
            draw(tmp_path / name, clip, side_view=True)


def test_bad_arguments(tmp_path: Path):
    with pytest.raises(HarError, match="at least 1 frame, got 0"):
        draw_strip(tmp_path / "a.png", toy_clip(), frames=0)
    with pytest.raises(HarError, match=r"\.gif, \.png or \.apng, got 'a\.mp4'"):
        draw_animation(tmp_path / "a.mp4", toy_clip())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"joints": np.zeros((1, 6, 6, 4))}, r"\(M, T, V, 2 or 3\), got \(1, 6, 6, 4\)"),
        ({"confidence": np.ones((1, 5, 6))}, r"shape \(1, 5, 6\), joints need \(1, 6, 6\)"),
        ({"joint_names": ("a",)}, "6 joints but 1 joint names"),
        ({"edges": np.array([(0, 6)])}, r"joint indices in 0\.\.5"),
        ({"up": "x"}, r"one of \['y', '-y', 'z'\], got 'x'"),
        ({"fps": 0.0}, r"above 0, got 0\.0"),
        ({"confidence": np.zeros((1, 6, 6))}, "no joint of the clip has confidence above 0"),
    ],
)
def test_clips_that_cannot_be_drawn(changes, message):
    with pytest.raises(HarError, match=message):
        toy_clip(**changes)


def test_titles():
    assert prediction_title("c1", "sit", "sit", 0.987) == (
        "c1: true 'sit', predicted 'sit' with 99 % (right)"
    )
    assert prediction_title("c1", "sit", "fall", 0.5).endswith("50 % (wrong)")


def test_real_recording(real_data: Path, tmp_path: Path):
    with tarfile.open(real_data / "nwucla" / "all_sqe.tar.xz") as archive:
        member = next(entry for entry in archive if re.search(r"a\d+_s.*json$", entry.name))
        recording = json.load(archive.extractfile(member))
    layout = json.loads((real_data / "labels" / "joint_layouts.json").read_text())["kinect_v1_20"]
    joints = np.array(recording["skeletons"])[None]
    clip = SkeletonClip(
        joints, np.ones(joints.shape[:3]), np.array(layout["edges_1based"]) - 1,
        layout["joints"], 30.0,
    )  # fmt: skip
    picture = read_picture(draw_strip(tmp_path / "a.png", clip, side_view=True))
    assert count_near(picture, BLUE) > 300
