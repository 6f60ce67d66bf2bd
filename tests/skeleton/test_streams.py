"""Streams against loops over joints and frames."""

import pytest
import torch

from har.errors import ConfigError, LayoutError
from har.skeleton.layout import list_layouts, load_layout
from har.skeleton.streams import STREAMS, compute_stream


@pytest.fixture
def joints() -> torch.Tensor:
    return torch.randn(2, 2, 6, 25, 3, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("name", list_layouts())
def test_shape_is_kept_and_an_absent_person_stays_zero(stream, name):
    layout = load_layout(name)
    joints = torch.randn(2, 2, 4, layout.num_joints, 2)
    joints[0, 1] = 0
    out = compute_stream(stream, joints, layout)
    assert out.shape[:-1] == joints.shape[:-1]
    assert not out[0, 1].any()
    assert out[0, 0].any()


def test_bone_equals_the_loop(joints):
    layout = load_layout("ntu25")
    bones = compute_stream("bone", joints, layout)
    for joint in range(25):
        parent = layout.bone_parents[joint]
        assert torch.equal(bones[..., joint, :], joints[..., joint, :] - joints[..., parent, :])
    assert not bones[..., layout.index("spine_shoulder"), :].any()


def test_joint_is_the_input(joints):
    assert torch.equal(compute_stream("joint", joints, load_layout("ntu25")), joints)


@pytest.mark.parametrize("source", ["joint", "bone"])
def test_motion_equals_the_loop(joints, source):
    layout = load_layout("ntu25")
    still = compute_stream(source, joints, layout)
    motion = compute_stream(f"{source}_motion", joints, layout)
    for frame in range(5):
        assert torch.equal(motion[:, :, frame], still[:, :, frame + 1] - still[:, :, frame])
    assert not motion[:, :, -1].any()


@pytest.mark.parametrize("stream", ["joint_motion", "bone_motion"])
def test_coming_and_going_is_no_motion(joints, stream):
    joints[0, 0, 3:] = 0
    motion = compute_stream(stream, joints, load_layout("ntu25"))
    assert motion[0, 0, :2].any()
    assert not motion[0, 0, 2:].any()


def test_joint_at_the_origin_counts_as_seen_without_confidence(joints):
    layout = load_layout("ntu25")
    pelvis, hip = layout.index("pelvis"), layout.index("left_hip")
    joints = joints - joints[..., pelvis : pelvis + 1, :]
    bones = compute_stream("bone", joints, layout)
    assert torch.equal(bones[..., hip, :], joints[..., hip, :])


def test_confidence_zeroes_what_hangs_on_an_unseen_joint(joints):
    layout = load_layout("ntu25")
    elbow, wrist, knee = (layout.index(j) for j in ("left_elbow", "left_wrist", "left_knee"))
    confidence = torch.ones(joints.shape[:-1])
    confidence[0, 0, 2, elbow] = 0
    joints[0, 0, 2, elbow] = 0
    bones = compute_stream("bone", joints, layout, confidence)
    assert not bones[0, 0, 2, [elbow, wrist]].any()
    assert bones[0, 0, 2, knee].all()
    motion = compute_stream("joint_motion", joints, layout, confidence)
    assert not motion[0, 0, 1:3, elbow].any()
    assert motion[0, 0, [0, 3], elbow].all()


def test_one_frame_has_no_motion():
    out = compute_stream("joint_motion", torch.ones(1, 17, 2), load_layout("coco17"))
    assert out.shape == (1, 17, 2)
    assert not out.any()


def test_errors_name_the_fix(joints):
    with pytest.raises(ConfigError, match=r"unknown stream 'bones'. Known: joint,.*mean 'bone'\?"):
        compute_stream("bones", joints, load_layout("ntu25"))
    with pytest.raises(LayoutError, match=r"do not fit layout 'coco17'.*T, V=17, C"):
        compute_stream("bone", joints, load_layout("coco17"))
