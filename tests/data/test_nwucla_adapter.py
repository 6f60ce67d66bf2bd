import json
import pickle
import tarfile

import numpy as np
import pytest

from har.data.adapters.nwucla import Adapter
from har.data.cards import load_card
from har.data.safe_pickle import load_pickle
from har.data.splits import make_split
from har.errors import BadSampleError, HarError


def skeletons(frames, joints=20):
    return np.random.default_rng(0).normal(size=(frames, joints, 3)).round(4).tolist()


@pytest.fixture
def folder(tmp_path):
    return tmp_path


@pytest.fixture
def write(folder):
    def write(name="a08_s03_e05_v02.json", **content):
        content = {"file_name": "x", "skeletons": skeletons(4), "label": 7} | content
        (folder / name).write_text(json.dumps(content))
        return name

    return write


@pytest.fixture
def adapter(folder):
    return Adapter(load_card("nwucla"), folder)


def test_a_clip(adapter, write):
    values = skeletons(4)
    values[1][2] = [0, 0, 0]
    item = write(skeletons=values)
    assert adapter.items() == [item]
    (clip,) = adapter.read(item)
    record = clip.record
    assert (record.clip_id, record.dataset, record.label) == ("a08_s03_e05_v02", "nwucla", 6)
    assert (record.subject, record.camera, record.replication) == ("3", "2", "5")
    assert (record.frame_count, record.person_count, record.layout) == (4, 1, "kinect20")
    np.testing.assert_array_equal(clip.joints[0], np.array(values, np.float32))
    assert clip.confidence[0, 1, 2] == 0
    assert clip.confidence.sum() == 4 * 20 - 1


@pytest.mark.parametrize("frames", [1, 2])
def test_very_short_clips_are_clips(adapter, write, frames):
    (clip,) = adapter.read(write(skeletons=skeletons(frames)))
    assert clip.joints.shape == (1, frames, 20, 3)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"skeletons": []}, "has no frames"),
        ({"skeletons": skeletons(3, joints=19)}, r"joints are \(1, 3, 19, 3\)"),
        ({"skeletons": [[[1, 2, 3]], [[1, 2]]]}, "no array of numbers"),
        ({"skeletons": [[1, 2, 3]]}, r"shape \(1, 3\), not \(T, 20, 3\)"),
        ({"skeletons": np.full((2, 20, 3), np.nan).tolist()}, "not a finite number"),
        ({"label": 11}, "label 11 is not an integer of 1 to 10"),
        ({"label": "7"}, "label '7' is not an integer"),
    ],
)
def test_bad_content(adapter, write, content, reason):
    item = write(**content)
    with pytest.raises(BadSampleError, match=reason) as error:
        adapter.read(item)
    assert error.value.source == item


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a01_s01_e01_v01.json", '{"skeletons": [[', "not a readable JSON file"),
        ("a01_s01_e01_v01.json", "[]", "holds no JSON object"),
        ("a01_s01_e01_v01.json", "{}", "has no key skeletons and no key label"),
        ("notes.json", "{}", "not of the form aAA_sSS_eEE_vVV.json"),
    ],
)
def test_bad_files(adapter, folder, name, text, reason):
    (folder / name).write_text(text)
    with pytest.raises(BadSampleError, match=reason):
        adapter.read(name)


def test_wrong_folder(adapter, folder):
    with pytest.raises(HarError, match=r"nwucla: no \*.json file below .*Download all_sqe.zip"):
        adapter.items()
    with pytest.raises(HarError, match=r"raw folder .*nowhere does not exist"):
        Adapter(load_card("nwucla"), folder / "nowhere").items()
    with pytest.raises(HarError, match="needs the folder of its raw files"):
        Adapter(load_card("nwucla"), None).items()


def test_goes_to_a_worker_process(adapter, write):
    item = write()
    assert pickle.loads(pickle.dumps(adapter)).read(item)[0].record.label == 6


def test_all_real_clips_and_the_official_test_list(real_data, tmp_path):
    with tarfile.open(real_data / "nwucla" / "all_sqe.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    card = load_card("nwucla")
    adapter = Adapter(card, tmp_path)
    records = [clip.record for item in adapter.items() for clip in adapter.read(item)]
    assert len(records) == card.size["clips"] == 1484
    assert sorted(record.frame_count for record in records)[:3] == [1, 1, 6]
    columns = ("clip_id", "subject", "camera", "setup", "replication", "label")
    index = {name: np.array([getattr(record, name) for record in records]) for name in columns}
    split = make_split(index, card.protocol("cross_view"))
    assert (len(split.train), len(split.test)) == (1020, 464)
    official = load_pickle(real_data / "nwucla" / "val_label.pkl")
    assert {entry["file_name"] for entry in official} == set(index["clip_id"][split.test])
    labels = dict(zip(index["clip_id"], index["label"], strict=True))
    assert all(labels[entry["file_name"]] == entry["label"] - 1 for entry in official)
