"""The clip store: what is written is read again, and what is damaged is refused."""

import json
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from har.data import store_gather, store_index
from har.data.store import ClipStore, StoreDescription, StoreIndex, StoreWriter, write_store
from har.errors import BadSampleError, StoreError
from har.samples import UNLABELLED, Clip, ClipRecord, Segment

V, C = 5, 3


def describe(joints_dtype="float32"):
    return StoreDescription(
        dataset="home",
        layout="five_joints",
        unit="m",
        labels=("sit down", "fall"),
        joint_count=V,
        coordinate_count=C,
        joints_dtype=joints_dtype,
        adapter="home",
        adapter_version=3,
        adapter_options={"rate": 2},
    )


def make_clip(name, people, frames, seed, label=1, conditions=None):
    rng = np.random.default_rng(seed)
    confidence = rng.choice([0.0, 0.25, 0.5, 1.0], (people, frames, V)).astype(np.float32)
    confidence[0, 0] = 1.0
    joints = rng.normal(size=(people, frames, V, C)).astype(np.float32)
    joints[confidence == 0] = 0
    record = ClipRecord(
        clip_id=name,
        dataset="home",
        label=label,
        frame_count=frames,
        person_count=people,
        fps=25.0,
        layout="five_joints",
        subject=f"P{seed}",
        camera="2",
        source=f"raw/{name}.txt",
        conditions=conditions or {},
    )
    return Clip(record, joints, confidence)


@pytest.fixture
def clips():
    return [
        make_clip("one", 1, 7, 1, conditions={"distance_m": 3.5}),
        make_clip("two", 3, 4, 2, label=UNLABELLED),
        make_clip("three", 2, 1, 3, label=0, conditions={"yaw_deg": 10.0}),
        make_clip("four", 1, 12, 4),
    ]


@pytest.fixture
def folder(tmp_path, clips):
    write_store(tmp_path / "home", describe(), clips, [("raw/five.txt", "no frames")])
    return tmp_path / "home"


@pytest.fixture
def store(folder):
    return ClipStore.open(folder, verify=True)


class TestReading:
    def test_clips_come_back_as_they_were_written(self, store, clips):
        assert len(store) == 4
        for i, clip in enumerate(clips):
            read = store.clip(i)
            assert read.record == clip.record
            np.testing.assert_array_equal(read.joints, clip.joints)
            np.testing.assert_array_equal(read.confidence, clip.confidence)
            assert read.joints.dtype == read.confidence.dtype == np.float32

    def test_records_are_all_there_without_joints(self, store, clips):
        assert store.records == tuple(clip.record for clip in clips)

    def test_what_holds_for_all_clips(self, store):
        assert store.layout == "five_joints"
        assert store.labels == ("sit down", "fall")
        assert store.joints.shape == (7 + 12 + 2 + 12, V, C)
        assert store.confidence.dtype == np.float16

    def test_rows_of_a_clip_are_person_major(self, store, clips):
        row = store.index.row_offset[1] + 2 * 4 + 3
        np.testing.assert_array_equal(store.joints[row], clips[1].joints[2, 3])

    def test_arrays_are_read_only(self, store):
        with pytest.raises(ValueError, match="read-only"):
            store.joints[0] = 0

    def test_pickle_holds_no_data(self, store, clips):
        _ = store.index, store.joints
        frozen = pickle.dumps(store)
        assert len(frozen) < 500
        np.testing.assert_array_equal(pickle.loads(frozen).clip(3).joints, clips[3].joints)

    def test_float16_takes_half_the_space(self, tmp_path, clips):
        write_store(tmp_path / "half", describe("float16"), clips)
        half = ClipStore.open(tmp_path / "half")
        assert half.joints.dtype == np.float16
        assert half.clip(0).joints.dtype == np.float32
        np.testing.assert_allclose(half.clip(0).joints, clips[0].joints, rtol=1e-3)


class TestIndex:
    def test_columns(self, store):
        index = store.index
        assert len(index) == 4
        assert list(index.clip_id) == ["one", "two", "three", "four"]
        assert list(index.subject) == ["P1", "P2", "P3", "P4"]
        assert list(index.label) == [1, -1, 0, 1]
        assert list(index.row_offset) == [0, 7, 19, 21]
        assert list(index.setup) == ["", "", "", ""]

    def test_unknown_conditions_are_nan(self, store):
        np.testing.assert_array_equal(
            store.index.conditions["yaw_deg"], [np.nan, np.nan, 10, np.nan]
        )
        assert store.index.column("condition.distance_m")[0] == 3.5
        assert store.record(0).conditions == {"distance_m": 3.5}

    def test_unknown_column_is_named(self, store):
        assert list(store.index.column("camera")) == ["2"] * 4
        with pytest.raises(StoreError, match=r"no column 'subjects'.*Did you mean 'subject'\?"):
            store.index.column("subjects")

    def test_from_records_is_the_index_of_the_store(self, store, clips):
        built = StoreIndex.from_records(clip.record for clip in clips)
        for name in ("clip_id", "label", "row_offset", "subject", "fps"):
            np.testing.assert_array_equal(getattr(built, name), getattr(store.index, name))


class TestWriting:
    def test_skipped_samples_have_a_reason(self, folder):
        assert (folder / "skipped.csv").read_text() == "source,reason\nraw/five.txt,no frames\n"
        assert ClipStore.open(folder).meta.skipped_count == 1

    def test_equal_clips_give_equal_files(self, tmp_path, folder, clips):
        write_store(tmp_path / "again", describe(), clips, [("raw/five.txt", "no frames")])
        for path in folder.iterdir():
            assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name

    def test_fingerprint_is_of_data_and_meaning(self, tmp_path, store, clips):
        other = write_store(tmp_path / "other", describe(), clips[:3])
        half = write_store(tmp_path / "half", describe("float16"), clips)
        same = write_store(tmp_path / "same", describe(), clips)
        assert len({store.fingerprint, other.fingerprint, half.fingerprint}) == 3
        assert same.fingerprint == store.fingerprint

    def test_one_name_for_two_clips_is_refused(self, tmp_path, clips):
        twin = make_clip("one", 1, 2, 9)
        with pytest.raises(
            StoreError, match=r"clip_id 'one': one from raw/one\.txt, one from raw/"
        ):
            write_store(tmp_path / "twins", describe(), [*clips, twin])

    def test_too_large_for_float16_is_a_bad_sample(self, tmp_path, clips):
        clips[0].joints[0, 0, 0, 0] = 1e6
        with (
            StoreWriter(tmp_path / "half", describe("float16")) as writer,
            pytest.raises(BadSampleError, match=r"raw/one\.txt: .*float16 can hold"),
        ):
            writer.add(clips[0])

    def test_joint_whose_confidence_vanishes_is_zeroed(self, tmp_path):
        clip = make_clip("faint", 1, 2, 5)
        clip.joints[0, 1, 2], clip.confidence[0, 1, 2] = 1.0, 1e-12
        write_store(tmp_path / "faint", describe(), [clip])
        read = ClipStore.open(tmp_path / "faint").clip(0)
        assert not read.confidence[0, 1, 2].any()
        assert not read.joints[0, 1, 2].any()

    def test_a_store_needs_a_clip(self, tmp_path):
        with pytest.raises(StoreError, match="No clip was written"):
            write_store(tmp_path / "empty", describe(), [])

    def test_unknown_type_of_coordinates(self):
        with pytest.raises(StoreError, match="'float64'; allowed: float32, float16"):
            describe("float64")


class TestRefusing:
    def test_missing_names_the_command(self, tmp_path):
        expected = (
            r"no clip store at .*nwucla\. Prepare it with: python scripts/prepare_dataset\.py "
            r"dataset=nwucla raw=<folder or archive as distributed> out=.*nwucla$"
        )
        with pytest.raises(StoreError, match=expected):
            ClipStore.open(tmp_path / "nwucla")

    def test_missing_in_the_usual_place_needs_no_out(self, tmp_path, monkeypatch):
        monkeypatch.setenv("HAR_STORE_DIR", str(tmp_path))
        with pytest.raises(StoreError, match=r"raw=<folder or archive as distributed>$"):
            ClipStore.open(tmp_path / "nwucla")

    def test_half_prepared_names_the_command_to_go_on(self, tmp_path):
        (tmp_path / "nwucla.partial").mkdir()
        plan = {"digest": "0", "command": "python scripts/prepare_dataset.py dataset=nwucla"}
        (tmp_path / "nwucla.partial" / "plan.json").write_text(json.dumps(plan))
        with pytest.raises(
            StoreError, match=r"has not finished.*prepare_dataset\.py dataset=nwucla"
        ):
            ClipStore.open(tmp_path / "nwucla")

    def test_shortened_file(self, folder):
        data = (folder / "joints.bin").read_bytes()
        (folder / "joints.bin").write_bytes(data[:-4])
        with pytest.raises(
            StoreError, match=r"joints\.bin is damaged: it has 1976 bytes.*1980.*force"
        ):
            ClipStore.open(folder)

    def test_missing_file(self, folder):
        (folder / "index.parquet").unlink()
        with pytest.raises(StoreError, match=r"index\.parquet is damaged: the file is missing"):
            ClipStore.open(folder)

    def test_changed_bytes_are_seen_with_verify(self, folder):
        data = bytearray((folder / "confidence.bin").read_bytes())
        data[3] ^= 1
        (folder / "confidence.bin").write_bytes(data)
        ClipStore.open(folder)
        with pytest.raises(StoreError, match=r"confidence\.bin is damaged: its SHA-256 is not"):
            ClipStore.open(folder, verify=True)

    @pytest.mark.parametrize("text", ["", "[]", '{"schema": 1}', '{"schema": 1, "files": {}}', "7"])
    def test_store_json_of_another_kind(self, folder, text):
        (folder / "store.json").write_text(text)
        with pytest.raises(StoreError, match=r"store\.json is damaged"):
            ClipStore.open(folder)

    @pytest.mark.parametrize(
        ("schema", "fix"), [(99, "a newer.*Update har"), (0, "another.*Prepare")]
    )
    def test_other_schema(self, folder, schema, fix):
        content = json.loads((folder / "store.json").read_text())
        (folder / "store.json").write_text(json.dumps({**content, "schema": schema}))
        with pytest.raises(StoreError, match=rf"{fix}.*prepare_dataset"):
            ClipStore.open(folder)


def mix(first, second, weight):
    """Mix one joint of two frames, each (coordinates, confidence), the slow way."""
    if weight == 0 or second[1] == 0:
        return first
    if first[1] == 0:
        return second
    return first[0] + weight * (second[0] - first[0]), min(first[1], second[1])


def gather_slowly(store, rows, positions, people):
    N, K, T = positions.shape
    joints = np.zeros((N, K, people, T, V, C), np.float32)
    confidence = np.zeros((N, K, people, T, V), np.float32)
    for n, k, t, v in np.ndindex(N, K, T, V):
        clip, at = store.clip(rows[n]), positions[n, k, t]
        low, high = int(np.floor(at)), int(np.ceil(at))
        for m in range(min(people, clip.record.person_count)):
            pair = [(clip.joints[m, f, v], clip.confidence[m, f, v]) for f in (low, high)]
            joints[n, k, m, t, v], confidence[n, k, m, t, v] = mix(*pair, np.float32(at - low))
    mask = (confidence > 0).any(axis=(3, 4))
    parts = (joints, confidence, mask)
    return tuple(part.reshape(N * K, *part.shape[2:]) for part in parts)


class TestGather:
    @pytest.mark.parametrize("people", [1, 2, 4])
    @pytest.mark.parametrize("whole", [True, False])
    def test_equals_a_plain_loop(self, store, people, whole):
        rng = np.random.default_rng(people)
        rows = np.array([3, 1, 2, 0, 1])
        last = store.index.frame_count[rows] - 1
        positions = rng.random((5, 2, 6)) * last[:, None, None]
        positions[:, :, 0] = last[:, None]
        positions = np.floor(positions) if whole else positions
        gathered = store.gather(rows, positions, people)
        for got, expected in zip(
            gathered, gather_slowly(store, rows, positions, people), strict=True
        ):
            np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-7)
            assert got.dtype == expected.dtype

    def test_views_of_a_clip_are_consecutive(self, store, clips):
        positions = np.array([[[0.0, 1.0], [5.0, 6.0]], [[2.0, 3.0], [10.0, 11.0]]])
        joints, _, _ = store.gather(np.array([0, 3]), positions, people=1)
        np.testing.assert_array_equal(joints[1, 0], clips[0].joints[0, 5:7])
        np.testing.assert_array_equal(joints[2, 0], clips[3].joints[0, 2:4])

    def test_joint_seen_in_one_frame_keeps_its_place(self, tmp_path):
        clip = make_clip("gap", 1, 2, 6)
        clip.confidence[:] = 1
        clip.confidence[0, :, 0] = (0.5, 0)
        clip.confidence[0, :, 1] = (0, 0.25)
        clip.confidence[0, :, 2] = 0
        clip.joints[clip.confidence == 0] = 0
        write_store(tmp_path / "gap", describe(), [clip])
        store = ClipStore.open(tmp_path / "gap")
        joints, confidence, mask = store.gather(np.array([0]), np.array([[[0.25]]]), people=1)
        np.testing.assert_array_equal(joints[0, 0, 0, 0], clip.joints[0, 0, 0])
        np.testing.assert_array_equal(joints[0, 0, 0, 1], clip.joints[0, 1, 1])
        np.testing.assert_array_equal(confidence[0, 0, 0], [0.5, 0.25, 0, 1, 1])
        assert not joints[0, 0, 0, 2].any()
        expected = 0.75 * clip.joints[0, 0, 3] + 0.25 * clip.joints[0, 1, 3]
        np.testing.assert_allclose(joints[0, 0, 0, 3], expected, rtol=1e-6)
        assert mask.all()

    def test_person_not_seen_in_the_frames_is_masked(self, tmp_path):
        clip = make_clip("leaves", 2, 4, 7)
        clip.confidence[1, 2:] = 0
        clip.confidence[1, :2] = 1
        clip.joints[clip.confidence == 0] = 0
        write_store(tmp_path / "leaves", describe(), [clip])
        store = ClipStore.open(tmp_path / "leaves")
        positions = np.array([[[0.0, 1.0], [2.0, 3.0]]])
        _, _, mask = store.gather(np.array([0]), positions, people=2)
        assert mask[0].all()
        assert not mask[1, 1]

    @pytest.mark.parametrize("outside", [-0.5, 6.5, np.nan])
    def test_position_outside_the_clip(self, store, outside):
        positions = np.array([[[0.0, 6.0]], [[outside, 1.0]]])
        with pytest.raises(ValueError, match=r"clip 1 must lie in \[0, 6\]"):
            store.gather(np.array([0, 0]), positions, people=1)

    def test_positions_of_another_shape(self, store):
        with pytest.raises(ValueError, match=r"\(N, K, T\) with N = 2, got \(3, 4\)"):
            store.gather(np.array([0, 1]), np.zeros((3, 4)), people=1)


@pytest.fixture
def timed(tmp_path, clips):
    """Return a store of the four clips, of which two have segments, and these clips."""

    def segment(name, start, end, label, person=None, **other):
        return Segment(name, "home", label, start / 25, end / 25, person, **other)

    clips[1].confidence[:] = 1
    one = (segment("one", 0, 5, 0), segment("one", 2, 7, 1, camera="9"))
    two = (
        segment("two", 1, 4, 0, person=0),
        segment("two", 1, 4, 1, person=2, subject="eve"),
        segment("two", 2, 4, 1),
        segment("two", 2, 4, 0),
    )
    clips[:2] = replace(clips[0], segments=one), replace(clips[1], segments=two)
    write_store(tmp_path / "timed", describe(), clips)
    return ClipStore.open(tmp_path / "timed", verify=True, unit="segment")


class TestSegments:
    def test_clips_come_back_with_them(self, timed, clips):
        store = ClipStore.open(timed.path)
        assert [store.clip(i).segments for i in range(4)] == [c.segments for c in clips]
        assert [store.record(i) for i in range(4)] == [c.record for c in clips]
        assert len(store) == 4

    def test_each_is_a_clip_of_its_own(self, timed, clips):
        assert len(timed) == 6
        assert list(timed.index.clip_id) == [
            "one@0-5",
            "one@2-7",
            "two@1-4#p0",
            "two@1-4#p2",
            "two@2-4",
            "two@2-4+2",
        ]
        one, two = clips[:2]
        expected = [one.joints[:, :5], one.joints[:, 2:7], two.joints[:1, 1:4]]
        expected += [two.joints[2:, 1:4], two.joints[:, 2:4], two.joints[:, 2:4]]
        for i, joints in enumerate(expected):
            clip = timed.clip(i)
            np.testing.assert_array_equal(clip.joints, joints)
            assert (clip.record.person_count, clip.record.frame_count) == joints.shape[:2]
            assert clip.segments == ()
        assert [r.label for r in timed.records] == [0, 1, 0, 1, 1, 0]
        assert [r.subject for r in timed.records] == ["P1", "P1", "P2", "eve", "P2", "P2"]
        assert [r.camera for r in timed.records] == ["2", "9", "2", "2", "2", "2"]
        assert {r.source for r in timed.records} == {"raw/one.txt", "raw/two.txt"}
        assert timed.record(0).conditions == {"distance_m": 3.5}

    def test_index_tells_where_they_are(self, timed):
        index = timed.index
        assert list(index.recording) == ["one"] * 2 + ["two"] * 4
        np.testing.assert_allclose(index.start_sec * 25, [0, 2, 1, 1, 2, 2])
        np.testing.assert_allclose(index.end_sec * 25, [5, 7, 4, 4, 4, 4])
        assert list(index.person) == [-1, -1, 0, 2, -1, -1]
        assert list(index.person_stride) == [7, 7, 4, 4, 4, 4]
        assert len(timed.segments(3)) == 4

    def test_whole_clips_have_the_same_columns(self, store):
        index = store.index
        assert list(index.recording) == list(index.clip_id)
        assert list(index.person_stride) == list(index.frame_count)
        assert list(index.end_sec) == [7 / 25, 4 / 25, 1 / 25, 12 / 25]
        assert set(index.person.tolist()) == {-1}
        assert store.segments(0) == ()

    def test_no_joint_is_copied(self, timed, clips):
        for i in range(len(timed)):
            for view, array in zip(timed.view(i), (timed.joints, timed.confidence), strict=True):
                assert np.shares_memory(view, array)
                assert not view.flags.writeable
        np.testing.assert_array_equal(timed.view(4)[0], clips[1].joints[:, 2:4])

    @pytest.mark.parametrize("people", [1, 2, 4])
    def test_gather_equals_a_plain_loop(self, timed, people):
        rng = np.random.default_rng(people)
        rows = np.array([5, 3, 1, 0, 2, 4])
        positions = rng.random((6, 2, 5)) * (timed.index.frame_count[rows] - 1)[:, None, None]
        gathered = timed.gather(rows, positions, people)
        for got, expected in zip(
            gathered, gather_slowly(timed, rows, positions, people), strict=True
        ):
            np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-7)

    def test_pickle_keeps_the_unit(self, timed):
        again = pickle.loads(pickle.dumps(timed))
        assert again.unit == "segment"
        assert list(again.index.clip_id) == list(timed.index.clip_id)

    def test_are_in_the_fingerprint(self, timed, tmp_path, clips):
        plain = [replace(clip, segments=()) for clip in clips]
        fewer = [replace(clips[0], segments=clips[0].segments[:1]), *clips[1:]]
        without = write_store(tmp_path / "without", describe(), plain)
        other = write_store(tmp_path / "other", describe(), fewer)
        same = write_store(tmp_path / "same", describe(), clips)
        assert len({timed.fingerprint, without.fingerprint, other.fingerprint}) == 3
        assert same.fingerprint == timed.fingerprint
        assert "segments.parquet" in timed.meta.files
        assert not (tmp_path / "without" / "segments.parquet").exists()

    def test_bad_ones_are_skipped_with_a_reason(self, tmp_path, clips):
        late = Segment("four", "home", 0, 0.4, 0.6)
        good = Segment("four", "home", 0, 0.0, 0.2)
        clips[3] = replace(clips[3], segments=(late, good))
        meta = write_store(tmp_path / "late", describe(), clips, [("raw/five.txt", "no frames")])
        assert meta.skipped_count == 2
        lines = (tmp_path / "late" / "skipped.csv").read_text().splitlines()
        assert lines[1] == "raw/five.txt,no frames"
        assert lines[2].startswith('raw/four.txt,"segment 1 of four is outside its recording')
        assert ClipStore.open(tmp_path / "late").clip(3).segments == (good,)

    def test_store_without_any(self, folder):
        with pytest.raises(StoreError, match=r"home has no timed segments: read it by unit=clip"):
            ClipStore.open(folder, unit="segment")
        with pytest.raises(StoreError, match=r"'segments'. Did you mean 'segment'\? Allowed: clip"):
            ClipStore.open(folder, unit="segments")

    def test_changed_table_is_seen(self, timed):
        path = timed.path / "segments.parquet"
        path.write_bytes(path.read_bytes()[:-1])
        with pytest.raises(StoreError, match=r"segments\.parquet is damaged"):
            ClipStore.open(timed.path)

    def test_index_past_the_arrays_is_refused(self, timed):
        timed.index.row_offset[0] = 32
        with pytest.raises(StoreError, match=r"'one@0-5' has rows up to 37.*store has 33"):
            timed.view(0)


def test_stores_without_segments_are_those_of_before(tmp_path):
    clip = make_clip("plain", 2, 3, 1)
    clip.joints[:] = np.arange(clip.joints.size).reshape(clip.joints.shape)
    clip.confidence[:] = 1
    meta = write_store(tmp_path / "plain", describe(), [clip])
    assert json.loads((tmp_path / "plain" / "store.json").read_text())["schema"] == 1
    assert sorted(meta.files) == ["confidence.bin", "index.parquet", "joints.bin", "skipped.csv"]
    # What the version before segments, which hashed arrays and index only, gave for this clip.
    assert meta.fingerprint == "4adf81171fa854248ebb46af5f675b20feab8350c202bb4edbabdf8b8c5a312f"


def test_opening_reads_no_data(folder, monkeypatch):
    def refuse(*_args, **_options):
        raise AssertionError("opening must not read data")

    monkeypatch.setattr("har.data.store.read_index", refuse)
    monkeypatch.setattr(np, "memmap", refuse)
    assert len(ClipStore.open(Path(folder))) == 4


def test_columns_of_the_index_are_read_when_they_are_asked_for(folder, clips, monkeypatch):
    read = []
    original = store_index.read_columns
    monkeypatch.setattr(
        store_index,
        "read_columns",
        lambda path, names: (read.extend(names), original(path, names))[1],
    )
    index = ClipStore.open(folder).index
    assert read == []
    assert index.label.tolist() == [clip.record.label for clip in clips]
    assert index.person_stride.tolist() == [clip.record.frame_count for clip in clips]
    assert sorted(read) == ["frame_count", "label", "person_count", "row_offset"]
    assert index.recording.tolist() == [clip.record.clip_id for clip in clips]
    assert read.count("clip_id") == 1
    assert index.clip_id is index.recording
    assert set(index.conditions) == {"distance_m", "yaw_deg"}
    assert replace(index, label=index.label + 1).subject.tolist() == index.subject.tolist()
    assert pickle.loads(pickle.dumps(index)).camera.tolist() == index.camera.tolist()
    with pytest.raises(AttributeError, match="no attribute 'colour'"):
        _ = index.colour


@pytest.mark.slow
def test_reading_a_store_imports_no_pandas(folder):
    work = (
        "import sys; from har.data.store import ClipStore; "
        f"store = ClipStore.open({str(folder)!r}); store.clip(0); store.index.subject; "
        "sys.exit('pandas' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", work], check=True)


def test_confidence_is_widened_exactly():
    every = np.arange(0x7C00, dtype=np.uint16).view(np.float16)  # all finite ones of no sign
    np.testing.assert_array_equal(store_gather.widen(every), every.astype(np.float32))
