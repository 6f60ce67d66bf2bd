"""The cards of assisted-living datasets, and cards of videos without poses."""

import pytest
import yaml

from har.cli.listing import list_datasets
from har.data.adapters.base import load_adapter
from har.data.cards import load_card
from har.errors import CardError, HarError
from har.skeleton.layout import load_layout

GENERAL_SETS = ("charades", "kinetics400", "hmdb51", "ucf101")
VIDEO_SETS = (
    "gmdcsa24",
    "upfall",
    "omnifall",
    "smarthome_untrimmed",
    "ur_fall",
    "le2i",
    *GENERAL_SETS,
)
POSE_SETS = (
    "upfall_mediapipe33",
    "smarthome31",
    "smarthome19",
    "etri_activity3d",
    "pku_mmd",
    "msr_daily_activity3d",
    "mpose2021",
)
VIDEO_CARD = "{modality: video, fps: 25, labels: [fall, other]}"


@pytest.mark.parametrize("name", VIDEO_SETS + POSE_SETS)
def test_cards_say_what_a_user_needs(name):
    card = load_card(name)
    for text in (card.title, card.source, card.licence, card.citation, card.obtain, card.url):
        assert text
    assert card.size["labels"] == len(card.labels)
    assert (card.modality == "video") == (name in VIDEO_SETS)


@pytest.mark.parametrize("name", VIDEO_SETS + POSE_SETS)
def test_protocol_parts_do_not_share_values(name):
    for protocol in load_card(name).protocols.values():
        assert protocol.disjoint or protocol.lists
        for attribute in protocol.disjoint:
            values = [value for part in protocol.parts.values() for value in part[attribute]]
            assert len(values) == len(set(values))


@pytest.mark.parametrize("name", VIDEO_SETS + POSE_SETS)
def test_labels_are_those_of_the_mapping(name):
    card = load_card(name)
    path = card.folder / "mapping.yaml"
    if not path.is_file():
        pytest.skip(f"{name} has no mapping")
    mapping = yaml.safe_load(path.read_text("utf-8"))
    assert [entry["label"] for entry in mapping["labels"]] == list(card.labels)


@pytest.mark.parametrize("name", POSE_SETS)
def test_pose_sets_have_an_adapter(name, tmp_path):
    card = load_card(name)
    assert load_layout(card.layout).num_joints > 0
    adapter = load_adapter(card, tmp_path / "nowhere")
    with pytest.raises(HarError, match="nowhere"):
        adapter.items()


@pytest.mark.parametrize("name", GENERAL_SETS)
def test_general_sets_have_their_official_splits(name):
    for protocol in load_card(name).protocols.values():
        assert protocol.description
        assert {"train", "test"} == set(protocol.parts or protocol.lists)


def test_smarthome_protocols():
    cameras = {
        name: {part: rule["camera"] for part, rule in protocol.parts.items()}
        for name, protocol in load_card("smarthome19").protocols.items()
        if name.startswith("cross_view")
    }
    assert cameras == {
        "cross_view1": {"train": ("1",), "val": ("5",), "test": ("2",)},
        "cross_view2": {"train": ("1", "3", "4", "6", "7"), "val": ("5",), "test": ("2",)},
    }


def test_etri_divides_all_people():
    for protocol in load_card("etri_activity3d").protocols.values():
        everyone = [name for part in protocol.parts.values() for name in part["subject"]]
        assert sorted(everyone, key=int) == [str(number) for number in range(1, 101)]


def test_listing_has_them():
    listed = {dataset["name"]: dataset for dataset in list_datasets()}
    assert set(VIDEO_SETS + POSE_SETS) <= set(listed)
    assert listed["upfall_mediapipe33"]["clips"] == 82
    assert listed["gmdcsa24"]["clips"] is None


class TestVideoCards:
    @pytest.fixture
    def write(self, tmp_path):
        def write(**changes):
            path = tmp_path / "dataset.yaml"
            path.write_text(yaml.safe_dump(yaml.safe_load(VIDEO_CARD) | changes))
            return path

        return write

    def test_need_no_poses(self, write):
        card = load_card(write())
        assert (card.modality, card.layout, card.unit, card.adapter) == ("video", "", "", "")
        assert card.dims == 0

    @pytest.mark.parametrize(
        ("key", "value"), [("layout", "coco17"), ("unit", "px"), ("adapter", "generic")]
    )
    def test_refuse_pose_keys(self, write, key, value):
        with pytest.raises(CardError, match=f"dataset.yaml: {key}: not for modality 'video'"):
            load_card(write(**{key: value}))

    def test_other_cards_need_them(self, write):
        with pytest.raises(CardError, match="missing key 'layout'; missing key 'unit'"):
            load_card(write(modality="pose2d"))
        with pytest.raises(CardError, match="modality 'film' is not allowed"):
            load_card(write(modality="film", layout="coco17", unit="px"))
