"""ETRI-Activity3D: tables of its form, made here."""

import numpy as np
import pytest

from har.data.adapters.etri_activity3d import Adapter
from har.data.cards import load_card
from har.data.formats.etri_skeleton import COORDINATES, STATES
from har.errors import BadSampleError

NAME = "A053_P042_G001_C008.csv"


@pytest.fixture
def adapter(tmp_path):
    return Adapter(load_card("etri_activity3d"), tmp_path)


def joints_of(seed, frames=20):
    joints = np.random.default_rng(seed).normal(size=(frames, 25, 3)).astype(np.float32)
    joints[..., 1] *= 4
    return joints


def write(path, bodies, states=None, first_frame=1, empty=()):
    """Write (id, first frame, joints) bodies; ``empty`` frames have a row without a body."""
    names = ["bodyindexID", "frameNum", *COORDINATES] + (STATES if states is not None else [])
    rows = [["", str(frame + first_frame), *[""] * (len(names) - 2)] for frame in empty]
    for body, start, joints in bodies:
        for number, pose in enumerate(joints):
            row = [str(body), str(start + number + first_frame), *map(repr, pose.ravel().tolist())]
            rows.append(row + ([str(states)] * 25 if states is not None else []))
    path.write_text("\n".join([",".join(names), *map(",".join, rows)]) + "\n")


def test_a_clip(adapter, tmp_path):
    joints = joints_of(1)
    write(tmp_path / NAME, [(3, 1, joints)], empty=[0])
    assert adapter.items() == [NAME]
    (clip,) = adapter.read(NAME)
    record = clip.record
    assert (record.clip_id, record.label, record.layout) == (NAME[:-4], 52, "ntu25")
    assert (record.subject, record.camera, record.setup) == ("42", "8", "1")
    assert clip.joints.shape == (1, 21, 25, 3)
    np.testing.assert_array_equal(clip.joints[0, 1:], joints)
    assert not clip.joints[0, 0].any()
    assert clip.confidence[0, 1:].all()


@pytest.mark.parametrize(("state", "confidence"), [(2, 1), (1, 0.5), (0, 0.25)])
def test_tracking_states(adapter, tmp_path, state, confidence):
    write(tmp_path / NAME, [(3, 0, joints_of(1))], states=state)
    (clip,) = adapter.read(NAME)
    assert set(clip.confidence.ravel().tolist()) == {confidence}


def test_two_people(adapter, tmp_path):
    write(tmp_path / NAME, [(3, 0, joints_of(1)), (5, 0, 0.5 * joints_of(2))])
    (clip,) = adapter.read(NAME)
    assert clip.joints.shape == (2, 20, 25, 3)
    np.testing.assert_array_equal(clip.joints[0], joints_of(1))


def test_short_tracks_are_no_people(adapter, tmp_path):
    write(tmp_path / NAME, [(3, 0, joints_of(1)), (5, 0, joints_of(2, frames=5))])
    assert len(adapter.read(NAME)[0].joints) == 1
    every = Adapter(adapter.card, tmp_path, denoise=False)
    assert len(every.read(NAME)[0].joints) == 2


def test_bad_tables(adapter, tmp_path):
    path = tmp_path / NAME
    write(path, [(3, 0, joints_of(1))])
    good = path.read_text()
    line = good.splitlines()[5]
    for content, reason in (
        ("", r"has no column frameNum \(77 are missing\)"),
        (good.replace("joint25_3dZ", "joint25_Z"), "has no column joint25_3dZ"),
        (good.replace(line, line + ",1"), "a row without 77 values"),
        (good.splitlines()[0], "has no rows"),
        (good.replace(line, line[:4] + "x" + line[4:]), "not a table of numbers"),
        (good.replace(line, line.rpartition(",")[0] + ",nan"), "not a finite number"),
        (good + line + "\n", "has body 3 more than once in a frame"),
        (good.replace("\n3,2,", "\n3,900000,"), "its frame numbers span 900000 frames"),
    ):
        path.write_text(content)
        with pytest.raises(BadSampleError, match=reason):
            adapter.read(NAME)
    write(path, [], empty=[0, 1])
    with pytest.raises(BadSampleError, match="no body in any of its 2 frames"):
        adapter.read(NAME)
    write(path, [(3, 0, joints_of(1))], states=3)
    with pytest.raises(BadSampleError, match="a tracking state other than 0, 1 and 2"):
        adapter.read(NAME)


def test_bad_names(adapter, tmp_path):
    for name, reason in (
        ("A056_P001_G001_C001.csv", "action A056 is not one of A001 to A055"),
        ("A001P001.csv", "its name is not of the form"),
    ):
        write(tmp_path / name, [(3, 0, joints_of(1))])
        with pytest.raises(BadSampleError, match=reason):
            adapter.read(name)
