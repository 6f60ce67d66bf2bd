"""Conversion between layouts."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from har.errors import LayoutError
from har.skeleton.convert import conversion
from har.skeleton.layout import Layout, list_layouts, load_layout

LAYOUT_NAMES = st.sampled_from(list_layouts())


def random_pose(layout: Layout, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    joints = rng.normal(size=(2, 3, layout.num_joints, 3)).astype(np.float32)
    confidence = rng.uniform(0.1, 1.0, size=joints.shape[:-1]).astype(np.float32)
    unseen = rng.random(confidence.shape) < 0.2
    joints[unseen], confidence[unseen] = 0.0, 0.0
    return joints, confidence


def convert(source: str, target: str, joints: np.ndarray, confidence: np.ndarray):
    return conversion(load_layout(source), load_layout(target)).apply(joints, confidence)


@pytest.mark.parametrize("name", list_layouts())
def test_conversion_to_itself_changes_nothing(name):
    layout = load_layout(name)
    joints, confidence = random_pose(layout)
    recipe = conversion(layout, layout)
    assert recipe.missing == ()
    converted = recipe.apply(joints, confidence)
    assert np.array_equal(converted[0], joints)
    assert np.array_equal(converted[1], confidence)


@settings(max_examples=60)
@given(source=LAYOUT_NAMES, target=LAYOUT_NAMES, seed=st.integers(0, 1000))
def test_conversion_equals_an_entry_by_entry_loop(source, target, seed):
    source, target = load_layout(source), load_layout(target)
    joints, confidence = random_pose(source, seed)
    recipe = conversion(source, target)
    converted, converted_confidence = recipe.apply(joints, confidence)
    for position, name in enumerate(target.joints):
        used = np.flatnonzero(recipe.weights[position])
        lowest = confidence[..., used].min(axis=-1) if len(used) else 0 * confidence[..., 0]
        mean = np.einsum("...vc,v->...c", joints, recipe.weights[position])
        expected = np.where(lowest[..., None] > 0, mean, 0)
        np.testing.assert_allclose(converted[..., position, :], expected, atol=1e-6)
        assert np.array_equal(converted_confidence[..., position], lowest)
        assert (name in recipe.missing) == (len(used) == 0)


@settings(max_examples=60)
@given(source=LAYOUT_NAMES, target=LAYOUT_NAMES)
def test_rows_are_means_and_keep_sides_apart(source, target):
    source, target = load_layout(source), load_layout(target)
    weights = conversion(source, target).weights
    missing = np.isin(target.joints, conversion(source, target).missing)
    np.testing.assert_allclose(weights.sum(axis=1), np.where(missing, 0, 1), atol=1e-6)
    flipped = weights[target.flip_permutation][:, source.flip_permutation]
    np.testing.assert_allclose(flipped, weights, atol=1e-6)


@settings(max_examples=30)
@given(source=LAYOUT_NAMES, target=LAYOUT_NAMES, seed=st.integers(0, 1000))
def test_torch_equals_numpy(source, target, seed):
    joints, confidence = random_pose(load_layout(source), seed)
    expected = convert(source, target, joints, confidence)
    got = convert(source, target, torch.tensor(joints), torch.tensor(confidence))
    assert np.array_equal(got[0].numpy(), expected[0])
    assert np.array_equal(got[1].numpy(), expected[1])


@pytest.mark.parametrize("target", list_layouts())
def test_limbs_come_back_unchanged_from_every_layout(target):
    ntu = load_layout("ntu25")
    joints, confidence = random_pose(ntu)
    there = convert("ntu25", target, joints, confidence)
    back, back_confidence = convert(target, "ntu25", *there)
    for limb in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle"):
        for side in ("left", "right"):
            position = ntu.index(f"{side}_{limb}")
            assert np.array_equal(back[..., position, :], joints[..., position, :])
            assert np.array_equal(back_confidence[..., position], confidence[..., position])


def test_ntu25_to_coco17_takes_the_head_for_the_nose():
    recipe = conversion(load_layout("ntu25"), load_layout("coco17"))
    assert recipe.missing == ("left_eye", "right_eye", "left_ear", "right_ear")
    joints, confidence = random_pose(recipe.source)
    converted, _ = recipe.apply(joints, confidence)
    head = recipe.source.index("head")
    assert np.array_equal(converted[..., 0, :], joints[..., head, :])
    assert not converted[..., 1:5, :].any()


@pytest.mark.parametrize("target", ["openpose18", "h36m17", "smarthome15", "smarthome17"])
def test_mid_shoulder_neck_comes_from_the_top_of_the_kinect_spine(target):
    ntu, other = load_layout("ntu25"), load_layout(target)
    row = conversion(ntu, other).weights[other.index("neck")]
    assert np.flatnonzero(row).tolist() == [ntu.index("spine_shoulder")]


def test_smarthome17_is_derived_from_smarthome13_as_published():
    source, target = load_layout("smarthome13"), load_layout("smarthome17")
    weights = conversion(source, target).weights

    def row(joint: str) -> dict[str, float]:
        values = weights[target.index(joint)]
        return {source.joints[i]: values[i].item() for i in np.flatnonzero(values)}

    shoulders, hips = ("left_shoulder", "right_shoulder"), ("left_hip", "right_hip")
    assert row("neck") == dict.fromkeys(shoulders, 0.5)
    assert row("pelvis") == dict.fromkeys(hips, 0.5)
    assert row("spine") == dict.fromkeys(shoulders + hips, 0.25)
    assert row("nose") == {"head": 0.5} | dict.fromkeys(shoulders, 0.25)


def test_mean_takes_the_least_confidence():
    coco = load_layout("coco17")
    joints, confidence = np.ones((17, 3), np.float32), np.ones(17, np.float32)
    confidence[coco.index("left_hip")] = 0.25
    h36m = load_layout("h36m17")
    converted, got = convert("coco17", "h36m17", joints, confidence)
    assert got[h36m.index("pelvis")] == 0.25
    assert got[h36m.index("spine")] == 0.25
    assert got[h36m.index("neck")] == 1
    np.testing.assert_array_equal(converted, 1)


def test_unseen_joint_makes_the_mean_unseen_and_never_leaks():
    coco, h36m = load_layout("coco17"), load_layout("h36m17")
    joints, confidence = np.ones((17, 3), np.float32), np.ones(17, np.float32)
    joints[coco.index("left_hip")] = np.nan
    confidence[coco.index("left_hip")] = 0
    converted, got = convert("coco17", "h36m17", joints, confidence)
    unseen = [h36m.index(joint) for joint in ("pelvis", "spine", "left_hip")]
    assert np.flatnonzero(got == 0).tolist() == sorted(unseen)
    assert not converted[unseen].any()
    assert np.isfinite(converted).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtypes_and_2d_joints_are_kept(dtype):
    joints, confidence = np.ones((4, 17, 2), dtype), np.ones((4, 17), dtype)
    converted, got = convert("coco17", "ntu25", joints, confidence)
    assert converted.shape == (4, 25, 2)
    assert converted.dtype == got.dtype == dtype


def test_gradient_flows_through_a_conversion():
    joints = torch.randn(17, 3, requires_grad=True)
    convert("coco17", "h36m17", joints, torch.ones(17))[0].sum().backward()
    assert joints.grad is not None
    assert joints.grad[load_layout("coco17").index("left_hip")].tolist() == [1.75] * 3


def test_own_layout_converts_both_ways_by_its_aliases():
    own = Layout(
        "own",
        ("hip_point", "top"),
        (("top", "hip_point"),),
        "hip_point",
        aliases={"hip_point": ("pelvis",), "top": ("head",)},
    )
    ntu = load_layout("ntu25")
    assert conversion(ntu, own).missing == ()
    back = conversion(own, ntu)
    assert {"pelvis", "head"} & set(back.missing) == set()
    assert "left_knee" in back.missing


def test_layouts_with_nothing_in_common():
    strange = Layout("strange", ("tail", "fin"), (("fin", "tail"),), "tail")
    with pytest.raises(LayoutError, match=r"'strange' shares no joint with 'coco17'.*aliases"):
        conversion(strange, load_layout("coco17"))


def test_arrays_that_do_not_fit():
    recipe = conversion(load_layout("ntu25"), load_layout("coco17"))
    with pytest.raises(LayoutError, match=r"\(3, 20, 3\) do not fit layout 'ntu25'.*its 25 joints"):
        recipe.apply(np.zeros((3, 20, 3)), np.zeros((3, 20)))
    with pytest.raises(LayoutError, match=r"confidence of shape \(2, 25\).*give \(3, 25\)"):
        recipe.apply(np.zeros((3, 25, 3)), np.zeros((2, 25)))
