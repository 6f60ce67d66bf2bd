"""The further streams against loops over joints and frames, and against known bodies."""

from itertools import combinations
from typing import get_args, get_type_hints

import pytest
import torch

from har.config.schema import StreamConfig
from har.errors import ConfigError, LayoutError
from har.skeleton.layout import Layout, list_layouts, load_layout
from har.skeleton.streams import STREAMS, compute_stream, stream_channels

NTU = load_layout("ntu25")
CLOSE = {"atol": 1e-5, "rtol": 1e-5}


@pytest.fixture
def joints() -> torch.Tensor:
    return torch.randn(2, 2, 6, 25, 3, generator=torch.Generator().manual_seed(0))


def opening(at, first, second) -> torch.Tensor:
    return 1 - torch.cosine_similarity(first - at, second - at, dim=-1)


def test_the_schema_allows_exactly_the_streams_there_are():
    (literal,) = get_args(get_type_hints(StreamConfig)["names"])
    assert get_args(literal) == STREAMS


@pytest.mark.parametrize("name", list_layouts())
@pytest.mark.parametrize("coordinates", [2, 3])
def test_channels_are_as_announced_and_an_absent_person_stays_zero(name, coordinates):
    layout = load_layout(name)
    joints = torch.randn(2, 2, 4, layout.num_joints, coordinates)
    joints[0, 1] = 0
    for stream in STREAMS:
        out = compute_stream(stream, joints, layout)
        assert out.shape == (*joints.shape[:-1], stream_channels(stream, coordinates)), stream
        assert out.isfinite().all(), stream
        assert not out[0, 1].any(), stream
        assert all(out[0, 0, ..., c].any() for c in range(out.shape[-1])), stream


@pytest.mark.parametrize("stream", STREAMS)
def test_an_unseen_joint_is_zero_and_its_invented_place_changes_nothing(stream, joints):
    confidence = torch.ones(joints.shape[:-1])
    generator = torch.Generator().manual_seed(1)
    confidence[torch.rand(confidence.shape, generator=generator) < 0.2] = 0
    confidence[1, 1] = 0
    unseen = (confidence == 0)[..., None]
    out = compute_stream(stream, joints.masked_fill(unseen, 0), NTU, confidence)
    assert not out[confidence == 0].any()
    invented = compute_stream(stream, joints.masked_fill(unseen, 7.5), NTU, confidence)
    if stream != "joint":  # which hands on what it is given
        assert torch.equal(out, invented)
    assert out.isfinite().all()


def test_velocity_and_acceleration_equal_the_loop(joints):
    velocity = compute_stream("velocity", joints, NTU)
    acceleration = compute_stream("acceleration", joints, NTU)
    for frame in range(1, 5):
        before, now, after = (joints[:, :, frame + step] for step in (-1, 0, 1))
        torch.testing.assert_close(velocity[:, :, frame], (after - before) / 2)
        torch.testing.assert_close(acceleration[:, :, frame], after - 2 * now + before)
    for stream in (velocity, acceleration):
        assert not stream[:, :, [0, -1]].any()


def test_a_body_in_free_fall_has_constant_acceleration():
    time = torch.arange(8.0) / 30
    height = (-0.5 * 9.81 * time**2)[None, None, :, None, None]
    joints = torch.ones(1, 1, 8, 25, 3) + height
    acceleration = compute_stream("acceleration", joints, NTU)[0, 0, 1:-1]
    torch.testing.assert_close(
        acceleration * 30**2, torch.full((6, 25, 3), -9.81), atol=1e-3, rtol=0
    )


@pytest.mark.parametrize("frames", [1, 2])
def test_few_frames_have_no_differences(frames):
    joints = torch.ones(1, frames, 25, 3)
    for stream in ("velocity", "acceleration"):
        assert not compute_stream(stream, joints, NTU).any()


def test_relative_joints_do_not_change_when_the_body_is_moved(joints):
    moved = joints + torch.tensor([1.0, -2.0, 0.5])
    for stream in ("relative", "relative_landmarks", "polar", "angle"):
        here, there = (compute_stream(stream, j, NTU) for j in (joints, moved))
        torch.testing.assert_close(here, there, atol=1e-4, rtol=1e-4)


def test_relative_joints_equal_the_difference(joints):
    middle = joints[..., [NTU.index("spine")], :]
    assert torch.equal(compute_stream("relative", joints, NTU), joints - middle)
    landmarks = compute_stream("relative_landmarks", joints, NTU).unflatten(-1, (4, 3))
    for number, name in enumerate(("left_shoulder", "right_shoulder", "left_hip", "right_hip")):
        difference = joints - joints[..., [NTU.index(name)], :]
        assert torch.equal(landmarks[..., number, :], difference)


def test_polar_is_distance_and_direction(joints):
    polar = compute_stream("polar", joints, NTU)
    relative = compute_stream("relative", joints, NTU)
    torch.testing.assert_close(polar[..., :1] * polar[..., 1:], relative, **CLOSE)
    elsewhere = [v for v in range(25) if v != NTU.index("spine")]
    lengths = polar[..., elsewhere, 1:].norm(dim=-1)
    torch.testing.assert_close(lengths, torch.ones_like(lengths), **CLOSE)
    assert not polar[..., NTU.index("spine"), :].any()


def test_angles_equal_the_loop(joints):
    out = compute_stream("angle", joints, NTU)
    middle, top, base = (
        joints[..., NTU.index(n), :] for n in ("spine", "spine_shoulder", "pelvis")
    )
    for joint, name in enumerate(NTU.joints):
        here = joints[..., joint, :]
        around = [b if a == name else a for a, b in NTU.edges if name in (a, b)]
        points = [joints[..., NTU.index(other), :] for other in around]
        bones = [opening(here, *pair) for pair in combinations(points, 2)]
        expected = sum(bones) / len(bones) if bones else torch.zeros(2, 2, 6)
        torch.testing.assert_close(out[..., joint, 0], expected, **CLOSE)
        if name not in ("spine", "spine_shoulder"):
            torch.testing.assert_close(out[..., joint, 1], opening(middle, here, top), **CLOSE)
        if name not in ("spine_shoulder", "pelvis"):
            torch.testing.assert_close(out[..., joint, 2], opening(here, top, base), **CLOSE)
        for channel, part in enumerate(("wrist", "elbow", "knee", "ankle"), start=3):
            left, right = (joints[..., NTU.index(f"{s}_{part}"), :] for s in ("left", "right"))
            if part not in name:
                expected = opening(here, left, right)
                torch.testing.assert_close(out[..., joint, channel], expected, **CLOSE)


def test_a_straight_arm_has_angle_2_and_a_right_angle_1():
    arm = Layout(
        "arm",
        ("a", "b", "c"),
        (("a", "b"), ("c", "b")),
        "b",
        landmarks=dict.fromkeys(("spine_mid", "spine_top", "spine_base"), ("b",)),
    )
    straight = torch.tensor([[[-1.0, 0], [0, 0], [2, 0]]])
    bent = torch.tensor([[[-1.0, 0], [0, 0], [0, 3]]])
    for joints, expected in ((straight, 2.0), (bent, 1.0)):
        out = compute_stream("angle", joints, arm)
        assert out[0, 1, 0] == pytest.approx(expected)
        assert not out[0, [0, 2], 0].any()
        assert not out[..., 3:].any()  # the layout has no wrists, elbows, knees, ankles


def test_errors_name_the_fix():
    with pytest.raises(ConfigError, match=r"unknown stream 'angles'.*mean 'angle'\?"):
        stream_channels("angles", 3)
    stick = Layout("stick", ("x", "y"), (("x", "y"),), "y")
    with pytest.raises(LayoutError, match="'stick' does not tell where 'spine_mid' is"):
        compute_stream("relative", torch.ones(1, 2, 3), stick)
