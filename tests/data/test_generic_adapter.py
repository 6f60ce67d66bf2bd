import pickle

import numpy as np
import pytest

from har.data.adapters.generic import Adapter
from har.data.cards import load_card
from har.errors import BadSampleError, CardError, HarError
from har.samples import UNLABELLED, Segment
from har.skeleton.layout import load_layout

CARD = """
layout: coco17
unit: {unit}
fps: 25
labels: [walk, sit down, fall]
protocols:
  by_person: {{train: {{subject: [ann]}}, test: {{subject: [bob]}}, disjoint: [subject]}}
"""
CLIPS = """\
file,label,subject,camera,condition.distance_m
poses/a.csv,sit down,ann,door,2.5
poses/b.npz,,bob,door,
"""
JOINTS = load_layout("coco17").joints


def write_csv(path, joints, confidence=None, rows=None, people=True):
    """Write joints (M, T, V, C); ``rows`` picks (person, frame) pairs."""
    M, T, _, C = joints.shape
    endings = list("xyz"[:C]) + (["c"] if confidence is not None else [])
    header = ["frame", *(["person"] if people else [])]
    header += [f"{joint}_{ending}" for joint in JOINTS for ending in endings]
    lines = [",".join(header)]
    for m, t in rows or [(m, t) for t in range(T) for m in range(M)]:
        values = joints[m, t]
        if confidence is not None:
            values = np.concatenate([values, confidence[m, t, :, None]], axis=-1)
        start = [t + 100, *([m] if people else [])]
        lines.append(",".join(str(v) for v in [*start, *values.ravel().tolist()]))
    path.write_text("\n".join(lines))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "poses").mkdir()
    (tmp_path / "clips.csv").write_text(CLIPS)
    return tmp_path


@pytest.fixture
def adapter(folder):
    def adapter(unit="m"):
        (folder / "dataset.yaml").write_text(CARD.format(unit=unit))
        return Adapter(load_card(folder), folder)

    return adapter


@pytest.fixture
def joints():
    return np.random.default_rng(0).uniform(1, 2, (2, 5, 17, 3)).astype(np.float32)


def test_csv(adapter, folder, joints):
    write_csv(folder / "poses" / "a.csv", joints)
    reader = adapter()
    assert reader.items() == ["poses/a.csv", "poses/b.npz"]
    (clip,) = reader.read("poses/a.csv")
    record = clip.record
    assert (record.clip_id, record.label, record.fps) == ("poses/a", 1, 25)
    assert (record.subject, record.camera) == ("ann", "door")
    assert record.conditions == {"distance_m": 2.5}
    np.testing.assert_array_equal(clip.joints, joints)
    assert (clip.confidence == 1).all()


def test_csv_with_confidence_and_absent_people(adapter, folder, joints):
    confidence = np.full(joints.shape[:3], 0.5, np.float32)
    confidence[0, 0, 0] = 0
    rows = [(0, 0), (0, 4), (1, 2)]
    write_csv(folder / "poses" / "a.csv", joints, confidence, rows)
    (clip,) = adapter().read("poses/a.csv")
    assert clip.joints.shape == (2, 5, 17, 3)
    assert clip.confidence.any(axis=2).tolist() == [
        [True, False, False, False, True],
        [False, False, True, False, False],
    ]
    assert not clip.joints[0, 0, 0].any()
    np.testing.assert_array_equal(clip.joints[1, 2], joints[1, 2])


def test_2d_csv_of_one_person(adapter, folder, joints):
    write_csv(folder / "poses" / "a.csv", joints[:1, :, :, :2], people=False)
    (clip,) = adapter("px").read("poses/a.csv")
    np.testing.assert_array_equal(clip.joints, joints[:1, :, :, :2])


def test_npz(adapter, folder, joints):
    confidence = np.ones(joints.shape[:3])
    confidence[1, 2:] = 0
    np.savez(folder / "poses" / "b.npz", joints=joints, confidence=confidence)
    (clip,) = adapter().read("poses/b.npz")
    assert (clip.record.label, clip.record.conditions) == (UNLABELLED, {})
    np.testing.assert_array_equal(clip.joints[0], joints[0])
    assert not clip.joints[1, 2:].any()
    np.savez(folder / "poses" / "b.npz", joints=joints[0])
    assert adapter().read("poses/b.npz")[0].joints.shape == (1, 5, 17, 3)


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"poses": np.ones(3)}, "has no array 'joints'"),
        ({"joints": np.ones((2, 5, 25, 3))}, r"joints are \(2, 5, 25, 3\).*coco17 needs"),
        ({"joints": np.ones((17, 3))}, r"joints have shape \(17, 3\), not .people, frames, V, C"),
        ({"joints": np.full((1, 5, 17, 3), np.nan)}, "not a finite number .first in frame 0"),
        ({"joints": np.ones((0, 5, 17, 3))}, "5 frames of 0 people"),
        ({"joints": np.array([{"a": 1}], dtype=object)}, "array 'joints' .* holds Python objects"),
        ({"joints": np.array(["a"])}, "an array of <U1, not of numbers"),
        (
            {"joints": np.ones((1, 5, 17, 3)), "confidence": np.ones((5, 17))},
            "confidence has shape",
        ),
        ({"joints": np.ones((1, 5, 17, 3)), "confidence": np.full((1, 5, 17), 2)}, "outside .0, 1"),
    ],
)
def test_bad_npz(adapter, folder, arrays, reason):
    np.savez(folder / "poses" / "b.npz", **arrays)
    with pytest.raises(BadSampleError, match=f"poses/b.npz: .*{reason}"):
        adapter().read("poses/b.npz")


@pytest.mark.parametrize("damage", ["empty", "text", "npy", "short", "bytes"])
def test_damaged_npz_is_told_in_our_words(adapter, folder, joints, damage):
    path = folder / "poses" / "b.npz"
    np.savez(path, joints=joints)
    whole = path.read_bytes()
    if damage == "npy":
        with path.open("wb") as file:
            np.save(file, joints)
    else:
        changed = bytearray(whole)
        changed[len(whole) // 2] ^= 255
        broken = {"empty": b"", "text": b"no poses", "short": whole[: len(whole) // 2]}
        path.write_bytes(broken.get(damage, bytes(changed)))
    with pytest.raises(BadSampleError, match=r"b.npz: not a readable NPZ.*numpy.savez") as caught:
        adapter().read("poses/b.npz")
    assert "pickle" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("nose_x", "nos_x", r"unknown columns nos_x. Did you mean 'nose_x'\?; missing.* nose_x"),
        ("frame,", "time,", "unknown columns time.*missing columns frame"),
        ("\n100,", "\n100.5,", "column frame has values that are no whole numbers"),
        ("\n101,0", "\n100,0", "more than one row for the same frame and person"),
        ("\n101,", "\n9000000,", "its frame numbers span"),
        ("\n101,", "\n101,7,", "not a table of numbers"),
        ("\n101,", "\nx,", "not a table of numbers"),
    ],
)
def test_bad_csv(adapter, folder, joints, old, new, reason):
    path = folder / "poses" / "a.csv"
    write_csv(path, joints)
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(BadSampleError, match=f"poses/a.csv: .*{reason}"):
        adapter().read("poses/a.csv")


def test_csv_of_another_layout_or_dimension(adapter, folder, joints):
    write_csv(folder / "poses" / "a.csv", joints[..., :2])
    with pytest.raises(BadSampleError, match=r"missing columns nose_z, .* and 12 more"):
        adapter().read("poses/a.csv")


@pytest.mark.parametrize("text", ["", "frame,person\n"])
def test_csv_without_frames(adapter, folder, text):
    (folder / "poses" / "a.csv").write_text(text)
    with pytest.raises(BadSampleError, match="has no frames"):
        adapter().read("poses/a.csv")


def test_missing_and_unknown_files(adapter, folder):
    with pytest.raises(BadSampleError, match=r"named in clips.csv, but there is no such file"):
        adapter().read("poses/b.npz")
    (folder / "clips.csv").write_text("file,label\npose.json,walk\n")
    (folder / "pose.json").write_text("{}")
    with pytest.raises(BadSampleError, match=r"ends in '.json'; pose files end in .csv or .npz"):
        adapter().read("pose.json")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("file,label\na.csv,sitdown\n", r"line 2: .*unknown label 'sitdown'. Did you mean 'sit d"),
        ("file,label\na.csv,jump\n", "unknown label 'jump'. Allowed: walk, sit down, fall"),
        ("file,label\na.csv,walk\na.csv,fall\n", "line 3: the file 'a.csv' is named twice"),
        ("file,label\na.csv\n", "line 2: has not one value for each column"),
        ("file,label,fps\na.csv,walk,fast\n", "line 2: fps 'fast' is no number"),
        ("file,lable\na.csv,walk\n", "missing column label; it has file, lable"),
        ("file,label,subjct\n", "unknown column 'subjct'. Did you mean 'subject'"),
    ],
)
def test_wrong_tables(adapter, folder, text, reason):
    (folder / "clips.csv").write_text(text)
    with pytest.raises(CardError, match=reason):
        adapter().items()


def test_no_table(adapter, folder):
    reader = adapter()
    (folder / "clips.csv").unlink()
    with pytest.raises(HarError, match=r"clips.csv: no such table of clips; columns: file, label"):
        reader.items()
    with pytest.raises(HarError, match=r"give the folder with clips.csv as raw data"):
        Adapter(reader.card, None).items()


@pytest.fixture
def timed(adapter, folder, joints):
    """Return a reader of two people, 3 and 7, with the given table of segments."""

    def timed(rows, header="recording,start_sec,end_sec,label,person,subject"):
        write_csv(folder / "poses" / "a.csv", joints)
        path = folder / "poses" / "a.csv"
        lines = path.read_text().splitlines()
        people = [line.replace(",1,", ",7,", 1).replace(",0,", ",3,", 1) for line in lines[1:]]
        path.write_text("\n".join([lines[0], *people]))
        (folder / "segments.csv").write_text("\n".join([header, *rows]) + "\n")
        return Adapter(adapter().card, folder, segments="segments.csv")

    return timed


class TestSegments:
    def test_belong_to_their_recording_and_person(self, timed):
        reader = timed(
            ["poses/a,0,0.1,walk,,", "poses/a,0.04,0.2,fall,7,eve", "poses/b,0,1,walk,,"]
        )
        (clip,) = reader.read("poses/a.csv")
        assert clip.segments == (
            Segment("poses/a", reader.card.name, 0, 0, 0.1),
            Segment("poses/a", reader.card.name, 2, 0.04, 0.2, person=1, subject="eve"),
        )
        assert [s.source for s in clip.segments] == ["segments.csv:2", "segments.csv:3"]
        assert pickle.loads(pickle.dumps(reader)).read("poses/a.csv")[0].segments == clip.segments

    def test_person_whom_nobody_sees(self, timed):
        reader = timed(["poses/a,0,0.1,walk,1,", "poses/a,0,0.1,fall,3,"])
        clip, problem = reader.read("poses/a.csv")
        assert str(problem) == "segments.csv:2: poses/a.csv has no person 1; it has 3, 7"
        assert [s.person for s in clip.segments] == [0]

    def test_are_not_looked_for_unless_named(self, timed, folder):
        reader = timed(["poses/a,0,0.1,walk,,"])
        assert Adapter(reader.card, folder).read("poses/a.csv")[0].segments == ()

    def test_of_everybody_need_no_column(self, timed):
        reader = timed(["poses/a,0,0.1,walk"], "recording,start_sec,end_sec,label")
        assert reader.read("poses/a.csv")[0].segments[0].person is None

    @pytest.mark.parametrize(
        ("row", "reason"),
        [
            ("poses/c,0,1,walk,,", r"segments.csv:2: clips.csv has no clip_id 'poses/c'. Did you"),
            ("poses/a,0,1,wlk,,", r"line 2: .*unknown label 'wlk'. Did you mean 'walk'"),
            ("poses/a,-1,1,walk,,", r"line 2: start_sec -1 is not a number of 0 or more"),
            ("poses/a,0,x,walk,,", r"line 2: end_sec 'x' is not a number"),
            ("poses/a,0,1,walk,ann,", r"line 2: person 'ann' is no whole number"),
        ],
    )
    def test_wrong_rows(self, timed, row, reason):
        with pytest.raises(CardError, match=reason):
            timed([row]).items()

    def test_wrong_columns(self, timed, folder):
        with pytest.raises(CardError, match=r"segments.csv is no table .* no column label"):
            timed(["poses/a,0,1"], "recording,start_sec,end_sec").items()
        with pytest.raises(CardError, match=r"unknown column 'persn'. Did you mean 'person'"):
            timed(["poses/a,0,1,walk,0"], "recording,start_sec,end_sec,label,persn").items()
        reader = timed([])
        (folder / "segments.csv").unlink()
        with pytest.raises(CardError, match=r"no readable table of segments .*columns: recording"):
            reader.items()
