"""MediaPipe skeletons of UP-Fall, in archives and loose, with the odd names that occur."""

import pickle
import zipfile
from collections import Counter

import numpy as np
import pytest

from har.data.adapters.upfall_mediapipe33 import Adapter
from har.data.cards import load_card
from har.data.formats.mediapipe33 import COLUMNS
from har.data.splits import make_split
from har.errors import BadSampleError, HarError


def table(onset=30, frames=100, label="LABEL", columns=COLUMNS):
    values = np.random.default_rng(0).normal(size=(frames, len(columns)))
    labels = (np.arange(frames) >= onset).astype(int)
    rows = [
        ",".join([*map(repr, row.tolist()), str(y)]) for row, y in zip(values, labels, strict=True)
    ]
    return "\n".join([",".join([*columns, label]), *rows]) + "\n", values


@pytest.fixture
def adapter(tmp_path):
    return Adapter(load_card("upfall_mediapipe33"), tmp_path)


def test_archives_and_loose_tables(adapter, tmp_path):
    content, values = table()
    with zipfile.ZipFile(tmp_path / "SUBJECT2.zip", "w") as archive:
        archive.writestr("C1S10A1T2.csv", content)
        archive.writestr("readme.txt", "nothing")
    (tmp_path / "C2S3A5T3.csv").write_text(content)
    assert adapter.items() == ["C2S3A5T3.csv", "SUBJECT2.zip::C1S10A1T2.csv"]
    (clip,) = pickle.loads(pickle.dumps(adapter)).read("SUBJECT2.zip::C1S10A1T2.csv")
    record = clip.record
    assert (record.clip_id, record.label, record.layout) == ("C1S10A1T2", 0, "mediapipe33")
    assert (record.subject, record.camera, record.replication) == ("10", "1", "2")
    assert clip.joints.shape == (1, 100, 33, 3)
    np.testing.assert_array_equal(clip.joints[0, 4, 7], values[4, 21:24].astype(np.float32))
    assert clip.confidence.all()


def test_segment_from_the_onset(adapter, tmp_path):
    (tmp_path / "C2S3A5T3.csv").write_text(table(onset=36)[0])
    (segment,) = adapter.segments("C2S3A5T3.csv")
    assert (segment.start_sec, segment.end_sec) == (36 / 18, 100 / 18)
    assert (segment.label, segment.subject, segment.recording) == (4, "3", "C2S3A5T3")
    (tmp_path / "C2S3A5T3.csv").write_text(table(onset=100)[0])
    assert adapter.segments("C2S3A5T3.csv") == []


@pytest.mark.parametrize(
    ("name", "camera"),
    [("C2S1_A1_T2", "2"), ("3S3A4T1", ""), ("CS3A4T2", ""), ("C1S3A1T1", "1")],
)
@pytest.mark.parametrize("label", ["LABEL", "LLABEL", "0"])
def test_odd_names(adapter, tmp_path, name, camera, label):
    (tmp_path / f"{name}.csv").write_text(table(label=label)[0])
    (clip,) = adapter.read(f"{name}.csv")
    assert clip.record.camera == camera


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "its columns are not Joint1_X to Joint33_Z and LABEL"),
        (table(label="CLASS")[0], "but end in 'CLASS' after 99 others"),
        (table(columns=COLUMNS[:-3])[0], "but end in 'LABEL' after 96 others"),
        (table(frames=0)[0], "has no frames"),
        (table()[0].replace(",1\n", ",2\n"), "a label other than 0 and 1"),
        (table()[0].replace(",1\n", "\n"), "not a table of numbers"),
        (table()[0].replace(",1\n", ",x\n"), "not a table of numbers"),
    ],
)
def test_bad_tables(adapter, tmp_path, content, reason):
    (tmp_path / "C1S1A1T1.csv").write_text(content)
    with pytest.raises(BadSampleError, match=reason):
        adapter.read("C1S1A1T1.csv")


def test_bad_names_and_archives(adapter, tmp_path):
    with pytest.raises(HarError, match=r"no \* file below"):
        adapter.items()
    for name, reason in (
        ("S1A1T1.csv", "its name is not of the form CcSsAaTt.csv"),
        ("C1S1A6T1.csv", "activity A6 is not one of A1 to A5"),
    ):
        (tmp_path / name).write_text(table()[0])
        with pytest.raises(BadSampleError, match=reason):
            adapter.read(name)
    with pytest.raises(BadSampleError, match=r"a.zip::C1S1A1T1.csv: cannot be read"):
        adapter.read("a.zip::C1S1A1T1.csv")
    (tmp_path / "a.zip").write_bytes(b"PK")
    with pytest.raises(HarError, match=r"a.zip cannot be opened"):
        adapter.items()


def test_all_real_clips(real_data):
    card = load_card("upfall_mediapipe33")
    adapter = Adapter(card, real_data / "upfall_mediapipe33")
    items = adapter.items()
    clips = [clip for item in items for clip in adapter.read(item)]
    assert len(clips) == card.size["clips"] == 82
    assert {clip.joints.shape for clip in clips} == {(1, 100, 33, 3)}
    records = [clip.record for clip in clips]
    assert len({record.clip_id for record in records}) == 82
    assert {record.label for record in records} == set(range(5))
    per_subject = Counter(record.subject for record in records)
    assert per_subject == {"1": 20, "10": 22, "3": 19, "4": 5, "7": 16}
    assert sorted(record.clip_id for record in records if not record.camera) == [
        "3S3A4T1",
        "CS3A4T2",
    ]
    segments = [segment for item in items for segment in adapter.segments(item)]
    assert len(segments) == 82
    onsets = [round(segment.start_sec * card.fps) for segment in segments]
    assert (min(onsets), max(onsets)) == (17, 76)
    assert all(segment.end_sec == 100 / card.fps for segment in segments)
    columns = ("clip_id", "subject", "camera", "setup", "replication")
    index = {name: np.array([getattr(record, name) for record in records]) for name in columns}
    split = make_split(index, card.protocol("leave_one_subject_out"), fold="10")
    assert (len(split.train), len(split.test)) == (60, 22)
