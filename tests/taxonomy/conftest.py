"""A taxonomy and datasets small enough to reason about."""

import pytest
from taxonomy_helper import CONCEPTS, concept_text

from har.taxonomy import load_crosswalk, load_taxonomy

# activity: drinking (from_cup, from_glass), falling (trip, faint), health (pain, faint)
TREE = {
    "activity": (),
    "drinking": ("activity",),
    "from_cup": ("drinking",),
    "from_glass": ("drinking",),
    "falling": ("activity",),
    "health": ("activity",),
    "trip": ("falling",),
    "faint": ("falling", "health"),
    "pain": ("health",),
}


@pytest.fixture
def concept_folder(tmp_path):
    """A function that writes one file of concepts and returns its folder."""

    def write(text):
        folder = tmp_path / "concepts"
        folder.mkdir(exist_ok=True)
        (folder / "activity.yaml").write_text(text)
        return folder

    return write


@pytest.fixture
def tree_text():
    return CONCEPTS + "".join(concept_text(name, parents) for name, parents in TREE.items())


@pytest.fixture
def tree(concept_folder, tree_text):
    return load_taxonomy(concept_folder(tree_text))


@pytest.fixture
def write_mapping(tmp_path):
    """A function that writes the mapping of a dataset and returns its path."""

    def write(dataset, text):
        folder = tmp_path / "datasets" / dataset
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "mapping.yaml").write_text(text)
        return folder / "mapping.yaml"

    return write


HOME = """
note: Recorded at home.
reasons: {rest: What the other classes leave over}
labels:
  - {id: 1, label: drink, exact: [drinking]}
  - {id: 2, label: sip, close: [from_cup], related: [pain]}
  - {id: 3, label: cup or glass, narrow: [from_cup, from_glass]}
  - {id: 4, label: collapse, broad: [falling, health], spellings: [Collapse!]}
  - {id: 5, label: drink and fall, broad: [drinking, falling], note: Two at once.}
  - {id: 6, label: groan, related: [pain]}
  - {id: 7, label: other, unmapped: rest}
"""
CLINIC = """
class_list: clinic3
labels:
  - {id: 0, label: Drink.From_cup, exact: [from_cup]}
  - {id: 1, label: trip, exact: [trip]}
  - {id: 2, label: hold the head, exact: [pain]}
"""


@pytest.fixture
def crosswalk(tree, tmp_path, write_mapping):
    write_mapping("home", HOME)
    write_mapping("clinic", CLINIC)
    return load_crosswalk(tmp_path / "datasets", tree)
