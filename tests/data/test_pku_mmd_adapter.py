"""PKU-MMD: recordings and label files of their form, made here."""

import numpy as np
import pytest

from har.data.adapters.pku_mmd import Adapter
from har.data.cards import load_card
from har.errors import BadSampleError, ConfigError, HarError
from har.samples import UNLABELLED

ITEM = "skeleton/0002-L.txt"


@pytest.fixture
def adapter(tmp_path):
    return Adapter(load_card("pku_mmd"), tmp_path, unit="clip")


@pytest.fixture
def whole(tmp_path):
    return Adapter(load_card("pku_mmd"), tmp_path)


@pytest.fixture
def write(tmp_path):
    def write(labels, joints=None, name="0002-L", folder="skeleton"):
        if joints is None:
            joints = np.random.default_rng(0).normal(size=(40, 2, 25, 3)).astype(np.float32)
            joints[:20, 1] = 0
        for part in (folder, "label"):
            (tmp_path / part).mkdir(exist_ok=True)
        lines = [" ".join(map(repr, frame.ravel().tolist())) for frame in joints]
        (tmp_path / folder / f"{name}.txt").write_text("\n".join(lines) + "\n")
        (tmp_path / "label" / f"{name}.txt").write_text(labels)
        return joints

    return write


def test_clips_of_a_recording(adapter, write):
    joints = write("8,0,15,2\r\n14,15,40,1\r\n")
    assert adapter.items() == [ITEM]
    first, second = adapter.read(ITEM)
    assert [first.record.clip_id, second.record.clip_id] == ["0002-L_01_A08", "0002-L_02_A14"]
    assert (first.record.label, second.record.label) == (7, 13)
    assert (first.record.camera, first.record.setup, first.record.subject) == ("L", "0002", "")
    assert first.joints.shape == (1, 15, 25, 3)
    assert second.joints.shape == (2, 25, 25, 3)
    np.testing.assert_array_equal(first.joints[0], joints[:15, 0])
    np.testing.assert_array_equal(second.joints, joints[15:].swapaxes(0, 1))
    assert not second.confidence[1, :5].any()
    (one, two) = adapter.segments(ITEM)
    assert (one.start_sec, one.end_sec, two.end_sec) == (0, 0.5, 40 / 30)


def test_whole_recording(whole, write):
    joints = write("8,0,15,2\n14,10,40,1\n")
    (clip,) = whole.read(ITEM)
    record = clip.record
    assert (record.clip_id, record.label, record.source) == ("0002-L", UNLABELLED, ITEM)
    assert (record.camera, record.setup, record.person_count) == ("L", "0002", 2)
    np.testing.assert_array_equal(clip.joints, joints.swapaxes(0, 1))
    assert [(s.label, s.start_sec, s.person) for s in clip.segments] == [
        (7, 0, None),
        (13, 10 / 30, None),
    ]
    assert {s.recording for s in clip.segments} == {"0002-L"}
    joints[:, 1] = 0
    write("8,0,15,2\n", joints)
    assert whole.read(ITEM)[0].joints.shape == (1, 40, 25, 3)


def test_bad_labels_are_told_beside_the_whole_recording(whole, write):
    write("52,0,5,1\n8,0,5,1\n8,5,5,1\n8,30,41,1\n")
    clip, *problems = whole.read(ITEM)
    assert [str(problem) for problem in problems] == [
        "label/0002-L.txt:1: label '52' is not a number of 1 to 51",
        "label/0002-L.txt:3: end 5 is not after start 5",
    ]
    assert [s.source for s in clip.segments] == ["label/0002-L.txt:2", "label/0002-L.txt:4"]
    write("52,0,5,1\n")
    with pytest.raises(BadSampleError, match=r"its labels cannot be used: label/0002-L.txt:1: "):
        whole.read(ITEM)


def test_unit(whole):
    with pytest.raises(ConfigError, match=r"unit is 'clips'. Did you mean 'clip'\? Allowed: rec"):
        Adapter(whole.card, None, unit="clips")


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ("52,0,5,1\n", "label/0002-L.txt:1: label '52' is not a number of 1 to 51"),
        ("8,0,5,1\n8,5,5,1\n", "label/0002-L.txt:2: end 5 is not after start 5"),
        ("8,0,5\n", "label/0002-L.txt:1: '8,0,5' is not action,start,end,confidence"),
        ("8,x,5,1\n", "frame 'x' is not a number"),
        ("\n", "label/0002-L.txt has no labels"),
        ("8,0,41,1\n", "label 1 ends at frame 41 of 40"),
    ],
)
def test_bad_labels(adapter, write, labels, reason):
    write(labels)
    with pytest.raises(BadSampleError, match=reason):
        adapter.read(ITEM)


def test_bad_skeletons(adapter, write, tmp_path):
    write("8,0,5,1\n")
    path = tmp_path / ITEM
    good = path.read_text()
    for content, reason in (
        ("", "has no frames"),
        (good.rstrip()[:-30], "numbers in 40 lines, not 150 a line"),
        (good.replace("\n", " ", 1), "has 6000 numbers in 39 lines"),
        ("x" + good, "not a table of numbers"),
    ):
        path.write_text(content)
        with pytest.raises(BadSampleError, match=reason):
            adapter.read(ITEM)


def test_folders_and_names(adapter, write, tmp_path):
    write("8,0,5,1\n", folder="Skeleton_v2", name="A01N01-R")
    with pytest.raises(HarError, match=r"no skeleton file .* name the folder with adapter.skel"):
        adapter.items()
    named = Adapter(adapter.card, tmp_path, skeletons="Skeleton_v2", unit="clip")
    assert named.items() == ["Skeleton_v2/A01N01-R.txt"]
    assert named.read("Skeleton_v2/A01N01-R.txt")[0].record.camera == "R"
    (tmp_path / "label" / "A01N01-R.txt").unlink()
    with pytest.raises(BadSampleError, match=r"label/A01N01-R.txt: cannot be read"):
        named.read("Skeleton_v2/A01N01-R.txt")
