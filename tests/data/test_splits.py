import csv
import pickle
from types import SimpleNamespace

import numpy as np
import pytest

from har.data.clip_lists import read_clip_list
from har.data.folds import fold_of_clips
from har.data.protocols import KFold, ProtocolSpec, parse_protocols
from har.data.splits import Validation, check_leaks, check_list_leaks, folds, make_split
from har.errors import CardError, SplitError

BY_PERSON = ProtocolSpec(
    "by_person",
    parts={"train": {"subject": tuple("12345")}, "test": {"subject": tuple("678")}},
    disjoint=("subject",),
)
BY_CAMERA = ProtocolSpec(
    "by_camera",
    parts={"train": {"camera": ("1",)}, "test": {"camera": ("2",)}},
    disjoint=("camera",),
)
ONE_OUT = ProtocolSpec("one_out", leave_one_out="subject", disjoint=("subject",))


@pytest.fixture
def index():
    """Make 8 subjects, each seen by 2 cameras."""
    subject = np.repeat(np.arange(1, 9), 2).astype(str)
    camera = np.tile(["1", "2"], 8)
    return {
        "clip_id": np.array([f"s{s}c{c}" for s, c in zip(subject, camera, strict=True)]),
        "subject": subject,
        "camera": camera,
        "setup": np.full(16, ""),
        "replication": np.full(16, "1"),
        "label": np.arange(16) % 3,
    }


def subjects(index, rows):
    return set(index["subject"][rows].tolist())


def test_parts_by_attribute(index):
    split = make_split(index, BY_PERSON)
    assert split.train.dtype == np.int64
    assert split.train.tolist() == list(range(10))
    assert split.test.tolist() == list(range(10, 16))
    assert split.val.size == 0


def test_columns_as_attributes(index):
    split = make_split(SimpleNamespace(**index), BY_CAMERA)
    assert split.train.tolist() == list(range(0, 16, 2))


@pytest.mark.parametrize(
    ("validation", "count"),
    [
        (Validation(), 1),
        (Validation(count=2), 2),
        (Validation(fraction=0.4), 2),
        (Validation(fraction=0.01), 1),
        (Validation(values=("2", "4")), 2),
    ],
)
def test_validation_holds_out_subjects(index, validation, count):
    split = make_split(index, BY_PERSON, validation=validation)
    assert len(subjects(index, split.val)) == count
    assert not subjects(index, split.val) & subjects(index, split.train)
    assert sorted([*split.train, *split.val]) == list(range(10))
    again = make_split(index, BY_PERSON, validation=validation)
    assert np.array_equal(split.val, again.val)


def test_validation_depends_on_the_seed(index):
    drawn = {
        tuple(make_split(index, BY_PERSON, validation=Validation(seed=seed)).val)
        for seed in range(20)
    }
    assert len(drawn) == 5


def test_validation_by_subject_under_a_camera_protocol(index):
    split = make_split(index, BY_CAMERA, validation=Validation(count=3))
    assert not subjects(index, split.val) & subjects(index, split.train)
    assert len(split.test) == 8


@pytest.mark.parametrize(
    ("validation", "message"),
    [
        (Validation(count=5), "count=5: must be 1 to 4; the training clips have 5 subjects: 1, 2"),
        (Validation(count=0), "count=0: must be 1 to 4"),
        (Validation(fraction=1.5), "fraction=1.5: not between 0 and 1"),
        (Validation(values=("7",)), "no subject '7' among the training clips.*: 1, 2, 3, 4, 5"),
        (Validation(values=()), "values is empty"),
        (Validation(values=tuple("12345")), "leaves nothing to train on"),
        (Validation(count=1, fraction=0.5), "set one of count, values and fraction"),
        (Validation(by="setup"), "needs the setup of every clip; it is unknown for 16 of 16"),
        (Validation(by="person"), "unknown attribute 'person'.*Allowed: subject, camera"),
    ],
)
def test_wrong_validation(index, validation, message):
    with pytest.raises(SplitError, match=message):
        make_split(index, BY_PERSON, validation=validation)


def test_protocol_with_its_own_validation(index):
    parts = {"train": {"subject": ("1",)}, "val": {"subject": ("2",)}, "test": {"subject": ("3",)}}
    protocol = ProtocolSpec("own", parts=parts, disjoint=("subject",))
    assert make_split(index, protocol).val.tolist() == [2, 3]
    with pytest.raises(SplitError, match="'own' has its own validation part"):
        make_split(index, protocol, validation=Validation())


def test_leave_one_out(index):
    names = folds(index, ONE_OUT)
    assert names == list("12345678")
    tested = [make_split(index, ONE_OUT, fold=name).test for name in names]
    assert sorted(np.concatenate(tested).tolist()) == list(range(16))
    assert subjects(index, make_split(index, ONE_OUT, fold=3).test) == {"3"}


def test_fold_by_position_only_where_names_are_no_numbers(index):
    index["subject"] = np.char.add("person_", index["subject"])
    assert subjects(index, make_split(index, ONE_OUT, fold=0).test) == {"person_1"}


@pytest.mark.parametrize(("fold", "message"), [(None, "needs a fold"), (0, "has no fold '0'")])
def test_wrong_fold(index, fold, message):
    with pytest.raises(SplitError, match=rf"{message}. Available \(subject\): 1, 2, 3"):
        make_split(index, ONE_OUT, fold=fold)
    with pytest.raises(SplitError, match="'by_person' has no folds; set fold to null"):
        make_split(index, BY_PERSON, fold="1")


def by_subject(count, seed=0):
    rule = KFold("subject", count, seed)
    return ProtocolSpec("k_fold", k_fold=rule, disjoint=("subject",))


@pytest.mark.parametrize("count", [2, 3, 8])
def test_k_fold_tests_every_clip_once_and_shares_no_subject(index, count):
    protocol = by_subject(count)
    names = folds(index, protocol)
    assert names == [str(number) for number in range(count)]
    splits = [make_split(index, protocol, fold=name) for name in names]
    assert sorted(np.concatenate([split.test for split in splits]).tolist()) == list(range(16))
    for split in splits:
        assert not subjects(index, split.train) & subjects(index, split.test)
    sizes = [len(split.test) for split in splits]
    assert max(sizes) - min(sizes) <= 2


def test_k_fold_is_drawn_by_its_seed(index):
    drawn = [fold_of_clips(index, by_subject(4, seed)).tolist() for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_k_fold_deals_the_largest_first(index):
    index["subject"] = np.array(["big"] * 8 + list("aabbccdd"))
    folded = fold_of_clips(index, by_subject(2))
    assert len(set(folded[:8])) == 1
    assert set(folded[8:]) == {"0", "1"} - set(folded[:8])


def test_wrong_k_fold(index):
    with pytest.raises(SplitError, match=r"asks for 9 folds; the store has 8 subjects: 1, 2"):
        make_split(index, by_subject(9), fold=0)
    with pytest.raises(SplitError, match=r"has no fold '3'. Available \(folds\): 0, 1, 2"):
        make_split(index, by_subject(3), fold=3)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"by": "subject"}, "k_fold needs the keys by and count"),
        ({"by": "subject", "count": 1}, "count of k_fold must be a whole number of at least 2"),
        ({"by": "subject", "count": True}, "count of k_fold must be a whole number"),
        ({"by": "subject", "count": 3, "seed": -1}, "seed of k_fold must be .* at least 0, not -1"),
        ({"by": "person", "count": 3}, "unknown attribute 'person'"),
    ],
)
def test_wrong_k_fold_in_a_card(tmp_path, rule, message):
    with pytest.raises(CardError, match=message):
        parse_protocols(tmp_path / "card.yaml", {"folds": {"k_fold": rule}})


def test_k_fold_in_a_card(tmp_path):
    rule = {"k_fold": {"by": "subject", "count": 5}, "disjoint": ["subject"]}
    parsed = parse_protocols(tmp_path / "card.yaml", {"folds": rule})
    assert parsed["folds"].k_fold == KFold("subject", 5, 0)


def test_empty_part_says_what_there_is(index):
    parts = {"train": {"subject": ("1",)}, "test": {"subject": ("40", "41")}}
    message = (
        r"the test part \(2 subjects: 40, 41\) is empty; the store has 8 subjects: 1, 2, 3, 4, 5"
    )
    with pytest.raises(SplitError, match=message):
        make_split(index, ProtocolSpec("absent", parts=parts))


def test_leaks_are_refused(index):
    with pytest.raises(SplitError, match=r"train and test share 8 subjects: 1, 2, 3, 4, 5, \.\.\."):
        check_leaks(index, {"train": np.arange(0, 16, 2), "test": np.arange(1, 16, 2)}, ["subject"])
    with pytest.raises(SplitError, match="train and test share 1 clip: s2c2"):
        check_leaks(index, {"train": np.arange(4), "test": np.arange(3, 6)}, [])
    parts = {"train": {"camera": ("1",)}, "test": {"camera": ("2",)}}
    with pytest.raises(SplitError, match="leak: train and test share 8 subjects"):
        make_split(index, ProtocolSpec("careless", parts=parts, disjoint=("subject",)))
    with pytest.raises(SplitError, match="leak check needs the setup of every clip"):
        make_split(index, ProtocolSpec("unknown", parts=parts, disjoint=("setup",)))


class TestLists:
    @pytest.fixture
    def listed(self, tmp_path):
        (tmp_path / "train.txt").write_text("# official\ns1c1\n\ns1c2\ns9c9\n")
        with (tmp_path / "test.csv").open("w", newline="") as file:
            csv.writer(file).writerows([["path", "x"], ["s5c1", 1], ["s5c2", 2]])
        content = {"split": {"xsub_val": ["s3c1"]}, "annotations": []}
        (tmp_path / "poses.pkl").write_bytes(pickle.dumps(content))
        lists = {
            "train": f"{tmp_path}/train.txt",
            "val": f"{tmp_path}/poses.pkl::xsub_val",
            "test": f"{tmp_path}/test.csv",
        }
        return ProtocolSpec("listed", lists=lists, disjoint=("subject",))

    def test_split(self, index, listed):
        split = make_split(index, listed)
        assert (split.train.tolist(), split.val.tolist()) == ([0, 1], [4])
        assert split.test.tolist() == [8, 9]
        assert split.missing == ("s9c9",)

    def test_nothing_in_the_store(self, index, listed):
        index["clip_id"] = np.char.add("x", index["clip_id"])
        message = r"none of the 3 clips of .*train.txt is in the store, which has .*'xs1c1'"
        with pytest.raises(SplitError, match=message):
            make_split(index, listed)

    def test_overlapping_lists(self, index, listed, tmp_path):
        (tmp_path / "train.txt").write_text("s1c1\ns5c1\n")
        with pytest.raises(SplitError, match="leak: train and test share 1 clip: s5c1"):
            make_split(index, listed)

    @pytest.mark.parametrize(
        ("name", "text", "message"),
        [
            ("no.txt", None, "no such list of clips"),
            ("a.txt", "# nothing\n", "names no clips"),
            ("a.txt", "b\nb\n", "names the clip 'b' more than once"),
            ("a.csv", "clip,x\n1,2\n", "needs a column clip_id, path, file; it has clip, x"),
        ],
    )
    def test_wrong_lists(self, tmp_path, name, text, message):
        if text is not None:
            (tmp_path / name).write_text(text)
        with pytest.raises(SplitError, match=message):
            read_clip_list(tmp_path / name)

    def test_unknown_split_of_a_pickle(self, listed, tmp_path):
        with pytest.raises(SplitError, match=r"no split 'xsub'.*poses.pkl::<split>.*: xsub_val"):
            read_clip_list(f"{tmp_path}/poses.pkl::xsub")


def test_list_leaks_by_group():
    lists = {"train": ["p1/a", "p2/a"], "test": ["p2/b"]}
    check_list_leaks(lists)
    with pytest.raises(SplitError, match="train and test share 1 group: p2"):
        check_list_leaks(lists, group=lambda clip: clip.split("/")[0])


def test_published_lists_that_leak(real_data):
    folder = real_data / "omnifall"
    lists = {p: read_clip_list(folder / f"up_fall_cs_{p}.csv") for p in ("train", "val", "test")}
    message = "train and val share 66 clips: Subject11/.*train and test share 132 clips: Subject"
    with pytest.raises(SplitError, match=message):
        check_list_leaks(lists)
