import tarfile

import numpy as np
import pytest
from scipy.io import savemat

from har.data.adapters.utd_mhad import Adapter
from har.data.cards import load_card
from har.data.splits import make_split
from har.errors import BadSampleError

NAME = "a27_s3_t2_skeleton.mat"


@pytest.fixture
def adapter(tmp_path):
    return Adapter(load_card("utd_mhad"), tmp_path)


@pytest.fixture
def write(tmp_path):
    def write(name=NAME, compressed=True, **variables):
        skeletons = np.random.default_rng(0).normal(size=(20, 3, 30))
        savemat(tmp_path / name, {"d_skel": skeletons} | variables, do_compression=compressed)
        return skeletons

    return write


def test_a_clip(adapter, write):
    skeletons = write()
    assert adapter.items() == [NAME]
    (clip,) = adapter.read(NAME)
    record = clip.record
    assert (record.clip_id, record.label, record.layout) == ("a27_s3_t2", 26, "utd_mhad20")
    assert (record.subject, record.replication, record.fps) == ("3", "2", 30)
    assert clip.joints.shape == (1, 30, 20, 3)
    assert clip.joints.flags.c_contiguous
    np.testing.assert_array_equal(clip.joints[0, 4, 7], skeletons[7, :, 4].astype(np.float32))


@pytest.mark.parametrize("compressed", [True, False])
def test_cut_short_anywhere(adapter, write, tmp_path, compressed):
    write(compressed=compressed)
    whole = (tmp_path / NAME).read_bytes()
    for length in [*range(0, 200, 7), len(whole) // 2, len(whole) - 1]:
        (tmp_path / NAME).write_bytes(whole[:length])
        with pytest.raises(BadSampleError, match=r"not a readable MATLAB file|has no variable"):
            adapter.read(NAME)


@pytest.mark.parametrize(
    ("skeletons", "reason"),
    [
        (np.zeros((20, 3, 0)), "has no frames"),
        (np.zeros((20, 3)), r"shape \(20, 3\), not \(20, 3, T\)"),
        (np.ones((19, 3, 5)), r"joints are \(1, 5, 19, 3\)"),
        (np.full((20, 3, 5), np.inf), "not a finite number"),
        ("text", "not .20, 3, T. numbers"),
    ],
)
def test_bad_content(adapter, write, skeletons, reason):
    write(d_skel=skeletons)
    with pytest.raises(BadSampleError, match=reason):
        adapter.read(NAME)


def test_bad_names(adapter, write):
    write("a28_s1_t1_skeleton.mat")
    write("other_skeleton.mat")
    with pytest.raises(BadSampleError, match="action a28 is not one of a1 to a27"):
        adapter.read("a28_s1_t1_skeleton.mat")
    with pytest.raises(BadSampleError, match="not of the form"):
        adapter.read("other_skeleton.mat")


def test_all_real_clips(real_data, tmp_path):
    with tarfile.open(real_data / "utd_mhad" / "Skeleton.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    card = load_card("utd_mhad")
    adapter = Adapter(card, tmp_path)
    records = [clip.record for item in adapter.items() for clip in adapter.read(item)]
    assert len(records) == card.size["clips"] == 861
    columns = ("clip_id", "subject", "camera", "setup", "replication", "label")
    index = {name: np.array([getattr(record, name) for record in records]) for name in columns}
    assert set(index["label"]) == set(range(27))
    split = make_split(index, card.protocol("cross_subject"))
    assert (len(split.train), len(split.test)) == (431, 430)
