from dataclasses import replace

import numpy as np
import pytest
from audit_helper import make_clips, make_store

from har.audit import neighbours
from har.audit.duplicates import COLUMNS, find_duplicates, parts_of_clips
from har.audit.neighbours import distances_within_groups, near_pairs
from har.audit.pose_features import FRAMES, PoseFeatures
from har.data.cards import load_card
from har.data.prepare import prepare_dataset
from har.data.protocols import KFold, ProtocolSpec
from har.data.store import ClipStore
from har.errors import HarError
from har.skeleton.layout import load_layout

BY_SUBJECT = ProtocolSpec(
    "by_subject",
    parts={"train": {"subject": ("s0", "s1", "s2")}, "test": {"subject": ("s3", "s4")}},
)


def variant(clip, name, joints=None, **changes):
    joints = clip.joints if joints is None else joints.astype(np.float32)
    record = replace(clip.record, clip_id=name, frame_count=joints.shape[1], **changes)
    confidence = np.ones(joints.shape[:3], np.float32)
    return replace(clip, record=record, joints=joints, confidence=confidence)


def as_dicts(duplicates):
    return [dict(zip(COLUMNS, row, strict=True)) for row in duplicates.rows]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Duplicates of 60 clips, five of which are there once more in some form."""
    clips = make_clips()
    rng = np.random.default_rng(5)
    flip = load_layout("ntu25").flip_permutation
    mirrored = clips[12].joints[:, :, flip] * np.array([-1, 1, 1])
    noise = rng.normal(0, 0.005, clips[20].joints.shape)
    clips += [
        variant(clips[0], "same", subject="s4"),
        variant(clips[7], "same_other_label", label=2),
        variant(clips[12], "mirrored", mirrored * 1.3 + 2),
        variant(clips[20], "noisy", clips[20].joints + noise, subject="s0"),
        variant(clips[31], "shorter", clips[31].joints[:, :-1]),
    ]
    store = make_store(tmp_path_factory.mktemp("store") / "small", clips)
    return find_duplicates(store, parts_of_clips(store, BY_SUBJECT))


def test_every_kind_is_found_and_nothing_else(found):
    kinds = {(row["clip_a"], row["clip_b"]): row["kind"] for row in as_dicts(found)}
    assert kinds == {
        ("clip_000", "same"): "byte_equal",
        ("clip_007", "same_other_label"): "byte_equal",
        ("clip_012", "mirrored"): "mirrored",
        ("clip_020", "noisy"): "near",
        ("clip_031", "shorter"): "near",
    }


def test_pairs_across_the_split_come_first(found):
    rows = as_dicts(found)
    assert [row["crosses_the_split"] for row in rows] == [True, False, False, False, False]
    assert (rows[0]["part_a"], rows[0]["part_b"]) == ("train", "test")
    rest = [row["distance"] for row in rows[1:]]
    assert rest == sorted(rest)
    summary = found.summary()
    assert summary["pairs"] == {"byte_equal": 2, "near": 2, "mirrored": 1}
    assert (summary["pairs_across_the_split"], summary["pairs_with_different_labels"]) == (1, 1)


def test_a_group_of_equal_clips_is_told_once_a_clip(tmp_path):
    clips = make_clips(8)
    clips += [variant(clips[0], f"copy_{n}", subject=f"s{3 if n == 2 else 0}") for n in range(4)]
    store = make_store(tmp_path / "store", clips)
    rows = as_dicts(find_duplicates(store, parts_of_clips(store, BY_SUBJECT)))
    assert len(rows) == 4
    pairs = [(row["clip_a"], row["clip_b"]) for row in rows if row["crosses_the_split"]]
    assert sorted(pairs) == [("clip_000", "copy_2"), ("copy_2", "copy_3")]


def test_too_few_distances_leave_byte_equal_clips_only(tmp_path):
    clips = make_clips(6)
    store = make_store(tmp_path / "store", [*clips, variant(clips[0], "same")])
    duplicates = find_duplicates(store, np.full(7, ""))
    assert (duplicates.threshold.value, len(duplicates.rows)) == (0, 1)
    with pytest.raises(HarError, match="duplicate_threshold=-1"):
        find_duplicates(store, np.full(7, ""), threshold=-1)


def test_clips_in_which_nothing_is_seen_are_no_neighbours(tmp_path):
    clips = make_clips(6)
    for number in (1, 2):
        hidden = np.zeros_like(clips[number].confidence)
        clips[number] = replace(clips[number], confidence=hidden)
    store = make_store(tmp_path / "store", clips)
    duplicates = find_duplicates(store, np.full(6, ""), threshold=0.1)
    assert (duplicates.unseen, duplicates.rows) == (2, ())


def test_parts_of_a_protocol_with_folds_are_the_folds(tmp_path):
    store = make_store(tmp_path / "store", make_clips(12))
    protocol = ProtocolSpec("folds", k_fold=KFold("subject", 3))
    assert set(parts_of_clips(store, protocol)) == {"0", "1", "2"}
    assert set(parts_of_clips(store, protocol, fold="1")) == {"train", "test"}
    one_out = ProtocolSpec("one_out", leave_one_out="subject")
    assert parts_of_clips(store, one_out).tolist() == store.index.subject.tolist()
    assert set(parts_of_clips(store, BY_SUBJECT)) == {"train", "test", ""}


class TestNeighbours:
    @pytest.fixture(scope="class")
    def features(self, tmp_path_factory):
        store = make_store(tmp_path_factory.mktemp("store") / "small", make_clips(50))
        return PoseFeatures(store)

    def test_features_do_not_depend_on_place_and_size(self, features, tmp_path):
        clips = make_clips(50)
        moved = [variant(clip, clip.record.clip_id, 3 * clip.joints + 7) for clip in clips]
        other = PoseFeatures(make_store(tmp_path / "moved", moved))
        rows = np.arange(50)
        assert features.read(rows).shape == (50, FRAMES * 25 * 3)
        np.testing.assert_allclose(features.read(rows), other.read(rows), atol=1e-5)
        np.testing.assert_allclose((features.read(rows) ** 2).sum(axis=1), 1, atol=1e-5)

    def test_mirroring_twice_changes_nothing(self, features):
        block = features.read(np.arange(5))
        assert np.array_equal(features.mirror(features.mirror(block)), block)

    @pytest.mark.parametrize("block", [7, 1024])
    def test_pairs_are_those_of_the_plain_definition(self, features, monkeypatch, block):
        monkeypatch.setattr(neighbours, "BLOCK", block)
        rows = np.arange(1, 50)
        vectors = features.read(rows).astype(np.float64)
        mirrors = features.mirror(features.read(rows)).astype(np.float64)
        plain, mirrored = (
            np.linalg.norm(side[:, None] - vectors[None], axis=2) for side in (vectors, mirrors)
        )
        nearest = np.minimum(plain, mirrored)
        upper = np.triu(np.ones_like(nearest, dtype=bool), 1)
        limit = float(np.quantile(nearest[upper], 0.1))
        expected = np.argwhere(upper & (nearest <= limit))
        pairs = near_pairs(features, rows, limit)
        assert sorted(zip(pairs.first - 1, pairs.second - 1, strict=True)) == [
            tuple(pair) for pair in expected
        ]
        assert (np.diff(pairs.distance) >= 0).all()
        found = nearest[pairs.first - 1, pairs.second - 1]
        np.testing.assert_allclose(pairs.distance, found, atol=1e-6)

    def test_the_nearest_pairs_are_kept(self, features):
        rows = np.arange(50)
        everything = near_pairs(features, rows, 10.0)
        few = near_pairs(features, rows, 10.0, most=20)
        assert len(everything.first) == 50 * 49 // 2
        assert (len(few.first), few.left_out) == (20, 50 * 49 // 2 - 20)
        np.testing.assert_allclose(few.distance, everything.distance[:20])

    def test_distances_within_groups(self, features):
        block = features.read(np.arange(4)).astype(np.float64)
        distances = np.linalg.norm(block[:, None] - block[None], axis=2)
        np.fill_diagonal(distances, np.inf)
        groups = [np.arange(4), np.array([9])]
        found = distances_within_groups(features, groups)
        np.testing.assert_allclose(found, distances.min(axis=1), atol=1e-6)
        assert distances_within_groups(features, [np.array([1])]).size == 0


@pytest.mark.slow
def test_real_recordings_that_are_twice_in_the_set(real_data, tmp_path):
    card = load_card("nwucla")
    prepare_dataset(
        card, real_data / "nwucla" / "all_sqe.tar.xz", tmp_path / "nwucla", progress=False
    )
    store = ClipStore.open(tmp_path / "nwucla")
    parts = parts_of_clips(store, card.protocol("cross_view"))
    rows = as_dicts(find_duplicates(store, parts))
    equal = [row for row in rows if row["kind"] == "byte_equal"]
    assert len(equal) == 95
    assert all(row["crosses_the_split"] for row in equal)
    assert {row["label_a"] for row in equal} == {"pick up with two hands", "drop trash"}
    assert {(row["camera_a"], row["camera_b"]) for row in equal} == {("2", "3")}
