"""What any human motion must keep, checked on the true joints of every class."""

import numpy as np
import pytest

from har.data.generator import CLASSES
from har.data.generator.anthropometry import resident_bodies
from har.data.generator.layout import NUMBER
from har.data.generator.performance import STYLE_COLUMNS, perform
from har.data.generator.randomness import PERFORMER_STREAM, uniforms
from har.data.generator.scene import frame_times
from har.data.generator.spec import GeneratorSpec
from har.skeleton.layout import load_layout

CLIPS_PER_CLASS = 20
SPEC = GeneratorSpec()
FALLS = ("fall_forward", "fall_backward", "fall_sideways", "fall_from_chair")
ON_THE_SPOT = ("sitting", "drink", "eat", "wave", "pick_up", "sit_down", "stand_up")
LIMBS = [
    (f"{side}_{a}", f"{side}_{b}", f"{side}_{c}")
    for side in ("left", "right")
    for a, b, c in (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle"))
]


@pytest.fixture(scope="module")
def motion():
    """Return true joints (class, clip, T, V, 3), up is y, the floor at 0."""
    labels = np.repeat(np.arange(len(CLASSES)), CLIPS_PER_CLASS)
    body = resident_bodies(5, CLIPS_PER_CLASS).take(np.arange(len(labels)) % CLIPS_PER_CLASS)
    columns = uniforms(5, PERFORMER_STREAM, range(len(labels)), STYLE_COLUMNS)
    joints = perform(labels, body, columns, frame_times(SPEC)).transpose(2, 3, 1, 0)
    return joints.reshape(len(CLASSES), CLIPS_PER_CLASS, *joints.shape[1:])


def of_class(motion: np.ndarray, name: str) -> np.ndarray:
    return motion[CLASSES.index(name)]


def joint(motion: np.ndarray, name: str) -> np.ndarray:
    return motion[..., NUMBER[name], :]


def inner_angle_deg(motion: np.ndarray, a: str, b: str, c: str) -> np.ndarray:
    first, second = joint(motion, a) - joint(motion, b), joint(motion, c) - joint(motion, b)
    cosine = (first * second).sum(-1)
    cosine = cosine / np.linalg.norm(first, axis=-1) / np.linalg.norm(second, axis=-1)
    return np.rad2deg(np.arccos(cosine.clip(-1, 1)))


def test_bones_keep_their_length(motion):
    first, second = load_layout("ntu25").edge_indices.T
    bones = np.linalg.norm(motion[..., first, :] - motion[..., second, :], axis=-1)
    assert np.ptp(bones, axis=2).max() < 1e-3
    assert bones.min() > 0.02


def test_nobody_sinks_into_the_floor(motion):
    assert motion[..., 1].min() > -0.005


def test_elbows_and_knees_stay_within_human_limits(motion):
    for limb in LIMBS:
        angle = inner_angle_deg(motion, *limb)
        assert angle.min() > 25, limb
        assert angle.max() < 180, limb


@pytest.mark.parametrize("name", [*ON_THE_SPOT, "reach_overhead", "walk", "stagger"])
def test_knees_bend_forward(motion, name):
    """On one's feet, the knee is always in front of the line from hip to ankle."""
    clips = of_class(motion, name)
    for side in ("left", "right"):
        hip, knee, ankle = (joint(clips, f"{side}_{part}") for part in ("hip", "knee", "ankle"))
        share = (hip[..., 1] - knee[..., 1]) / (hip[..., 1] - ankle[..., 1])
        assert (knee[..., 2] - hip[..., 2] - share * (ankle - hip)[..., 2]).min() > 0


def test_the_lower_foot_of_a_walker_does_not_slide(motion):
    for name in ("walk", "stagger"):
        ankles = np.stack([joint(of_class(motion, name), f"{s}_ankle") for s in ("left", "right")])
        speed = np.linalg.norm(np.diff(ankles[..., [0, 2]], axis=2), axis=-1) * SPEC.fps
        assert np.median(speed.min(axis=0)) < 0.01
        assert np.quantile(speed.min(axis=0), 0.95) < 0.25


def test_feet_stay_where_they_are_on_the_spot(motion):
    for name in ON_THE_SPOT:
        for side in ("left", "right"):
            ankle = joint(of_class(motion, name), f"{side}_ankle")
            assert np.ptp(ankle, axis=1).max() < 0.06, name


@pytest.mark.parametrize("name", FALLS)
def test_falls_are_fast_and_end_on_the_floor(motion, name):
    height = joint(of_class(motion, name), "pelvis")[..., 1]
    speed = -np.diff(height, axis=1).min(axis=1) * SPEC.fps
    assert speed.min() > 0.7
    assert speed.max() < 4.5
    assert np.median(speed) > 1.3
    assert height[:, -1].max() < 0.45
    assert np.median(height[:, -1]) < 0.25


def test_sitting_down_is_slower_than_falling(motion):
    height = joint(of_class(motion, "sit_down"), "pelvis")[..., 1]
    assert (-np.diff(height, axis=1).min(axis=1) * SPEC.fps).max() < 1.3


def test_joints_move_at_human_speed(motion):
    speed = np.linalg.norm(np.diff(motion, axis=2), axis=-1) * SPEC.fps
    assert np.quantile(speed, 0.999) < 8
    assert speed.max() < 14


def test_postures_are_where_they_belong(motion):
    head = {name: joint(of_class(motion, name), "head")[..., 1] for name in CLASSES}
    assert head["walk"].min() > 1.1
    assert head["sitting"].max() < 1.5
    assert head["fallen"].max() < 0.6
    assert 0.3 < head["lying"].min() < head["lying"].max() < 1.1
    assert head["crawl"].max() < 1.0


def test_hands_reach_what_they_are_meant_to(motion):
    def nearest(name: str) -> np.ndarray:
        clips = of_class(motion, name)
        hands = np.stack([joint(clips, f"{side}_hand") for side in ("left", "right")])
        return np.linalg.norm(hands - joint(clips, "head"), axis=-1).min(axis=(0, 2))

    assert np.quantile(nearest("drink"), 0.9) < 0.33
    assert np.quantile(nearest("eat"), 0.9) < 0.33
    up = of_class(motion, "reach_overhead")
    hands = np.maximum(joint(up, "left_hand")[..., 1], joint(up, "right_hand")[..., 1])
    assert np.mean(hands.max(axis=1) > joint(up, "head")[..., 1].max(axis=1)) > 0.9
    low = of_class(motion, "pick_up")
    hands = np.minimum(joint(low, "left_hand")[..., 1], joint(low, "right_hand")[..., 1])
    assert np.median(hands.min(axis=1)) < 0.3
