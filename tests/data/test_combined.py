import pickle
from dataclasses import replace

import numpy as np
import pytest

from har.data.combined import CombinedStore
from har.data.splits import Split
from har.data.store import ClipStore, StoreDescription, write_store
from har.errors import LayoutError, StoreError
from har.samples import Clip, ClipRecord
from har.skeleton.convert import conversion
from har.skeleton.layout import load_layout


def make_store(path, dataset, layout, clips, labels=("sit", "fall"), coordinates=3, conditions=()):
    joints = load_layout(layout).num_joints
    description = StoreDescription(
        dataset=dataset,
        layout=layout,
        unit="m",
        labels=labels,
        joint_count=joints,
        coordinate_count=coordinates,
        joints_dtype="float32",
        adapter=dataset,
        adapter_version=1,
        adapter_options={},
    )
    rng = np.random.default_rng(len(dataset))

    def clip(number):
        frames = 5 + number
        record = ClipRecord(
            clip_id=f"clip{number}",
            dataset=dataset,
            label=number % len(labels),
            frame_count=frames,
            person_count=1 + number % 2,
            fps=30.0,
            layout=layout,
            subject="1",
            source=f"{number}.txt",
            conditions=dict.fromkeys(conditions, float(number)),
        )
        shape = (record.person_count, frames, joints)
        points = rng.normal(size=(*shape, coordinates)).astype(np.float32)
        return Clip(record, points, np.ones(shape, np.float32))

    write_store(path / dataset, description, (clip(number) for number in range(clips)))
    return ClipStore.open(path / dataset)


@pytest.fixture
def stores(tmp_path) -> dict[str, ClipStore]:
    return {
        "home": make_store(tmp_path, "home", "ntu25", 4, conditions=("distance_m",)),
        "clinic": make_store(tmp_path, "clinic", "kinect20", 3, labels=("walk", "fall", "help")),
    }


@pytest.fixture
def combined(stores) -> CombinedStore:
    return CombinedStore(stores, "kinect20")


def test_labels_and_names_of_two_datasets_do_not_clash(combined):
    assert combined.labels == ("home/sit", "home/fall", "clinic/walk", "clinic/fall", "clinic/help")
    assert combined.index.label.tolist() == [0, 1, 0, 1, 2, 3, 4]
    assert combined.index.clip_id.tolist()[3:5] == ["home/clip3", "clinic/clip0"]
    assert set(combined.index.subject) == {"home/1", "clinic/1"}
    assert set(combined.index.camera) == {""}, "what is unknown stays unknown"
    assert combined.dataset.tolist() == [0, 0, 0, 0, 1, 1, 1]
    np.testing.assert_equal(combined.index.conditions["distance_m"], [0, 1, 2, 3, *[np.nan] * 3])


def test_clips_come_in_the_common_layout_in_the_order_asked_for(combined, stores):
    rows = np.array([5, 0, 3, 6])
    positions = np.tile(np.array([0.0, 1.5, 4.0]), (4, 2, 1))
    joints, confidence, mask = combined.gather(rows, positions, 2)
    assert joints.shape == (8, 2, 3, 20, 3)
    own = stores["clinic"].gather(np.array([1, 2]), positions[:2], 2)
    for ours, theirs in zip((joints, confidence, mask), own, strict=True):
        np.testing.assert_array_equal(ours[[0, 1, 6, 7]], theirs)
    home = stores["home"].gather(np.array([0, 3]), positions[:2], 2)
    recipe = conversion(load_layout("ntu25"), load_layout("kinect20"))
    converted, seen = recipe.apply(home[0], home[1])
    np.testing.assert_array_equal(joints[2:6], converted)
    np.testing.assert_array_equal(confidence[2:6], seen)
    np.testing.assert_array_equal(mask[2:6], home[2])


def test_splits_are_joined_with_their_rows_moved(combined):
    rows = [np.array(part, dtype=np.int64) for part in ([0, 1], [2], [3])]
    other = [np.array(part, dtype=np.int64) for part in ([2], [], [0, 1])]
    split = combined.split({"home": Split(*rows, missing=("gone",)), "clinic": Split(*other)})
    assert [part.tolist() for part in (split.train, split.val, split.test)] == [
        [0, 1, 6],
        [2],
        [3, 4, 5],
    ]
    assert split.missing == ("home/gone",)


def test_the_fingerprint_tells_data_and_layout(combined, stores):
    assert combined.fingerprint == CombinedStore(dict(stores), "kinect20").fingerprint
    assert combined.fingerprint != CombinedStore(stores, "ntu25").fingerprint
    assert combined.fingerprint != CombinedStore({"home": stores["home"]}, "kinect20").fingerprint


def test_a_pickled_store_opens_the_same_files(combined):
    again = pickle.loads(pickle.dumps(combined))
    rows, positions = np.array([1, 4]), np.zeros((2, 1, 2))
    np.testing.assert_array_equal(
        again.gather(rows, positions, 1)[0], combined.gather(rows, positions, 1)[0]
    )


def test_what_cannot_be_combined_is_told(stores, tmp_path):
    with pytest.raises(StoreError, match="no dataset to combine"):
        CombinedStore({}, "kinect20")
    flat = make_store(tmp_path, "flat", "coco17", 2, coordinates=2)
    with pytest.raises(StoreError, match=r"2D and 3D .*home has 3, .*flat has 2"):
        CombinedStore({**stores, "flat": flat}, "kinect20")
    with pytest.raises(LayoutError, match="nothing9"):
        CombinedStore(stores, "nothing9")


def test_a_segment_index_combines_too(stores):
    index = stores["home"].index
    assert replace(index).person_stride.tolist() == index.person_stride.tolist()
