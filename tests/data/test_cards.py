import pytest

from har.data.cards import list_cards, load_card
from har.errors import CardError

USER_CARD = """
layout: coco17
unit: px
fps: 25
labels: [walk, "yes", fall]
protocols:
  by_person: {train: {subject: [1, 2]}, test: {subject: [3]}, disjoint: [subject]}
  one_out: {leave_one_out: subject, disjoint: [subject]}
  listed: {lists: {train: lists/train.txt, test: "poses.pkl::xsub_val"}}
"""


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "my_home" / "dataset.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize(
    ("name", "labels", "protocols"),
    [
        ("nwucla", 10, ["cross_view", "cross_subject", "leave_one_subject_out"]),
        ("utd_mhad", 27, ["cross_subject", "leave_one_subject_out"]),
        ("ntu60", 60, ["xsub", "xview"]),
        ("ntu120", 120, ["xsub", "xset"]),
    ],
)
def test_cards_of_the_project(name, labels, protocols):
    card = load_card(name)
    assert name in list_cards()
    assert (len(card.labels), list(card.protocols), card.dims) == (labels, protocols, 3)
    assert card.size["labels"] == labels
    assert card.fps == 30
    assert card.obtain
    assert card.licence
    assert card.citation


@pytest.mark.parametrize(("name", "train", "test"), [("ntu60", 20, 20), ("ntu120", 53, 53)])
def test_ntu_cross_subject_divides_all_subjects(name, train, test):
    parts = load_card(name).protocols["xsub"].parts
    assert len(parts["train"]["subject"]) == train
    assert len(parts["test"]["subject"]) == test
    everyone = {*parts["train"]["subject"], *parts["test"]["subject"]}
    assert everyone == {str(i) for i in range(1, train + test + 1)}


@pytest.mark.parametrize(("name", "clips"), [("ntu60", 302), ("ntu120", 535)])
def test_ntu_missing_lists(name, clips):
    names = (load_card(name).folder / "missing_skeletons.txt").read_text().split()
    assert len(set(names)) == len(names) == clips


def test_user_card(write):
    path = write(USER_CARD)
    for given in (path, str(path), path.parent):
        card = load_card(given)
        assert card.name == "my_home"
        assert (card.modality, card.dims, card.adapter) == ("pose2d", 2, "generic")
        assert card.labels == ("walk", "yes", "fall")
        assert card.label_index("fall") == 2
    assert card.protocols["by_person"].parts["train"] == {"subject": ("1", "2")}
    assert card.protocols["one_out"].leave_one_out == "subject"
    assert card.protocols["listed"].lists == {
        "train": str(path.parent / "lists" / "train.txt"),
        "test": str(path.parent / "poses.pkl::xsub_val"),
    }


def test_user_layout_file_beside_the_card(write):
    text = USER_CARD.replace("coco17", "three.yaml")
    with pytest.raises(CardError, match=r"dataset.yaml: layout: no layout file at .*three.yaml"):
        load_card(write(text))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("fps: 25", "fsp: 25", r"unknown key 'fsp'. Did you mean 'fps'\?; missing key 'fps'"),
        ("fps: 25", "fps: fast", "fps must be a number above 0, not 'fast'"),
        ("fps: 25", "fps: -1", "fps must be a number above 0, not -1"),
        ("unit: px", "unit: pixels", "unit 'pixels' is not allowed.*Allowed: m, px, normalised"),
        ("unit: px", "unit: normalised", "needs the key 'modality': pose3d, pose2d"),
        ("coco17", "coco71", "unknown layout 'coco71'.*Did you mean 'coco17'"),
        ('"yes"', "yes", "label True is not text; put it in quotes"),
        ('"yes"', "walk", "labels named more than once: walk"),
        ("[1, 2]", "1", "train: subject needs a list of values, not 1"),
        ("{subject: [3]}", "{person: [3]}", "unknown attribute 'person'.*Allowed: subject"),
        (", test: {subject: [3]}", "", "protocol 'by_person' has no test part"),
        ("leave_one_out: subject", "train: {camera: [1]}", "protocol 'one_out' has no test part"),
        ("leave_one_out: subject, ", "", "needs exactly one of: train and test, leave_one_out"),
        ("disjoint: [subject]}\n  one", "disjoin: []}\n  one", "Did you mean 'disjoint'"),
        ("fps: 25", "fps: [", "not valid YAML"),
    ],
)
def test_wrong_user_cards(write, old, new, message):
    assert old in USER_CARD
    with pytest.raises(CardError, match=message):
        load_card(write(USER_CARD.replace(old, new, 1)))


def test_unknown_dataset():
    with pytest.raises(CardError, match=r"unknown dataset 'nulca'. Did you mean 'nwucla'\?"):
        load_card("nulca")
    with pytest.raises(CardError, match="no such dataset description"):
        load_card("nowhere/dataset.yaml")


def test_project_card_needs_its_description(tmp_path, monkeypatch):
    monkeypatch.setenv("HAR_HOME", str(tmp_path))
    folder = tmp_path / "datasets" / "new"
    folder.mkdir(parents=True)
    (folder / "card.yaml").write_text(USER_CARD)
    with pytest.raises(CardError, match=r"missing key 'title'.*missing key 'licence'"):
        load_card("new")
    text = "title: a\nsource: b\nlicence: c\ncitation: d\nobtain: e\nsize: {}\nname: old\n"
    (folder / "card.yaml").write_text(text + USER_CARD)
    with pytest.raises(CardError, match="name 'old' differs from its folder 'new'"):
        load_card("new")


def test_unknown_label_and_protocol(write):
    card = load_card(write(USER_CARD))
    with pytest.raises(CardError, match=r"unknown label 'fal'. Did you mean 'fall'\?.*walk, yes"):
        card.label_index("fal")
    with pytest.raises(CardError, match=r"unknown protocol 'xsub'.*by_person, one_out, listed"):
        card.protocol("xsub")
