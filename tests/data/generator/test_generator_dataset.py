"""The generated dataset as a whole: reproducible, consistent, balanced and honest."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from har.data.adapters.base import load_adapter
from har.data.adapters.synthetic_home import Adapter
from har.data.cards import load_card
from har.data.generator import CLASSES, CONDITIONS, JOINTS, GeneratorSpec, generate
from har.data.generator.camera import FOCAL_PX, IMAGE_SIZE_PX
from har.data.generator.sensor import typical_noise_m
from har.errors import BadSampleError, CardError, ConfigError

SPEC = GeneratorSpec(clips=600, subjects=10, cameras=4, seed=3)
ARRAYS = ("joints_m", "joints_px", "confidence", "person_counts")


@pytest.fixture(scope="module")
def clips():
    return generate(np.arange(SPEC.clips), SPEC)


def test_shapes_and_types(clips):
    shape = (SPEC.clips, 2, SPEC.frames, len(JOINTS))
    assert clips.joints_m.shape == (*shape, 3)
    assert clips.joints_px.shape == (*shape, 2)
    assert clips.confidence.shape == shape
    assert {a.dtype for a in (clips.joints_m, clips.joints_px, clips.confidence)} == {
        np.dtype("float32")
    }


@pytest.mark.parametrize("chosen", [[0], [599, 5, 77], list(range(250, 270))])
def test_a_clip_does_not_depend_on_the_others(clips, chosen):
    alone = generate(np.array(chosen), SPEC)
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(alone, name), getattr(clips, name)[chosen])
    for name in CONDITIONS:
        np.testing.assert_array_equal(alone.conditions[name], clips.conditions[name][chosen])


def test_the_seed_changes_the_clips(clips):
    other = generate(np.arange(4), replace(SPEC, seed=4))
    assert np.abs(other.joints_m - clips.joints_m[:4]).max() > 0.05


def test_unseen_joints_are_zero_and_values_finite(clips):
    unseen = clips.confidence == 0
    assert not clips.joints_m[unseen].any()
    assert not clips.joints_px[unseen].any()
    assert np.isfinite(clips.joints_m).all()
    assert clips.confidence.min() >= 0
    assert clips.confidence.max() <= 1


def test_pixels_are_the_projection_of_the_joints(clips):
    seen = clips.confidence > 0
    x, y, z = np.moveaxis(clips.joints_m[seen], -1, 0)
    u, v = np.moveaxis(clips.joints_px[seen], -1, 0)
    width, height = IMAGE_SIZE_PX
    np.testing.assert_allclose(u, width / 2 - FOCAL_PX * x / z, atol=0.05)
    np.testing.assert_allclose(v, height / 2 - FOCAL_PX * y / z, atol=0.05)
    assert ((u >= 0) & (u < width) & (v >= 0) & (v < height)).all()


def test_every_clip_shows_its_performer(clips):
    assert clips.confidence[:, 0].any(axis=(1, 2)).all()


def test_the_second_person_is_absent_from_most_clips(clips):
    two = clips.person_counts == 2
    assert 0.08 < two.mean() < 0.22
    assert not clips.confidence[~two, 1].any()


def test_classes_subjects_and_cameras_are_crossed(clips):
    plan = clips.plan
    for values, count in ((plan.labels, len(CLASSES)), (plan.subjects, 10), (plan.cameras, 4)):
        assert np.ptp(np.bincount(values, minlength=count)) <= len(CLASSES)
    pairs = set(zip(plan.labels.tolist(), plan.cameras.tolist(), strict=True))
    assert len(pairs) == len(CLASSES) * 4


def test_conditions_are_in_their_ranges(clips):
    ranges = {
        "distance_m": (1.5, 7),
        "yaw_deg": (-180, 180),
        "pitch_deg": (-30, 75),
        "camera_height_m": (0.5, 3),
        "occlusion_ratio": (0, 1),
        "outside_ratio": (0, 1),
        "noise_m": (0, 0.1),
        "dropped_ratio": (0, 0.4),
    }
    assert tuple(ranges) == CONDITIONS == tuple(clips.conditions)
    for name, (low, high) in ranges.items():
        values = clips.conditions[name]
        assert values.min() >= low, name
        assert values.max() <= high, name
    assert np.ptp(clips.conditions["yaw_deg"]) > 300


def test_noise_grows_with_distance_and_can_be_switched_off(clips):
    assert typical_noise_m(np.array([6.0]), 1.0) > 4 * typical_noise_m(np.array([1.5]), 1.0)
    clean = generate(np.arange(60), replace(SPEC, noise_scale=0.0))
    assert clean.conditions["noise_m"].max() == 0
    assert clean.conditions["dropped_ratio"].max() == 0
    both = (clean.confidence > 0) & (clips.confidence[:60] > 0)
    error = np.linalg.norm(clean.joints_m - clips.joints_m[:60], axis=-1)[both]
    assert 0.01 < np.median(error) < 0.15


def test_hidden_joints_are_less_sure(clips):
    occlusion = clips.conditions["occlusion_ratio"]
    mean_confidence = clips.confidence[:, 0].mean(axis=(1, 2))
    assert mean_confidence[occlusion < 0.02].mean() > 1.5 * mean_confidence[occlusion > 0.5].mean()


def test_numbers_outside_the_dataset_are_refused():
    with pytest.raises(ConfigError, match=r"clip numbers 0 to 600 asked for.*clips 0 to 599"):
        generate(np.array([0, 600]), SPEC)


def test_impossible_specs_are_refused_in_one_message():
    with pytest.raises(ConfigError, match=r"clips=0 must be.*obstacle_share=2 must be between"):
        GeneratorSpec(clips=0, obstacle_share=2)


def test_adapter_reads_the_blocks_of_its_card():
    adapter = pickle.loads(pickle.dumps(load_adapter(load_card("synthetic_home"), None, clips=230)))
    assert adapter.items() == ["000000-000199", "000200-000229"]
    clips = adapter.read("000200-000229")
    assert [clip.record.clip_id for clip in clips[:2]] == ["clip_000200", "clip_000201"]
    record = clips[3].record
    assert (record.label, record.subject, record.fps) == (3, "s11", 20.0)
    assert set(record.conditions) == set(CONDITIONS)


def test_card_protocols_name_subjects_and_cameras_of_the_adapter():
    card = load_card("synthetic_home")
    clips = load_adapter(card, None, clips=1200)
    records = [clip.record for item in clips.items()[:3] for clip in clips.read(item)]
    for name, attribute in (("cross_subject", "subject"), ("cross_camera", "camera")):
        parts = card.protocol(name).parts
        named = {value for part in parts.values() for value in part[attribute]}
        assert named == {getattr(record, attribute) for record in records}


def test_adapter_refuses_what_it_cannot_do(tmp_path):
    card = load_card("synthetic_home")
    with pytest.raises(ConfigError, match="is generated and has no raw data: leave out"):
        Adapter(card, tmp_path)
    with pytest.raises(CardError, match=r"in this order, the labels walk, sit_down"):
        Adapter(replace(card, labels=card.labels[::-1]))
    with pytest.raises(BadSampleError, match="not a block of clip numbers"):
        Adapter(card).read("walk.json")
