"""The mappings against the class lists that the authors of the datasets publish."""

import re

import pytest

from har.data.cards import list_cards, load_card
from har.paths import datasets_root
from har.taxonomy import load_crosswalk

EXPECTED_COUNTS = {
    "ntu60": 60,
    "ntu120": 120,
    "smarthome31": 31,
    "smarthome19": 19,
    "smarthome_untrimmed": 51,
    "etri_activity3d": 55,
    "pku_mmd": 51,
    "omnifall": 16,
    "upfall": 11,
    "upfall_mediapipe33": 5,
    "ur_fall": 3,
    "le2i": 2,
    "gmdcsa24": 12,
    "gmdcsa24_pose": 12,
    "mpose2021": 20,
    "msr_daily_activity3d": 16,
    "nwucla": 10,
    "utd_mhad": 27,
    "charades": 157,
    "kinetics400": 400,
    "hmdb51": 51,
    "ucf101": 101,
    "synthetic_home": 20,
}
MAPPINGS = load_crosswalk(datasets_root()).mappings
WITH_LIST = sorted(name for name, mapping in MAPPINGS.items() if mapping.class_list)

_FILE_CODE = re.compile(r" \(a\d\d\)$")
_VARIANT = re.compile(r"(.*) \[variant spelling\]$")


def read_class_list(path):
    """Return the classes as (number, name), and other spellings that the list tells."""
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    named = [(int(row[0]), _FILE_CODE.sub("", row[1])) for row in rows if row[0].isdigit()]
    spellings = [found[1] for _, name in named if (found := _VARIANT.match(name))]
    return [(number, name) for number, name in named if not _VARIANT.match(name)], spellings


def test_all_datasets_are_mapped_with_all_their_labels():
    counts = {name: len(mapping.labels) for name, mapping in MAPPINGS.items()}
    assert counts | EXPECTED_COUNTS == counts


@pytest.mark.parametrize("dataset", WITH_LIST)
def test_numbers_and_names_are_the_official_ones(real_data, dataset):
    mapping = MAPPINGS[dataset]
    official, spellings = read_class_list(real_data / "labels" / f"{mapping.class_list}.txt")
    assert [(entry.id, entry.label) for entry in mapping.labels] == official
    assert len(official) == EXPECTED_COUNTS[dataset]
    for spelling in spellings:
        assert spelling in {word for entry in mapping.labels for word in entry.spellings}


def test_few_mappings_have_no_official_list():
    without = {"ur_fall", "le2i", "synthetic_home", "upfall_mediapipe33"}
    assert set(EXPECTED_COUNTS) - set(WITH_LIST) == without


@pytest.mark.parametrize("dataset", list_cards())
def test_card_and_mapping_name_the_same_labels(dataset):
    assert MAPPINGS[dataset].names == load_card(dataset).labels
