"""Normalising transforms against plain-Python references."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from transforms_helper import COCO, KINECT, apply, assert_close, full_batch, random_batch

from har.data.transforms import (
    AlignShoulders,
    AlignSpine,
    AlignVertical,
    Center,
    Compose,
    ConvertLayout,
    ScaleBody,
    ScaleBox,
    ScaleImage,
    SelectPeople,
)
from har.errors import ConfigError, LayoutError
from har.skeleton.convert import conversion
from har.skeleton.layout import Layout, load_layout

STICK = Layout("stick", ("head", "tail"), (("head", "tail"),), "tail")
PELVIS, SPINE, NECK = (KINECT.index(name) for name in ("pelvis", "spine", "spine_shoulder"))
LEFT, RIGHT = KINECT.index("left_shoulder"), KINECT.index("right_shoulder")


def first_frame_showing(batch, clip: int, joints: list[int]) -> tuple[int, int]:
    for person in range(batch.joints.shape[1]):
        for frame in range(batch.joints.shape[2]):
            if (batch.confidence[clip, person, frame, joints] > 0).all():
                return person, frame
    raise AssertionError("no such frame")


def rodrigues(vector: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """Rotation that turns the vector onto the axis, by the axis-angle formula."""
    unit = vector / np.linalg.norm(vector)
    angle = np.arccos(np.clip(unit @ axis, -1, 1))
    x, y, z = np.cross(unit, axis) / np.linalg.norm(np.cross(unit, axis))
    K = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * K + (1 - np.cos(angle)) * K @ K


def bone_lengths(batch, layout=KINECT):
    start, end = torch.tensor(layout.edge_indices).unbind(1)
    return (batch.joints[..., start, :] - batch.joints[..., end, :]).norm(dim=-1)


def test_center_subtracts_the_first_sight_of_the_point():
    batch = random_batch()
    result = apply(Center(), batch)
    for clip in range(len(batch)):
        person, frame = first_frame_showing(batch, clip, [SPINE])
        origin = batch.joints[clip, person, frame, SPINE]
        visible = (batch.confidence[clip] > 0).unsqueeze(-1)
        assert_close(result.joints[clip], (batch.joints[clip] - origin) * visible)


def test_center_every_frame_holds_the_point_where_it_is_not_seen():
    batch = full_batch(clips=1)
    batch.confidence[0, 0, [0, 4], SPINE] = 0
    batch.joints[0, 0, [0, 4], SPINE] = 0
    result = apply(Center(every_frame=True), batch)
    for frame in range(10):
        source = {0: 1, 4: 3}.get(frame, frame)
        origin = batch.joints[0, 0, source, SPINE]
        expected = batch.joints[0, :, frame] - origin
        expected[(batch.confidence[0, :, frame] == 0)] = 0
        assert_close(result.joints[0, :, frame], expected)


@pytest.mark.parametrize(("point", "joint"), [("root", KINECT.root), ("left_foot", "left_foot")])
def test_center_takes_the_root_or_a_joint(point, joint):
    result = apply(Center(point), full_batch())
    assert (result.joints[:, 0, 0, KINECT.index(joint)] == 0).all()


def test_center_on_a_derived_landmark():
    batch = full_batch(COCO)
    result = apply(Center("spine_base"), batch, COCO)
    hips = [COCO.index("left_hip"), COCO.index("right_hip")]
    assert_close(result.joints[:, 0, 0, hips].mean(1), torch.zeros(len(batch), 3))


def test_alignment_equals_the_axis_angle_reference():
    batch = apply(Center(), random_batch())
    result = apply(Compose([AlignSpine(), AlignShoulders()]), batch)
    for clip in range(len(batch)):
        joints = batch.joints[clip].double().numpy()
        for start, end, axis in ((PELVIS, NECK, [0, 0, 1]), (LEFT, RIGHT, [1, 0, 0])):
            place = first_frame_showing(batch, clip, [start, end])
            vector = joints[place][end] - joints[place][start]
            joints = joints @ rodrigues(vector, np.array(axis)).T
        assert_close(result.joints[clip], torch.tensor(joints).float())


@pytest.mark.parametrize(
    "transform",
    [AlignSpine(), AlignShoulders(), AlignVertical(), AlignVertical("z")],
    ids=repr,
)
def test_alignment_is_rigid_and_idempotent(transform):
    batch = full_batch()
    once = apply(transform, batch)
    assert_close(bone_lengths(once), bone_lengths(batch))
    assert not torch.allclose(once.joints, batch.joints)
    assert_close(apply(transform, once).joints, once.joints)


def test_alignment_turns_the_landmarks_onto_the_axes():
    batch = full_batch()
    spine = apply(AlignSpine(), batch).joints[:, 0, 0]
    spine = spine[:, NECK] - spine[:, PELVIS]
    assert_close(spine[:, :2], torch.zeros(len(batch), 2))
    assert (spine[:, 2] > 0).all()
    width = apply(AlignShoulders(), batch).joints[:, 0, 0]
    width = width[:, RIGHT] - width[:, LEFT]
    assert_close(width[:, 1:], torch.zeros(len(batch), 2))
    assert (width[:, 0] > 0).all()


@pytest.mark.parametrize(("up", "height", "depth"), [("y", 1, 2), ("z", 2, 1)])
def test_vertical_alignment_keeps_heights(up, height, depth):
    batch = full_batch()
    result = apply(AlignVertical(up), batch).joints
    assert_close(result[..., height], batch.joints[..., height])
    width = result[:, 0, 0, RIGHT] - result[:, 0, 0, LEFT]
    assert_close(width[:, depth], torch.zeros(len(batch)))
    assert (width[:, 0] > 0).all()


@pytest.mark.parametrize(
    "transform", [AlignSpine(), AlignShoulders(), AlignVertical(), ScaleBody()], ids=repr
)
def test_clips_without_a_direction_stay_as_they_are(transform):
    batch = full_batch(clips=3)
    batch.joints[0, :, :, [RIGHT, NECK]] = batch.joints[0, :, :, [LEFT, PELVIS]]
    batch.joints[1, 0, :, [LEFT, PELVIS]] = torch.nan
    batch.confidence[2, :, :, [LEFT, PELVIS]] = 0
    batch.joints[2, :, :, [LEFT, PELVIS]] = 0
    result = apply(transform, batch).joints
    torch.testing.assert_close(result, batch.joints, rtol=0, atol=0, equal_nan=True)


def test_a_spine_upside_down_is_turned_half_around():
    batch = full_batch(clips=1)
    batch.joints[:, 0, 0, NECK] = batch.joints[:, 0, 0, PELVIS] - torch.tensor([0, 0, 0.5])
    result = apply(AlignSpine(), batch)
    spine = result.joints[0, 0, 0, NECK] - result.joints[0, 0, 0, PELVIS]
    assert_close(spine, torch.tensor([0, 0, 0.5]))
    assert_close(bone_lengths(result), bone_lengths(batch))


@pytest.mark.parametrize("transform", [Center(), Center(every_frame=True), ScaleBody()], ids=repr)
def test_the_second_person_is_taken_where_the_first_is_absent(transform):
    batch = full_batch(clips=3)
    batch.joints[:, 0] = 0
    batch.confidence[:, 0] = 0
    batch.person_mask[:, 0] = False
    alone = replace(batch, joints=batch.joints[:, 1:], confidence=batch.confidence[:, 1:])
    result = apply(transform, batch).joints
    assert (result[:, 0] == 0).all()
    assert torch.equal(result[:, 1:], apply(transform, alone).joints)


def test_scale_body_makes_the_mean_spine_one_long():
    batch = full_batch()
    result = apply(ScaleBody(), batch).joints[:, 0]
    spine = (result[:, :, NECK] - result[:, :, PELVIS]).norm(dim=-1)
    assert_close(spine.mean(1), torch.ones(len(batch)))


@pytest.mark.parametrize("keep_shape", [True, False])
def test_scale_box_fills_the_box(keep_shape):
    batch = random_batch(axes=2)
    result = apply(ScaleBox(keep_shape), batch)
    for clip in range(len(batch)):
        visible = batch.confidence[clip] > 0
        points = batch.joints[clip][visible].numpy()
        low, high = points.min(0), points.max(0)
        half = (high - low) / 2
        expected = (points - (low + high) / 2) / (half.max() if keep_shape else half)
        np.testing.assert_allclose(result.joints[clip][visible].numpy(), expected, atol=1e-5)
        assert result.joints[clip].abs().max() == pytest.approx(1)


def test_scale_box_of_a_single_point():
    batch = full_batch(clips=1)
    result = apply(ScaleBox(), replace(batch, joints=torch.full_like(batch.joints, 7.0)))
    assert (result.joints == 0).all()


def test_scale_image_maps_the_corners():
    batch = full_batch(axes=2)
    batch.joints[0, 0, 0, :3] = torch.tensor([[0.0, 0.0], [640.0, 480.0], [320.0, 240.0]])
    result = apply(ScaleImage(640, 480), batch).joints[0, 0, 0, :3]
    assert result.tolist() == [[-1, -1], [1, 1], [0, 0]]


def test_select_people_puts_the_one_who_moves_first():
    batch = full_batch(clips=2, people=3)
    batch.joints[0] = batch.joints[0, :1] * torch.tensor([1.0, 3.0, 2.0]).view(3, 1, 1, 1)
    batch.joints[1] = batch.joints[1, :1] * torch.tensor([3.0, 1.0, 2.0]).view(3, 1, 1, 1)
    result = apply(SelectPeople(2), batch).joints
    assert torch.equal(result[0], batch.joints[0, [1, 2]])
    assert torch.equal(result[1], batch.joints[1, [0, 2]])


def test_motion_is_the_variance_over_seen_frames():
    batch = full_batch(clips=1)
    batch.joints[0, 0] = 0.1 * batch.joints[0, 0] + 100
    batch.confidence[0, 0, ::2] = 0
    batch.joints[0, 0, ::2] = 0
    assert torch.equal(apply(SelectPeople(2), batch).joints[0], batch.joints[0].flip(0))


def test_select_people_by_presence_keeps_ties_in_order_and_pads():
    batch = full_batch(clips=1, people=3)
    batch.confidence[0, 0, :5] = 0
    batch.joints[0, 0, :5] = 0
    result = apply(SelectPeople(4, by="presence"), batch)
    assert torch.equal(result.joints[0, :3], batch.joints[0, [1, 2, 0]])
    assert result.person_mask[0].tolist() == [True, True, True, False]
    assert (result.joints[0, 3] == 0).all()
    assert (result.confidence[0, 3] == 0).all()


def test_convert_layout_applies_the_conversion():
    batch = random_batch()
    transform = ConvertLayout("ntu25")
    target = load_layout("ntu25")
    result = apply(transform, batch)
    joints, confidence = conversion(KINECT, target).apply(batch.joints, batch.confidence)
    assert torch.equal(result.joints, joints)
    assert torch.equal(result.confidence, confidence)
    assert transform.output_layout(KINECT) == target


@pytest.mark.parametrize(
    ("transform", "landmark"),
    [(Center(), "spine_mid"), (AlignSpine(), "spine_base"), (AlignShoulders(), "left_shoulder")],
    ids=repr,
)
def test_missing_landmarks_are_named(transform, landmark):
    batch = full_batch(STICK)
    message = (
        rf"{type(transform).__name__} needs the landmark '{landmark}', which layout 'stick' lacks "
        r"\(joints: head, tail\)"
    )
    with pytest.raises(LayoutError, match=message):
        apply(transform, batch, STICK)


def test_unknown_points_are_named():
    with pytest.raises(LayoutError, match=r"'navel' is neither 'root', nor a joint of layout"):
        apply(Center("navel"), random_batch())


@pytest.mark.parametrize("transform", [AlignSpine(), AlignShoulders(), AlignVertical()], ids=repr)
def test_alignment_refuses_2d(transform):
    with pytest.raises(ConfigError, match=r"needs 3D joints, these are 2D"):
        apply(transform, random_batch(axes=2))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: AlignVertical("x"), r"AlignVertical: up='x' must be one of y, z"),
        (lambda: ScaleImage(0, 480), r"ScaleImage: width_px=0 must be above 0"),
        (lambda: SelectPeople(0), r"SelectPeople: count=0 must be above 0"),
        (lambda: SelectPeople(by="size"), r"by='size' must be one of motion, presence"),
        (lambda: apply(ScaleImage(4, 4), random_batch()), r"ScaleImage needs 2D joints"),
    ],
)
def test_impossible_arguments_are_refused(build, message):
    with pytest.raises(ConfigError, match=message):
        build()
