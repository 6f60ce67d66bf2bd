"""Toyota Smarthome, trimmed: skeleton JSON files of its form, and NPZ poses, some of them real."""

import json

import numpy as np
import pytest

from har.data.adapters.smarthome import Adapter
from har.data.cards import load_card
from har.data.formats.smarthome_pose import read_kpts_npz
from har.errors import BadSampleError, ConfigError

NAME = "Cook.Cut_p03_r00_v12_c05.json"
NPZ_CARD = """
layout: coco17
unit: px
fps: 20
labels: [WatchTV, Walk]
adapter: smarthome
adapter_options: {poses: OP2d}
"""


@pytest.fixture
def adapter(tmp_path):
    return Adapter(load_card("smarthome31"), tmp_path)


def person(seed):
    values = np.random.default_rng(seed).normal(size=(3, 13)).astype(np.float32)
    return {"pose2d": values[:2].ravel().tolist(), "pose3d": values.ravel().tolist()}, values


def write(folder, *frames, name=NAME, **more):
    content = {"K": 20, "njts": 13, "frames": list(frames)} | more
    (folder / name).write_text(json.dumps(content))


@pytest.fixture
def flat_card(tmp_path):
    path = tmp_path / "card" / "dataset.yaml"
    path.parent.mkdir()
    path.write_text(NPZ_CARD)
    return load_card(path)


def test_a_clip(adapter, tmp_path):
    (first, values), (second, others) = person(1), person(2)
    write(tmp_path, [first], [], [second, first])
    assert adapter.items() == [NAME]
    (clip,) = adapter.read(NAME)
    record = clip.record
    assert (record.clip_id, record.label) == ("Cook.Cut_p03_r00_v12_c05", 2)
    assert (record.subject, record.camera, record.replication) == ("3", "5", "0")
    assert clip.joints.shape == (1, 3, 13, 3)
    np.testing.assert_array_equal(clip.joints[0, 0], values.T)
    np.testing.assert_array_equal(clip.joints[0, 2], others.T)
    assert not clip.joints[0, 1].any()
    np.testing.assert_array_equal(clip.confidence[0, :, 0], [1, 0, 1])


def test_more_people(tmp_path):
    (first, values), (second, _) = person(1), person(2)
    write(tmp_path, [second], [second, first])
    (clip,) = Adapter(load_card("smarthome31"), tmp_path, people=4).read(NAME)
    assert clip.joints.shape == (2, 2, 13, 3)
    np.testing.assert_array_equal(clip.joints[1, 1], values.T)
    np.testing.assert_array_equal(clip.confidence[1, :, 3], [0, 1])


def test_flat_poses(tmp_path):
    path = tmp_path / "dataset.yaml"
    path.write_text(NPZ_CARD.replace("coco17", "smarthome13").replace("OP2d", "skeleton"))
    pose, values = person(1)
    write(tmp_path, [pose], name="Walk_p03_r00_v12_c05.json")
    (clip,) = Adapter(load_card(path), tmp_path).read("Walk_p03_r00_v12_c05.json")
    np.testing.assert_array_equal(clip.joints[0, 0], values[:2].T)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "not a readable JSON file"),
        ("[]", "has no list 'frames'"),
        ('{"frames": [{}]}', "has no list 'frames' of lists of people"),
        ('{"frames": []}', "nobody was found in any of its 0 frames"),
        ('{"frames": [[], []]}', "nobody was found in any of its 2 frames"),
        ('{"njts": 17, "frames": [[]]}', "has 17 joints, not 13"),
        ('{"frames": [[], [{"pose3d": [1, 2]}]]}', "frame 1: pose3d is not a list of 39 numbers"),
        ('{"frames": [[{"pose2d": [1, 2]}]]}', "frame 0: pose3d is not a list of 39 numbers"),
        ('{"frames": [["x"]]}', "frame 0: pose3d is not a list of 39 numbers"),
    ],
)
def test_bad_files(adapter, tmp_path, content, reason):
    (tmp_path / NAME).write_text(content)
    with pytest.raises(BadSampleError, match=reason):
        adapter.read(NAME)


def test_names(adapter, tmp_path):
    for name, reason in (
        ("Cook.Cutt_p03_r00_v12_c05.json", "not a class of smarthome31. Did you mean 'Cook.Cut'"),
        ("Cook.Cut_p03.json", "its name is not of the form Action_pXX_rYY_vZZ_cWW"),
    ):
        write(tmp_path, [person(1)[0]], name=name)
        assert name in adapter.items()
        with pytest.raises(BadSampleError, match=reason):
            adapter.read(name)


def test_skipped_actions(tmp_path):
    card = load_card("smarthome19")
    write(tmp_path, [person(1)[0]])
    write(tmp_path, [person(1)[0]], name="Walk_p03_r00_v12_c05.json")
    adapter = Adapter(card, tmp_path, **card.adapter_options)
    assert adapter.items() == ["Walk_p03_r00_v12_c05.json"]
    skipped = set(card.adapter_options["skip_actions"])
    assert skipped | set(card.labels) == set(load_card("smarthome31").labels)
    assert not skipped & set(card.labels)


def test_wrong_options(tmp_path):
    card = load_card("smarthome31")
    with pytest.raises(ConfigError, match=r"poses 'OP2' is not one of skeleton, .* mean 'OP2d'"):
        Adapter(card, tmp_path, poses="OP2")
    with pytest.raises(ConfigError, match="people=0 is not 1 or more"):
        Adapter(card, tmp_path, people=0)


def test_npz_poses(flat_card, tmp_path):
    points = np.random.default_rng(0).normal(size=(5, 17, 2)).astype(np.float32)
    points[2] = 0
    np.savez(tmp_path / "Walk_p02_r03_v05_c05_OP2d.npz", kpts=points)
    np.savez(tmp_path / "Walk_p02_r03_v05_c05_LCRNet2d.npz", kpts=points)
    adapter = Adapter(flat_card, tmp_path, **flat_card.adapter_options)
    (item,) = adapter.items()
    (clip,) = adapter.read(item)
    assert (clip.record.clip_id, clip.record.label) == ("Walk_p02_r03_v05_c05", 1)
    np.testing.assert_array_equal(clip.joints[0], points)
    np.testing.assert_array_equal(clip.confidence[0, :, 0], [1, 1, 0, 1, 1])


def test_bad_npz(tmp_path):
    path = tmp_path / "a.npz"
    for arrays, reason in (
        ({"other": np.zeros(3)}, "no readable array 'kpts'"),
        ({"kpts": np.zeros((5, 13, 2))}, r"shape \(5, 13, 2\), not \(T, 17, 2\)"),
        ({"kpts": np.array([{}], dtype=object)}, "no readable array 'kpts'"),
    ):
        np.savez(path, **arrays)
        with pytest.raises(BadSampleError, match=reason):
            read_kpts_npz(path, "a.npz")


@pytest.mark.parametrize(
    ("poses", "frames", "empty"),
    [("LCRNet2d", 1379, 0), ("OP2d", 1380, 4), ("Alphapose2d", 1380, 0)],
)
def test_real_poses_of_three_estimators(real_data, flat_card, poses, frames, empty):
    adapter = Adapter(flat_card, real_data / "smarthome", poses=poses)
    item = f"WatchTV_p02_r03_v05_c05_{poses}.npz"
    assert item in adapter.items()
    (clip,) = adapter.read(item)
    assert clip.joints.shape == (1, frames, 17, 2)
    assert int((~clip.confidence.any(axis=(0, 2))).sum()) == empty
    assert (clip.record.subject, clip.record.camera) == ("2", "5")


def test_real_long_recording(real_data):
    path = real_data / "smarthome" / "P11T13C03_LCRNet2d.npz"
    joints, confidence = read_kpts_npz(path, path.name)
    assert joints.shape == (1, 34520, 17, 2)
    assert int((~confidence.any(axis=2)).sum()) == 18080
