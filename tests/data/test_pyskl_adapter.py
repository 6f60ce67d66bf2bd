import os
import pickle

import numpy as np
import pytest

from har.data.adapters.pyskl import Adapter, pyskl_splits
from har.data.cards import load_card
from har.data.safe_pickle import UnreadablePickleError, UnsafePickleError
from har.data.splits import make_split
from har.errors import BadSampleError, CardError, HarError

NTU_NAMES = r"S(?P<setup>\d+)C(?P<camera>\d+)P(?P<subject>\d+)R(?P<replication>\d+)"
CARD = """
name: mine
layout: {layout}
unit: {unit}
fps: 30
labels: [walk, sit, fall]
adapter: pyskl
protocols:
  xsub: {{lists: {{train: "poses.pkl::xsub_train", test: "poses.pkl::xsub_val"}}}}
"""


def annotation(name="S001C002P003R001A002", frames=6, dims=2, joints=17, **more):
    rng = np.random.default_rng(0)
    entry = {
        "frame_dir": name,
        "total_frames": frames,
        "label": 1,
        "keypoint": rng.uniform(1, 9, (2, frames, joints, dims)).astype(np.float16),
    }
    if dims == 2:
        entry["keypoint_score"] = rng.uniform(0.1, 1, (2, frames, joints)).astype(np.float16)
        entry["img_shape"] = entry["original_shape"] = (1080, 1920)
    return entry | more


@pytest.fixture
def card(tmp_path):
    def card(layout="coco17", unit="px"):
        (tmp_path / "dataset.yaml").write_text(CARD.format(layout=layout, unit=unit))
        return load_card(tmp_path)

    return card


@pytest.fixture
def write(tmp_path):
    def write(*annotations, name="poses.pkl", split=None):
        content = {"split": split or {}, "annotations": list(annotations)}
        (tmp_path / name).write_bytes(pickle.dumps(content))
        return tmp_path / name

    return write


@pytest.fixture
def adapter(card, tmp_path):
    return Adapter(card(), tmp_path, name_pattern=NTU_NAMES)


def test_2d(adapter, write):
    entry = annotation()
    entry["keypoint_score"][0, 0, 0] = 0
    entry["keypoint_score"][0, 0, 1] = 1.25
    write(entry)
    assert adapter.items() == ["S001C002P003R001A002"]
    (clip,) = adapter.read("S001C002P003R001A002")
    record = clip.record
    assert (record.subject, record.camera, record.setup, record.replication) == ("3", "2", "1", "1")
    assert (record.dataset, record.label, record.layout) == ("mine", 1, "coco17")
    assert clip.joints.shape == (2, 6, 17, 2)
    assert clip.joints.dtype == clip.confidence.dtype == np.float32
    assert type(clip.joints) is type(clip.confidence) is np.ndarray
    np.testing.assert_array_equal(clip.joints[1], entry["keypoint"][1].astype(np.float32))
    assert clip.confidence[0, 0, :2].tolist() == [0, 1]
    assert not clip.joints[0, 0, 0].any()


def test_3d_with_an_absent_person(card, tmp_path, write):
    entry = annotation(dims=3, joints=25)
    entry["keypoint"][1, 3:] = 0
    write(entry)
    (clip,) = Adapter(card("ntu25", "m"), tmp_path).read(entry["frame_dir"])
    assert clip.joints.shape == (2, 6, 25, 3)
    assert (clip.confidence[0] == 1).all()
    assert clip.confidence[1].any(axis=1).tolist() == [True] * 3 + [False] * 3
    assert clip.record.subject == ""


def test_the_pickle_itself_and_a_bare_list(card, tmp_path):
    path = tmp_path / "list.pkl"
    path.write_bytes(pickle.dumps([annotation("b"), annotation("a")]))
    adapter = Adapter(card(), path)
    assert adapter.items() == ["a", "b"]
    assert pickle.loads(pickle.dumps(adapter))._loaded is None


def test_which_pickle(card, tmp_path, write):
    write(annotation("a"))
    write(annotation("b"), name="more.pkl")
    with pytest.raises(HarError, match=r"several pickles .*more.pkl, poses.pkl; name one"):
        Adapter(card(), tmp_path).items()
    assert Adapter(card(), tmp_path, file="more.pkl").items() == ["b"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"total_frames": 7}, "total_frames is 7, keypoint has 6"),
        ({"label": 3}, r"label 3 is outside \[0, 2\]"),
        ({"label": "sit"}, "label 'sit' is not an integer"),
        ({"keypoint": np.ones((6, 17, 2))}, r"keypoint is float64 of shape \(6, 17, 2\), not 4"),
        ({"keypoint": np.ones((2, 6, 18, 2))}, r"keypoint_score has shape \(2, 6, 17\)"),
        ({"keypoint": np.full((2, 6, 17, 2), np.nan)}, "not a finite number"),
        ({"keypoint": np.ones((2, 6, 17, 3))}, r"joints are \(2, 6, 17, 3\), not .* 17, 2\)"),
    ],
)
def test_bad_annotations(adapter, write, change, reason):
    entry = annotation() | change
    write(entry)
    with pytest.raises(BadSampleError, match=reason):
        adapter.read(entry["frame_dir"])


def test_wrong_joint_count_names_the_layout(adapter, write):
    write(annotation(joints=18))
    with pytest.raises(BadSampleError, match=r"joints are \(2, 6, 18, 2\), not .* coco17 needs"):
        adapter.read("S001C002P003R001A002")


def test_kinetics_variant(adapter, write):
    entry = annotation(raw_file="x.pkl")
    del entry["keypoint"]
    write(entry)
    with pytest.raises(BadSampleError, match=r"has no keypoint, only frame_dir, .*other files"):
        adapter.read("S001C002P003R001A002")


def test_names_and_patterns(adapter, card, write):
    write(annotation("clip_1"))
    with pytest.raises(BadSampleError, match="clip_1: its name does not match name_pattern"):
        adapter.read("clip_1")
    with pytest.raises(CardError, match="must have named groups among subject, camera"):
        Adapter(card(), None, name_pattern=r"P(?P<person>\d+)")
    with pytest.raises(CardError, match=r"name_pattern '\(': "):
        Adapter(card(), None, name_pattern="(")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"a": 1}, "holds no annotations; expected a dictionary with the keys"),
        ([{"keypoint": 1}], "annotation 0 has no frame_dir"),
        ([annotation("a"), annotation("a")], "the same frame_dir in more than one annotation: a"),
        ({"annotations": [], "split": ["a"]}, "'split' is no dictionary"),
    ],
)
def test_wrong_pickles(adapter, tmp_path, content, reason):
    (tmp_path / "poses.pkl").write_bytes(pickle.dumps(content))
    with pytest.raises(UnreadablePickleError, match=reason):
        adapter.items()


def test_unsafe_pickle(adapter, write, tmp_path):
    class Evil:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path}/victim",)

    write(annotation(label=Evil()))
    with pytest.raises(UnsafePickleError, match=r"poses.pkl: refused.*forbidden name \w+.system"):
        adapter.items()
    assert not (tmp_path / "victim").exists()


def test_splits_of_the_pickle_are_protocols(card, write):
    names = [f"S001C001P{i:03d}R001A001" for i in range(4)]
    split = {"xsub_train": names[:3], "xsub_val": names[3:]}
    path = write(*map(annotation, names), split=split)
    assert pyskl_splits(path) == split
    index = {"clip_id": np.array(names[::-1])}
    parts = make_split(index, card().protocol("xsub"))
    assert (parts.train.tolist(), parts.test.tolist()) == ([1, 2, 3], [0])
