"""Augmenting transforms: properties and plain-Python references."""

import pytest
import torch
from transforms_helper import (
    COCO,
    KINECT,
    apply,
    assert_close,
    assert_equal,
    full_batch,
    random_batch,
)

from har.data.transforms import (
    FrameDropout,
    Jitter,
    JointDropout,
    PersonDropout,
    RandomFlip,
    RandomRotation,
    RandomScale,
    RandomShear,
    TemporalReverse,
    TemporalShift,
)
from har.errors import ConfigError


def distances(joints):
    return torch.cdist(joints, joints, compute_mode="donot_use_mm_for_euclid_dist")


def linear_maps(before, after):
    """The (N, C, C) matrices that explain the change of each clip, by least squares."""
    before, after = before.joints.flatten(1, 3).double(), after.joints.flatten(1, 3).double()
    return torch.linalg.lstsq(before, after).solution.mT


@pytest.mark.parametrize(("layout", "axes"), [(KINECT, 3), (COCO, 2)], ids=["3D", "2D"])
def test_rotation_keeps_distances_and_handedness(layout, axes):
    batch = full_batch(layout, clips=40, axes=axes)
    result = apply(RandomRotation(3.0), batch, layout)
    assert_close(distances(result.joints), distances(batch.joints))
    determinants = torch.linalg.det(linear_maps(batch, result))
    assert_close(determinants, torch.ones(40, dtype=torch.float64))


def test_rotation_in_the_plane_stays_within_its_limit():
    batch = full_batch(COCO, clips=500, axes=2)
    maps = linear_maps(batch, apply(RandomRotation(0.4), batch, COCO))
    angles = torch.atan2(maps[:, 1, 0], maps[:, 0, 0])
    assert -0.4 <= angles.min() < -0.38
    assert 0.38 < angles.max() <= 0.4


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_rotation_about_one_axis_leaves_that_axis(axis):
    batch = full_batch()
    limits = [0.0, 0.0, 0.0]
    limits[axis] = 1.0
    result = apply(RandomRotation(limits), batch).joints
    assert_close(result[..., axis], batch.joints[..., axis])
    assert not torch.allclose(result, batch.joints)


def test_rotation_turns_about_x_then_y_then_z():
    batch = full_batch()
    rng = torch.Generator().manual_seed(0)
    torch.rand(len(batch), generator=rng)
    angles = ((torch.rand(len(batch), 3, generator=rng) * 2 - 1) * 0.7).double()
    maps = linear_maps(batch, apply(RandomRotation(0.7), batch))
    for clip, (x, y, z) in enumerate(angles):
        about_x = [[1, 0, 0], [0, x.cos(), -x.sin()], [0, x.sin(), x.cos()]]
        about_y = [[y.cos(), 0, y.sin()], [0, 1, 0], [-y.sin(), 0, y.cos()]]
        about_z = [[z.cos(), -z.sin(), 0], [z.sin(), z.cos(), 0], [0, 0, 1]]
        Rx, Ry, Rz = (torch.tensor(m, dtype=torch.float64) for m in (about_x, about_y, about_z))
        assert_close(maps[clip], Rz @ Ry @ Rx)


def test_flip_twice_is_the_identity():
    batch = random_batch()
    flip = RandomFlip(p=1.0)
    once = apply(flip, batch)
    assert not torch.equal(once.joints, batch.joints)
    assert_equal(apply(flip, once), batch)


@pytest.mark.parametrize(("name", "axis"), [("x", 0), ("z", 2)])
def test_flip_swaps_sides_and_negates_the_axis(name, axis):
    batch = random_batch()
    result = apply(RandomFlip(name, p=1.0), batch)
    left, right = KINECT.index("left_wrist"), KINECT.index("right_wrist")
    expected = batch.joints[:, :, :, right].clone()
    expected[..., axis] *= -1
    assert torch.equal(result.joints[:, :, :, left], expected)
    assert torch.equal(result.confidence[:, :, :, left], batch.confidence[:, :, :, right])


@pytest.mark.parametrize("per_axis", [True, False])
def test_scale_factors_lie_in_their_range(per_axis):
    batch = full_batch(clips=300)
    maps = linear_maps(batch, apply(RandomScale(0.5, 1.5, per_axis), batch))
    factors = maps.diagonal(dim1=1, dim2=2)
    assert_close(maps, torch.diag_embed(factors))
    assert 0.5 <= factors.min() < 0.52
    assert 1.48 < factors.max() <= 1.5
    assert ((factors.std(1) < 1e-5).all()) == (not per_axis)


def test_shear_has_a_unit_diagonal():
    batch = full_batch(clips=100)
    maps = linear_maps(batch, apply(RandomShear(0.2), batch))
    assert_close(maps.diagonal(dim1=1, dim2=2), torch.ones(100, 3, dtype=torch.float64))
    shares = maps - torch.eye(3)
    assert 0.19 < shares.abs().max() <= 0.2 + 1e-5


@pytest.mark.parametrize("every_frame", [True, False])
def test_joint_dropout_drops_its_rate(every_frame):
    batch = full_batch(clips=200)
    result = apply(JointDropout(0.3, every_frame, p=1.0), batch)
    dropped = result.confidence == 0
    assert dropped.float().mean() == pytest.approx(0.3, abs=0.02)
    assert torch.equal(result.joints, batch.joints * ~dropped.unsqueeze(-1))
    assert (dropped == dropped[:, :, :1]).all() == (not every_frame)


def test_frame_dropout_drops_whole_frames_of_all_people():
    batch = full_batch(clips=200)
    dropped = apply(FrameDropout(0.3, p=1.0), batch).confidence == 0
    assert (dropped == dropped[:, :1, :, :1]).all()
    assert dropped.float().mean() == pytest.approx(0.3, abs=0.03)


def test_held_frames_repeat_the_last_kept_one():
    batch = full_batch(clips=50)
    dropped = apply(FrameDropout(0.4, p=1.0), batch).confidence[:, 0, :, 0] == 0
    result = apply(FrameDropout(0.4, "hold", p=1.0), batch)
    for clip in range(50):
        kept = [frame for frame in range(10) if not dropped[clip, frame]]
        for frame in range(10):
            source = max((k for k in kept if k <= frame), default=kept[0])
            assert torch.equal(result.joints[clip, :, frame], batch.joints[clip, :, source])


@pytest.mark.parametrize(
    "transform",
    [
        JointDropout(1.0, p=1.0),
        FrameDropout(1.0, p=1.0),
        FrameDropout(1.0, "hold", p=1.0),
        PersonDropout(1.0, p=1.0),
    ],
    ids=repr,
)
def test_dropout_of_everything_leaves_the_clip(transform):
    batch = random_batch()
    assert_equal(apply(transform, batch), batch)


def test_person_dropout_takes_whole_people_but_never_the_last():
    batch = full_batch(clips=200)
    result = apply(PersonDropout(0.5, p=1.0), batch)
    left = result.person_mask.sum(1)
    assert set(left.tolist()) == {1, 2}
    assert torch.equal(result.joints, batch.joints * result.person_mask[:, :, None, None, None])
    alone = full_batch(clips=20, people=1)
    assert_equal(apply(PersonDropout(0.9, p=1.0), alone), alone)


def test_jitter_has_its_standard_deviation():
    batch = full_batch(clips=40)
    noise = apply(Jitter(0.02), batch).joints - batch.joints
    assert noise.std().item() == pytest.approx(0.02, rel=0.03)
    assert abs(noise.mean().item()) < 1e-3


def test_reverse_plays_backwards():
    batch = random_batch()
    result = apply(TemporalReverse(p=1.0), batch)
    assert torch.equal(result.joints, batch.joints.flip(2))
    assert torch.equal(result.confidence, batch.confidence.flip(2))


def test_shift_holds_the_outer_frames():
    batch = random_batch(clips=100)
    result = apply(TemporalShift(3, p=1.0), batch)
    found = set()
    for clip in range(100):
        for shift in range(-3, 4):
            order = [min(max(frame - shift, 0), 9) for frame in range(10)]
            if torch.equal(result.joints[clip], batch.joints[clip][:, order]):
                found.add(shift)
                break
        else:
            pytest.fail(f"clip {clip} is not a shifted copy")
    assert found == set(range(-3, 4))


def test_a_person_shifted_out_of_the_window_is_no_longer_in_the_clip():
    batch = full_batch(clips=20)
    batch.confidence[:, 1, 1:] = 0
    batch.joints[:, 1, 1:] = 0
    result = apply(TemporalShift(3, p=1.0), batch)
    assert torch.equal(result.person_mask, (result.confidence > 0).flatten(2).any(2))
    assert not result.person_mask[:, 1].all()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: RandomFlip(p=1.5), r"RandomFlip: p=1.5 must be in \[0, 1\]"),
        (lambda: RandomFlip("w"), r"RandomFlip: axis='w' must be one of x, y, z"),
        (lambda: RandomRotation(-0.1), r"max_angle_rad=-0.1 must not be negative"),
        (lambda: RandomScale(1.2, 1.1), r"low=1.2 must not be above high=1.1"),
        (lambda: RandomScale(0.0), r"RandomScale: low=0.0 must be above 0"),
        (lambda: RandomShear(-1), r"max_share=-1 must not be negative"),
        (lambda: JointDropout(2), r"JointDropout: rate=2 must be in \[0, 1\]"),
        (lambda: FrameDropout(fill="mean"), r"fill='mean' must be one of zero, hold"),
        (lambda: PersonDropout(-1), r"PersonDropout: rate=-1 must be in"),
        (lambda: Jitter(-1), r"Jitter: sigma=-1 must not be negative"),
        (lambda: TemporalShift(-1), r"max_frames=-1 must not be negative"),
        (lambda: TemporalReverse(p=-1), r"TemporalReverse: p=-1 must be in"),
    ],
)
def test_impossible_arguments_are_refused(build, message):
    with pytest.raises(ConfigError, match=message):
        build()


@pytest.mark.parametrize(
    ("transform", "axes", "message"),
    [
        (RandomRotation([0.1, 0.2]), 3, r"has 2 angles; give one number, or three for x, y and z"),
        (RandomRotation([0.1, 0.2, 0.3]), 2, r"has 3 angles; give one number for 2D joints"),
        (RandomFlip("z"), 2, r"axis='z' does not exist in 2D joints"),
    ],
)
def test_arguments_that_do_not_fit_the_joints_are_refused(transform, axes, message):
    with pytest.raises(ConfigError, match=message):
        apply(transform, random_batch(axes=axes))
