"""Timed labels: frames of a segment, what is refused, labels per frame, and their preparation."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from har.data import prepare
from har.data.cards import load_card
from har.data.prepare import prepare_dataset
from har.data.prepare_command import main_prepare
from har.data.segments import (
    frame_labels,
    frame_range,
    labelled_stretches,
    segment_clip_ids,
    usable_segments,
)
from har.data.store import ClipStore
from har.samples import UNLABELLED, Clip, ClipRecord, Segment

FPS = 25.0
CARD = """
layout: coco17
unit: m
fps: 25
labels: [walk, sit down, fall]
adapter_options: {segments: segments.csv}
"""


def recording(people=2, frames=50, name="day"):
    record = ClipRecord(
        name, "home", UNLABELLED, frames, people, FPS, "coco17", subject="ann", source="day.npz"
    )
    joints = np.ones((people, frames, 17, 3), np.float32)
    return Clip(record, joints, np.ones(joints.shape[:3], np.float32))


def segment(start, end, label=0, person=None, **other):
    return Segment("day", "home", label, start, end, person, **other)


def with_segments(*segments, **other):
    clip = recording(**other)
    return Clip(clip.record, clip.joints, clip.confidence, segments)


class TestFrames:
    def test_nearest_frames_the_last_left_out(self):
        assert frame_range(segment(0.0, 1.0), FPS) == (0, 25)
        assert frame_range(segment(0.41, 0.79), FPS) == (10, 20)

    @pytest.mark.parametrize("fps", [7.5, 24000 / 1001, 29.97, 30.0, 60.0])
    def test_whole_frames_survive_the_way_through_seconds(self, fps):
        for frame in range(5000):
            assert frame_range(segment(frame / fps, (frame + 1) / fps), fps) == (frame, frame + 1)

    def test_names_are_unique(self):
        frames = [(0, 5), (0, 5), (0, 5), (0, 5), (2, 5)]
        names = segment_clip_ids(["a", "a", "a", "b", "a"], frames, [None, 1, None, None, None])
        assert names == ["a@0-5", "a@0-5#p1", "a@0-5+2", "b@0-5", "a@2-5"]


class TestUsable:
    def test_overlapping_ones_are(self):
        segments = (
            segment(0, 1),
            segment(0.5, 2, label=2),
            segment(0.5, 2, label=1),
            segment(0.5, 2, label=1, person=1),
            segment(0, 2, label=UNLABELLED),
        )
        assert usable_segments(with_segments(*segments), 3) == (segments, [])

    @pytest.mark.parametrize(
        ("bad", "reason"),
        [
            (segment(1, 1.01), "is shorter than one frame: it lasts from 1 to 1.01 s"),
            (segment(1, 0.5), "is shorter than one frame: it lasts from 1 to 0.5 s"),
            (
                segment(1, 3),
                "is outside its recording: it lasts from 1 to 3 s, the recording from 0 to 2 s "
                "(50 frames)",
            ),
            (segment(-1, 1), "is outside its recording: it lasts from -1 to 1 s"),
            (segment(9, 10), "is outside its recording"),
            (segment(0, float("nan")), "lasts from 0 to nan s"),
            (segment(0, float("inf")), "lasts from 0 to inf s"),
            (segment(0, 1, label=3), "has label 3, which is outside [0, 2]"),
            (segment(0, 1, person=2), "is of person 2; the recording has 2, from 0"),
            (segment(0, 1.001), "is given twice"),
            (Segment("night", "home", 0, 0, 1), "is of 'night' in 'home'"),
        ],
    )
    def test_bad_ones_leave_the_others(self, bad, reason):
        usable, problems = usable_segments(with_segments(segment(0, 1), bad, segment(1, 2)), 3)
        assert usable == (segment(0, 1), segment(1, 2))
        (problem,) = problems
        assert problem.source == "day.npz"
        assert problem.reason.startswith(f"segment 2 of day {reason}")

    def test_line_of_the_label_is_told(self):
        clip = with_segments(segment(0, 9, source="labels.csv:4"))
        assert usable_segments(clip, 3)[1][0].source == "labels.csv:4"

    def test_someone_must_be_seen(self):
        clip = with_segments(segment(0, 1, person=1), segment(0, 1, person=0), segment(0, 1))
        clip.confidence[1, :25] = 0
        usable, (problem,) = usable_segments(clip, 3)
        assert usable == clip.segments[1:]
        assert "shows no joint in any frame" in problem.reason


class TestLabelsOfFrames:
    def test_of_two_people(self):
        segments = [
            segment(0, 1, label=0),
            segment(0.4, 1.2, label=2, person=1),
            segment(0, 2, label=UNLABELLED),
        ]
        holds = frame_labels(segments, recording().record, 3)
        expected = np.zeros((2, 50, 3), bool)
        expected[:, :25, 0] = True
        expected[1, 10:30, 2] = True
        np.testing.assert_array_equal(holds, expected)

    def test_of_another_recording(self):
        with pytest.raises(ValueError, match="a segment of day is none of night"):
            frame_labels([segment(0, 1)], recording(name="night").record, 3)

    @given(arrays(bool, st.tuples(st.integers(1, 3), st.integers(1, 12), st.integers(1, 3))))
    def test_there_and_back(self, holds):
        record = recording(people=holds.shape[0], frames=holds.shape[1]).record
        segments = labelled_stretches(holds, record)
        np.testing.assert_array_equal(frame_labels(segments, record, holds.shape[2]), holds)
        assert all(s.end_sec > s.start_sec and s.subject == "ann" for s in segments)

    def test_of_no_one_person(self):
        holds = np.zeros((50, 3), bool)
        holds[5:10, 2] = holds[40:, 0] = True
        segments = labelled_stretches(holds, recording().record)
        assert [(s.label, s.start_sec, s.end_sec, s.person) for s in segments] == [
            (0, 1.6, 2.0, None),
            (2, 0.2, 0.4, None),
        ]
        np.testing.assert_array_equal(frame_labels(segments, recording().record, 3)[0], holds)


@pytest.fixture
def home(tmp_path):
    """Make 8 recordings of two people with a good segment each, and three bad ones in all."""
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "dataset.yaml").write_text(CARD)
    clips, rows = ["file,label,subject"], ["recording,start_sec,end_sec,label,person"]
    for i in range(8):
        joints = np.random.default_rng(i).normal(size=(2, 30 + i, 17, 3))
        np.savez(folder / f"r{i}.npz", joints=joints.astype(np.float32))
        clips.append(f"r{i}.npz,,s{i % 2}")
        rows.append(f"r{i},0.2,1,walk,{i % 2}")
    rows += ["r0,1,9,fall,", "r2,0.5,0.5,fall,", "r3,0,1,fall,5"]
    (folder / "clips.csv").write_text("\n".join(clips))
    (folder / "segments.csv").write_text("\n".join(rows))
    return folder


def prepared(home, out, **options):
    settings = {"workers": 1, "progress": False, "part_items": 3, **options}
    prepare_dataset(load_card(home), home, out, **settings)
    return {path.name: path.read_bytes() for path in out.iterdir()}


class TestPreparing:
    def test_bad_segments_are_listed_and_the_rest_kept(self, home, tmp_path):
        files = prepared(home, tmp_path / "store")
        assert list(csv.reader(files["skipped.csv"].decode().splitlines())) == [
            ["source", "reason"],
            [
                "segments.csv:10",
                "segment 2 of r0 is outside its recording: it lasts from 1 to 9 s, the recording "
                "from 0 to 1.2 s (30 frames)",
            ],
            [
                "segments.csv:11",
                "segment 2 of r2 is shorter than one frame: it lasts from 0.5 to 0.5 s",
            ],
            ["segments.csv:12", "r3.npz has no person 5; it has 0, 1"],
        ]
        store = ClipStore.open(tmp_path / "store", verify=True, unit="segment")
        assert (store.meta.clip_count, len(store)) == (8, 8)
        assert list(store.index.clip_id[:2]) == ["r0@5-25#p0", "r1@5-25#p1"]
        assert list(store.index.subject[:2]) == ["s0", "s1"]

    @pytest.mark.parametrize("how", [{"workers": 2}, {"part_items": 8}])
    def test_is_the_same_however_it_is_made(self, home, tmp_path, how):
        assert prepared(home, tmp_path / "one") == prepared(home, tmp_path / "two", **how)

    def test_stopped_preparation_goes_on_to_the_same_bytes(self, home, tmp_path, monkeypatch):
        whole = prepared(home, tmp_path / "whole")
        out = tmp_path / "stopped"
        with monkeypatch.context() as patch:
            patch.setattr(prepare, "_merge", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                prepared(home, out)
        (tmp_path / "stopped.partial" / "parts" / "part-000001" / "joints.bin").write_bytes(b"")
        read = []
        adapter = prepare.load_adapter(load_card(home), home)
        original = type(adapter).read
        monkeypatch.setattr(
            type(adapter), "read", lambda self, item: read.append(item) or original(self, item)
        )
        assert prepared(home, out) == whole
        assert read == ["r3.npz", "r4.npz", "r5.npz"]

    def test_new_labels_prepare_anew(self, home, tmp_path):
        prepared(home, tmp_path / "store")
        before = ClipStore.open(tmp_path / "store").fingerprint
        table = home / "segments.csv"
        table.write_text(table.read_text().replace("r7,0.2,1,walk", "r7,0.2,1,sit down"))
        prepared(home, tmp_path / "store")
        after = ClipStore.open(tmp_path / "store", unit="segment")
        assert after.fingerprint != before
        assert after.labels[after.index.label[7]] == "sit down"


def test_example_of_the_documentation(tmp_path, monkeypatch, capsys):
    """Run what the page says, block by block, and compare what is printed with its comments."""
    page = (Path(__file__).parents[2] / "docs" / "add-a-dataset.md").read_text()
    section = page.split("### Long recordings with timed labels")[1].split("\n## ")[0]
    monkeypatch.chdir(tmp_path)
    Path("home").mkdir()
    files = re.findall(r"^`(home/[^`]+)`[^\n]*\n\n```\w*\n(.*?)```", section, re.M | re.S)
    for name, text in files:
        Path(name).write_text(text)
    (command,) = re.findall(r"^python scripts/prepare_dataset.py (.*)$", section, re.M)
    make_poses, read_store = re.findall(r"```python\n(.*?)```", section, re.S)
    exec(make_poses, {})
    assert main_prepare(command.split()) == 0
    assert "2 clips, 1 skipped" in capsys.readouterr().out
    exec(read_store, {})
    assert capsys.readouterr().out.splitlines() == re.findall(r"^# (.*)$", read_store, re.M)
    assert "segments.csv:6" in Path("store/home/skipped.csv").read_text()
    assert [name for name, _ in files] == [
        "home/dataset.yaml",
        "home/clips.csv",
        "home/segments.csv",
    ]
