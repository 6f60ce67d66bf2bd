"""Measures of poses: known values, planted faults, and clips that show nothing."""

import warnings
from collections.abc import Iterator

import numpy as np
import pytest

from har.data.generator import GeneratorSpec, generate
from har.quality.pose_block import pose_block
from har.quality.pose_pass import measure_batch, measure_poses, pose_measures
from har.quality.statistics import quantile_by
from har.quality.tracks import DenseTable
from har.skeleton.layout import load_layout

LAYOUT = load_layout("ntu25")
FPS = 20.0


@pytest.fixture(autouse=True)
def no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.fixture(scope="module")
def clips():
    return generate(np.arange(200), GeneratorSpec(clips=200, second_person_share=0.0))


def person(frames: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Return a standing body that waves, 3 m away from a level camera, (1, 1, T, V, 3)."""
    spec = GeneratorSpec(clips=20, noise_scale=0.0, obstacle_share=0.0, frames=frames)
    made = generate(np.array([16]), spec)
    return made.joints_m[:, :1].copy(), np.ones_like(made.confidence[:, :1])


def measure(joints: np.ndarray, confidence: np.ndarray, unit: str = "m") -> dict[str, np.ndarray]:
    return measure_batch(joints, confidence, LAYOUT, unit, FPS)


def test_quantiles_by_group_are_those_of_each_group() -> None:
    rng = np.random.default_rng(0)
    group = np.sort(rng.integers(0, 5, 200))
    group[group == 3] = 4
    values = rng.normal(size=200).astype(np.float32)
    found = quantile_by(values, group, 6, 0.5)
    for number in (0, 1, 2, 4):
        own = values[group == number]
        expected = np.sort(own)[round(0.5 * (len(own) - 1))]
        assert found[number] == pytest.approx(expected)
    assert np.isnan(found[[3, 5]]).all()


def test_every_measure_is_described_and_within_its_range(clips) -> None:
    values = measure(clips.joints_m[:, :1], clips.confidence[:, :1])
    assert values.keys() == pose_measures().keys()
    for name, about in pose_measures().items():
        known = values[name][np.isfinite(values[name])]
        assert about.text
        assert about.unit
        assert about.low is None or (known >= about.low - 1e-5).all(), name
        assert about.high is None or (known <= about.high + 1e-5).all(), name


def test_viewpoint_is_recovered_from_the_body(clips) -> None:
    values = measure(clips.joints_m[:, :1], clips.confidence[:, :1])
    true = clips.conditions
    tilt = np.abs(values["camera_pitch_deg"] - true["pitch_deg"])
    assert np.nanmedian(tilt) < 2.5
    away = np.abs(values["distance_m"] / true["distance_m"] - 1)
    assert np.nanmedian(away) < 0.03
    turn = np.abs((values["yaw_deg"] - true["yaw_deg"] + 180) % 360 - 180)
    faces_one_way = values["turning"] < 0.05
    assert np.median(turn[faces_one_way]) < 5


def test_clips_of_a_camera_share_its_tilt() -> None:
    joints, confidence = person()
    lying = joints[..., [1, 0, 2]]
    both = np.concatenate([joints, lying]).reshape(-1, 25, 3)
    seen = np.concatenate([confidence, confidence]).reshape(-1, 25)
    table = DenseTable(2, 1, joints.shape[2], FPS)
    alone = measure_poses((both, seen), table, LAYOUT, "m")
    shared = measure_poses((both, seen), table, LAYOUT, "m", cameras=["a", "a"])
    assert np.isnan(alone["camera_pitch_deg"][1])
    assert shared["camera_pitch_deg"][1] == alone["camera_pitch_deg"][0]
    assert np.isfinite(shared["camera_height_m"]).all()


def test_values_do_not_depend_on_workers_or_neighbours(clips) -> None:
    joints, confidence = clips.joints_m[:, :1], clips.confidence[:, :1]
    arrays = joints.reshape(-1, 25, 3), confidence.reshape(-1, 25)
    table = DenseTable(len(joints), 1, joints.shape[2], FPS)
    several = measure_poses(arrays, table, LAYOUT, "m", workers=3)
    for name, values in measure(joints[5:6], confidence[5:6]).items():
        np.testing.assert_allclose(several[name][5], values[0], rtol=1e-4, err_msg=name)


def test_noise_is_measured_as_a_standard_deviation() -> None:
    joints, confidence = person()
    still = np.repeat(joints[:, :, :1], 200, axis=2)
    seen = np.ones(still.shape[:-1], np.float32)
    noisy = still + np.random.default_rng(0).normal(0, 0.02, still.shape).astype(np.float32)
    trunk = measure(still, seen)["trunk_m"][0]
    assert measure(noisy, seen)["jitter"][0] * trunk == pytest.approx(0.02, rel=0.05)
    assert measure(still, seen)["jitter"][0] == 0
    assert confidence.min() == 1


def test_faults_of_tracking_are_seen() -> None:
    joints, confidence = person()
    clean = measure(joints, confidence)
    jumped = joints.copy()
    jumped[:, :, 20:] += 2
    assert measure(jumped, confidence)["teleport"] > 3 > clean["teleport"]
    swapped = joints.copy()
    swapped[:, :, 10:14] = joints[:, :, 10:14][..., LAYOUT.flip_permutation, :]
    steps = joints.shape[2] - 1
    assert measure(swapped, confidence)["swap_ratio"] == pytest.approx(4 / 40)
    assert measure(swapped[..., :2], confidence, "px")["swap_ratio"] == pytest.approx(4 / 40)
    assert clean["swap_ratio"] == 0
    frozen = joints.copy()
    frozen[:, :, 20:] = frozen[:, :, 20:21]
    assert measure(frozen, confidence)["frozen_ratio"] == pytest.approx(19 / steps)
    assert measure(frozen, confidence)["fresh_fps"] == pytest.approx(FPS * 20 / steps)


def test_feet_tell_which_of_two_assignments_of_sides_is_wrong() -> None:
    joints, confidence = person()
    swapped = joints[..., LAYOUT.flip_permutation, :]
    mostly = np.concatenate([joints[:, :, :10], swapped[:, :, 10:]], axis=2)
    assert measure(mostly, confidence)["swap_ratio"] == pytest.approx(30 / 40)
    assert measure(swapped, confidence)["swap_ratio"] == 1
    assert measure(mostly[..., :2], confidence, "px")["swap_ratio"] == pytest.approx(10 / 40)


def test_a_person_who_lies_on_a_side_hardly_counts_for_the_yaw() -> None:
    joints, confidence = person()
    base = joints[..., LAYOUT.index("pelvis"), :][..., None, :]
    turned = base + (joints - base)[..., [1, 0, 2]] * np.array([1, -1, 1], np.float32)
    lying = np.concatenate([joints[:, :, :20], turned[:, :, 20:]], axis=2)
    standing = measure(joints[:, :, :20], confidence[:, :, :20])["yaw_deg"]
    turn = (measure(lying, confidence)["yaw_deg"] - standing + 180) % 360 - 180
    assert np.abs(turn) < 10


def test_what_is_not_seen_is_counted() -> None:
    joints, confidence = person()
    confidence[:, :, 10:20] = 0
    confidence[:, :, 20:25, LAYOUT.index("left_hand")] = 0
    values = measure(joints, confidence)
    assert values["absent_ratio"] == pytest.approx(10 / 40)
    assert values["missing_ratio"] == pytest.approx(5 / 25 / 30)
    assert values["missing_run_sec"] == pytest.approx(15 / FPS)
    confidence[:, :, 30:, [LAYOUT.index(f"{s}_{p}") for s in ("left", "right")
                           for p in ("knee", "ankle", "foot")]] = 0  # fmt: skip
    assert measure(joints, confidence)["truncated_ratio"] == pytest.approx(10 / 30)


def test_the_person_with_most_joints_is_measured_and_all_are_counted() -> None:
    joints, confidence = person()
    other = joints + 1
    hidden = confidence.copy()
    hidden[:, :, 20:] = 0
    both = np.concatenate([other, joints], axis=1)
    values = measure(both, np.concatenate([hidden, confidence], axis=1))
    assert values["people"] == 2
    assert values["crowded_ratio"] == pytest.approx(0.5)
    alone = measure(joints, confidence)
    assert values["distance_m"] == pytest.approx(alone["distance_m"])


def test_bouts_are_divided_by_rests() -> None:
    joints, confidence = person()
    rest = np.repeat(joints[:, :, -1:], 12, axis=2)
    twice = np.concatenate([joints, rest, joints[:, :, ::-1]], axis=2)
    seen = np.ones(twice.shape[:-1], np.float32)
    assert measure(twice, seen)["bouts"] == measure(joints, confidence)["bouts"] + 1
    assert measure(np.concatenate([rest, joints], axis=2), seen[:, :, :52])["cut_start"] == 0


def test_flat_poses_have_their_own_measures() -> None:
    joints, confidence = person()
    pixels = 300 * joints[..., :2] * np.float32([1, -1])
    values = measure(pixels, confidence, "px")
    for name in ("trunk_m", "distance_m", "yaw_deg", "depth_ratio", "camera_pitch_deg"):
        assert np.isnan(values[name]).all(), name
    assert values["person_height_px"] > 300
    assert 0 <= values["view_angle_deg"] <= 180


@pytest.mark.parametrize("coordinates", [2, 3])
def test_clips_that_show_nothing_give_values(coordinates: int) -> None:
    frames = np.array([1, 0, 5, 10, 30, 1])
    people = np.array([1, 1, 0, 1, 2, 2])

    class Table:
        frame_count, person_count, person_stride = frames, people, frames
        row_offset = np.cumsum(frames * people) - frames * people
        fps = np.full(6, 30.0)

        def __len__(self) -> int:
            return 6

    rows = int((frames * people).sum())
    rng = np.random.default_rng(0)
    joints = rng.normal(size=(rows, 25, coordinates)).astype(np.float32)
    confidence = np.ones((rows, 25), np.float16)
    joints[1:11] = np.nan
    confidence[11:41] = 0
    unit = "m" if coordinates == 3 else "px"
    values = measure_poses((joints, confidence), Table(), LAYOUT, unit, cameras=["", *"abcde"])
    assert values["invalid_ratio"].tolist() == [0, 0, 0, 1, 0, 0]
    assert values["absent_ratio"].tolist() == [0, 1, 1, 1, 0, 0]
    nothing = measure_poses((joints[:0], confidence[:0]), DenseTable(0, 1, 1, 30.0), LAYOUT, unit)
    assert all(len(found) == 0 for found in nothing.values())


def test_arrays_that_do_not_fit_are_refused() -> None:
    table = DenseTable(1, 1, 10, 30.0)
    with pytest.raises(ValueError, match=r"joints must be \(rows, 25, 2 or 3\), got \(10, 20, 3\)"):
        pose_block((np.zeros((10, 20, 3)), np.zeros((10, 20))), table, np.arange(1), LAYOUT)
    with pytest.raises(ValueError, match="a clip lies outside the 5 rows there are"):
        pose_block((np.zeros((5, 25, 3)), np.zeros((5, 25))), table, np.arange(1), LAYOUT)
