import pytest

from har.paths import datasets_root
from har.taxonomy import MappedLabel, load_crosswalk
from har.taxonomy.compare import compare


@pytest.fixture(scope="module")
def shipped():
    return load_crosswalk(datasets_root())


def test_concepts_of_every_label_in_the_order_of_the_stores(crosswalk):
    assert crosswalk.to_concepts("home") == (
        ("drinking",),
        ("from_cup",),
        ("from_cup", "from_glass"),
        ("falling", "health"),
        ("drinking", "falling"),
        (),
        (),
    )


@pytest.mark.parametrize(
    ("label", "leaves"),
    [
        ("drink", {"from_cup", "from_glass"}),
        ("sip", {"from_cup"}),
        ("cup or glass", {"from_cup", "from_glass"}),
        ("collapse", {"faint"}),
        ("Collapse!", {"faint"}),
        ("drink and fall", {"from_cup", "from_glass", "trip", "faint"}),
        ("groan", set()),
        ("other", set()),
    ],
)
def test_admissible_leaves(crosswalk, label, leaves):
    assert crosswalk.admissible_leaves("home", label) == leaves


def test_labels_of_a_concept(crosswalk):
    assert crosswalk.labels_of("from_cup") == (
        MappedLabel("clinic", "Drink.From_cup", "exact", "from_cup"),
        MappedLabel("home", "sip", "close", "from_cup"),
        MappedLabel("home", "cup or glass", "narrow", "from_cup"),
    )
    below = {(found.dataset, found.label) for found in crosswalk.labels_of("falling", below=True)}
    assert below == {("clinic", "trip"), ("home", "collapse"), ("home", "drink and fall")}


def test_comparison_of_datasets(crosswalk):
    found = compare(crosswalk, "home", "clinic")
    rows = {
        row.concept: ([x.label for x in row.first], [x.label for x in row.second])
        for row in found.shared
    }
    assert rows["from_cup"] == (["sip", "cup or glass"], ["Drink.From_cup"])
    assert rows["drinking"][1] == ["Drink.From_cup"]
    assert rows["health"] == (["collapse"], ["hold the head"])
    assert found.only_first == ("groan", "other")
    assert found.only_second == ()


def test_different_label_sets_meet_in_the_leaves(shipped):
    water = shipped.admissible_leaves("ntu60", "drink water")
    cup = shipped.admissible_leaves("smarthome31", "Drink.Fromcup")
    assert cup < water
    assert shipped.admissible_leaves("synthetic_home", "drink") == water
    assert shipped.admissible_leaves("ntu60", "sneeze/cough") == {"sneezing", "coughing"}
    assert shipped.admissible_leaves("omnifall", "other") == frozenset()
    assert "fall_forward" in shipped.admissible_leaves("ntu120", "falling")


def test_every_mapped_label_but_the_merely_related_admits_some_leaf(shipped):
    leaves = {name for root in shipped.taxonomy.roots for name in shipped.taxonomy.leaves(root)}
    for mapping in shipped.mappings.values():
        for entry, concepts in zip(
            mapping.labels, shipped.to_concepts(mapping.dataset), strict=True
        ):
            admissible = shipped.admissible_leaves(mapping.dataset, entry.label)
            assert bool(admissible) == bool(concepts), (mapping.dataset, entry.label)
            assert admissible <= leaves


@pytest.mark.parametrize("subset", ["ntu60", "smarthome19"])
def test_a_subset_is_mapped_like_its_superset(shipped, subset):
    superset = {"ntu60": "ntu120", "smarthome19": "smarthome31"}[subset]
    for entry in shipped.mapping(subset).labels:
        assert entry.concepts == shipped.mapping(superset).label(entry.label).concepts
