"""What all corruptions of poses promise, and what each of them does."""

import numpy as np
import pytest
import torch
from corruption_helper import COCO, KINECT, apply, pose_batch, tensors

from har.errors import ConfigError
from har.quality.corruptions import (
    POSE_CORRUPTIONS,
    SEVERITIES,
    RandomPoseCorruption,
    pose_corruption,
)
from har.quality.corruptions.pose_base import TORSO_M, units_per_metre
from har.skeleton.layout import list_layouts, load_layout

NAMES = sorted(POSE_CORRUPTIONS)
SPATIAL = ("camera_tilt", "depth_loss", "view_angle")
KEEPS_CONFIDENCE = (
    "bone_length",
    "camera_roll",
    "camera_tilt",
    "depth_loss",
    "estimator_change",
    "joint_jitter",
    "joint_outliers",
    "scale",
    "view_angle",
)


def change(name, severity, batch, seed=0):
    """Return how much a corruption changes: share of the joints lost, and mean displacement."""
    result = apply(pose_corruption(name, severity), batch, seed=seed)
    seen, left = batch.confidence > 0, result.confidence > 0
    both = seen & left
    lost = 1 - left.sum() / seen.sum()
    moved = (result.joints - batch.joints).norm(dim=-1)[both].mean()
    return float(lost + moved)


@pytest.mark.parametrize("name", NAMES)
def test_the_batch_given_is_not_changed(name):
    batch = pose_batch()
    before = {key: value.clone() for key, value in tensors(batch).items()}
    apply(pose_corruption(name, 5), batch)
    for key, value in tensors(batch).items():
        assert torch.equal(value, before[key]), key


@pytest.mark.parametrize("name", NAMES)
def test_equal_seeds_give_equal_batches_and_others_do_not(name):
    batch = pose_batch(clips=20)
    first, second, other = (apply(pose_corruption(name, 4), batch, seed=seed) for seed in (5, 5, 6))
    for key, value in tensors(first).items():
        assert torch.equal(value, tensors(second)[key]), key
    if name != "depth_loss":
        assert not torch.equal(first.joints, other.joints)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("severity", SEVERITIES)
def test_what_is_not_seen_is_zero_and_the_mask_tells_who_is_left(name, severity):
    result = apply(pose_corruption(name, severity), pose_batch())
    visible = result.confidence > 0
    assert (result.joints[~visible] == 0).all()
    assert torch.equal(result.person_mask, visible.flatten(2).any(2))
    assert result.joints.isfinite().all()
    assert result.joints.dtype == torch.float32


@pytest.mark.parametrize("name", NAMES)
def test_higher_severities_do_more(name):
    batch = pose_batch(clips=40, frames=60)
    changes = [change(name, severity, batch) for severity in SEVERITIES]
    assert changes[0] > 0
    assert all(np.diff(changes) > 0), changes


@pytest.mark.parametrize("name", KEEPS_CONFIDENCE)
def test_wrong_places_keep_the_confidence(name):
    batch = pose_batch()
    result = apply(pose_corruption(name, 5), batch)
    assert torch.equal(result.confidence, batch.confidence)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("layout", list_layouts())
def test_every_layout_works(name, layout):
    layout = load_layout(layout)
    batch = pose_batch(layout)
    assert apply(pose_corruption(name, 3), batch, layout).joints.shape == batch.joints.shape


@pytest.mark.parametrize("name", NAMES)
def test_2d_poses(name):
    batch = pose_batch(COCO, axes=2)
    if name in SPATIAL:
        with pytest.raises(ConfigError, match=f"{name} needs 3D joints, these are 2D"):
            apply(pose_corruption(name, 3), batch, COCO)
    else:
        assert apply(pose_corruption(name, 3), batch, COCO).joints.isfinite().all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("severity", [1, 5])
def test_broken_and_empty_clips_do_no_harm(name, severity):
    batch = pose_batch(clips=4)
    batch.joints[0, 0, 2, 3] = torch.nan
    batch.joints[1] = torch.inf
    batch.confidence[2, 0, 1, 1] = torch.nan
    for value in (batch.joints, batch.confidence, batch.person_mask):
        value[3] = 0
    result = apply(pose_corruption(name, severity), batch)
    assert result.joints.isfinite().all()
    assert result.confidence.isfinite().all()
    assert not result.person_mask[3].any()
    assert not result.person_mask[1].any()


@pytest.mark.parametrize("name", NAMES)
def test_one_frame_and_one_person(name):
    batch = pose_batch(clips=3, people=1, frames=1)
    assert apply(pose_corruption(name, 5), batch).joints.shape == batch.joints.shape


@pytest.mark.parametrize("name", NAMES)
def test_p_is_the_share_of_changed_clips(name):
    batch = pose_batch(clips=300)
    kind = POSE_CORRUPTIONS[name]
    never = apply(kind(severity=5, p=0.0), batch)
    assert torch.equal(never.joints, batch.joints)
    half = apply(kind(severity=5, p=0.5), batch)
    unchanged = (half.joints == batch.joints).flatten(1).all(1)
    assert 0.4 < unchanged.float().mean() < 0.7


def test_lengths_follow_the_body():
    metres = pose_batch()
    large = pose_batch()
    large.joints = large.joints * 300
    units = units_per_metre(metres, KINECT)
    torch.testing.assert_close(units_per_metre(large, KINECT), units * 300)
    assert (units > 0).all()
    first = apply(pose_corruption("joint_jitter", 3), metres).joints
    second = apply(pose_corruption("joint_jitter", 3), large).joints
    torch.testing.assert_close(second / 300, first, rtol=1e-3, atol=1e-3)


def test_a_metre_is_told_by_the_torso():
    batch = pose_batch(clips=1, people=1)
    pelvis, top = KINECT.index("pelvis"), KINECT.index("spine_shoulder")
    batch.confidence[:] = 1
    batch.joints[..., pelvis, :] = 0
    batch.joints[..., top, :] = torch.tensor([0.0, 2 * TORSO_M, 0.0])
    torch.testing.assert_close(units_per_metre(batch, KINECT), torch.tensor([2.0]))


def test_jitter_has_the_size_it_says():
    batch = pose_batch(clips=30, frames=40, seen=1.0)
    moved = apply(pose_corruption("joint_jitter", 3), batch).joints - batch.joints
    sizes = moved.square().mean((1, 2, 3, 4)).sqrt() / units_per_metre(batch, KINECT)
    torch.testing.assert_close(sizes.mean(), torch.tensor(0.05), rtol=0.05, atol=0)
    spread = moved.square().mean((0, 1, 2, 4)).sqrt()
    assert spread[KINECT.index("left_hand")] > 1.5 * spread[KINECT.index("spine")]


def test_bones_keep_their_factor_through_the_clip():
    batch = pose_batch(clips=2, people=1, frames=20, seen=1.0)
    result = apply(pose_corruption("bone_length", 4), batch)
    child, parent = (KINECT.index(n) for n in ("left_wrist", "left_elbow"))
    lengths = [
        (b.joints[..., child, :] - b.joints[..., parent, :]).norm(dim=-1) for b in (result, batch)
    ]
    factors = lengths[0] / lengths[1]
    torch.testing.assert_close(factors, factors[:, :, :1].expand_as(factors), rtol=1e-3, atol=1e-3)
    root = KINECT.index(KINECT.root)
    torch.testing.assert_close(result.joints[..., root, :], batch.joints[..., root, :])


def test_turns_keep_distances_and_the_middle():
    batch = pose_batch(seen=1.0)
    for name in ("view_angle", "camera_tilt", "camera_roll"):
        result = apply(pose_corruption(name, 5), batch)
        torch.testing.assert_close(
            torch.cdist(result.joints, result.joints),
            torch.cdist(batch.joints, batch.joints),
            rtol=1e-3,
            atol=1e-3,
        )
        torch.testing.assert_close(
            result.joints.mean((1, 2, 3)), batch.joints.mean((1, 2, 3)), rtol=1e-3, atol=1e-3
        )


def test_a_quarter_turn_swaps_side_and_depth():
    batch = pose_batch(clips=8, people=1, seen=1.0)
    before, after = (
        b.joints - b.joints.mean((1, 2, 3), keepdim=True)
        for b in (batch, apply(pose_corruption("view_angle", 5), batch))
    )
    torch.testing.assert_close(after[..., 0].abs(), before[..., 2].abs(), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(after[..., 1], before[..., 1], rtol=1e-3, atol=1e-3)


def test_without_depth_a_body_is_flat():
    result = apply(pose_corruption("depth_loss", 5), pose_batch(seen=1.0))
    depth = result.joints[..., 2]
    torch.testing.assert_close(depth, depth.mean(-1, keepdim=True).expand_as(depth))


def test_sides_swap_and_come_back():
    batch = pose_batch(clips=4, people=1, frames=40, seen=1.0)
    result = apply(pose_corruption("side_swap", 5), batch)
    mirrored = batch.joints[:, :, :, KINECT.flip_permutation.tolist()]
    kept = (result.joints == batch.joints).flatten(3).all(3)
    swapped = (result.joints == mirrored).flatten(3).all(3)
    assert (kept | swapped).all()
    assert 0.2 < swapped.float().mean() < 0.8


def test_people_swap_only_where_there_are_two():
    batch = pose_batch(clips=6, frames=40, seen=1.0)
    batch.confidence[0, 1], batch.joints[0, 1], batch.person_mask[0, 1] = 0, 0, False
    result = apply(pose_corruption("person_swap", 5), batch)
    assert torch.equal(result.joints[0], batch.joints[0])
    assert not torch.equal(result.joints[1], batch.joints[1])
    torch.testing.assert_close(result.joints.sum(1), batch.joints.sum(1))


def test_somebody_is_always_left_of_several_people():
    batch = pose_batch(clips=50, people=3)
    result = apply(pose_corruption("person_dropout", 5), batch)
    assert (result.person_mask.sum(1) == 1).all()


def test_a_limb_goes_as_a_whole():
    batch = pose_batch(clips=30, people=1, seen=1.0)
    result = apply(pose_corruption("limb_dropout", 3), batch)
    hidden = (result.confidence == 0).all(2)[:, 0]
    limbs = {
        frozenset(name for name, gone in zip(KINECT.joints, clip, strict=True) if gone)
        for clip in hidden.tolist()
    }
    arm = {"left_elbow", "left_wrist", "left_hand"}
    assert frozenset(arm) in limbs
    assert all(len(limb) == 3 for limb in limbs)
    assert len(limbs) == 4


def test_shares_are_what_they_say():
    batch = pose_batch(clips=60, people=1, frames=50, seen=1.0)
    for name in ("joint_dropout", "frame_dropout", "track_loss"):
        kind = pose_corruption(name, 4)
        lost = (apply(kind, batch).confidence == 0).float().mean()
        assert float(lost) == pytest.approx(kind.level, abs=0.03), name


def test_poses_are_held_between_two_frames_of_a_slow_camera():
    batch = pose_batch(clips=5, people=1, frames=30, seen=1.0)
    result = apply(pose_corruption("frame_rate", 3), batch)
    changes = (result.joints[:, 0, 1:] != result.joints[:, 0, :-1]).flatten(2).any(2).sum(1)
    assert ((changes >= 6) & (changes <= 8)).all()


def test_random_corruptions_change_some_clips():
    batch = pose_batch(clips=40)
    changed = [
        (apply(RandomPoseCorruption(), batch, seed=seed).joints != batch.joints).flatten(1).any(1)
        for seed in range(20)
    ]
    assert 0.3 < torch.stack(changed).float().mean() < 0.6
    assert RandomPoseCorruption().output_layout(KINECT) is KINECT


def test_what_there_is_not_is_told():
    with pytest.raises(ConfigError, match=r"'jiter' is no corruption of poses\."):
        pose_corruption("jiter", 3)
    with pytest.raises(ConfigError, match="Did you mean 'joint_jitter'"):
        pose_corruption("joint_jiter", 3)
    with pytest.raises(ConfigError, match="severity=6 must be a whole number from 1 to 5"):
        pose_corruption("joint_jitter", 6)
    with pytest.raises(ConfigError, match=r"p=2 must be in \[0, 1\]"):
        POSE_CORRUPTIONS["scale"](p=2)
    with pytest.raises(ConfigError, match="there is no 'scale'"):
        RandomPoseCorruption(names=("scale",))
