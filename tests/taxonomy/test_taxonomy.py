import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from har.errors import TaxonomyError
from har.taxonomy import load_taxonomy
from har.taxonomy.concept import KINDS, RISKS

SHIPPED = load_taxonomy()
CONCEPTS = st.sampled_from(sorted(SHIPPED.concepts))


def test_relations_of_a_small_tree(tree):
    assert tree.roots == ("activity",)
    assert tree.children("falling") == ("trip", "faint")
    assert tree.ancestors("faint") == ("falling", "health", "activity")
    assert tree.descendants("activity")[:3] == ("drinking", "falling", "health")
    assert tree.leaves("falling") == {"trip", "faint"}
    assert tree.leaves("pain") == {"pain"}
    assert tree.levels == (
        ("activity",),
        ("drinking", "falling", "health"),
        ("from_cup", "from_glass", "trip", "faint", "pain"),
    )


def test_a_concept_is_found_by_its_words():
    assert SHIPPED.find("Drink").id == SHIPPED.find("drinking").id == "drinking"
    assert SHIPPED.find("fall forward").id == "fall_forward"
    with pytest.raises(TaxonomyError, match=r"no concept is called 'drinkng'. Did you mean 'drink"):
        SHIPPED.find("drinkng")
    with pytest.raises(TaxonomyError, match=r"unknown concept 'fallling'. Did you mean 'falling'"):
        SHIPPED.concept("fallling")


@settings(max_examples=30)
@given(CONCEPTS)
def test_descendants_and_ancestors_are_inverse(identity):
    assert all(identity in SHIPPED.ancestors(below) for below in SHIPPED.descendants(identity))
    assert identity not in SHIPPED.ancestors(identity)


@settings(max_examples=30)
@given(CONCEPTS)
def test_leaves_are_the_leaves_of_the_children(identity):
    children = SHIPPED.children(identity)
    expected = set().union(*map(SHIPPED.leaves, children)) if children else {identity}
    assert SHIPPED.leaves(identity) == expected


def test_levels_hold_every_concept_below_its_parents():
    depth = {name: level for level, names in enumerate(SHIPPED.levels) for name in names}
    assert set(depth) == set(SHIPPED.concepts)
    assert all(
        depth[parent] < depth[concept.id]
        for concept in SHIPPED.concepts.values()
        for parent in concept.parents
    )


def test_the_shipped_concepts_have_all_kinds_and_are_told_in_one_sentence():
    concepts = SHIPPED.concepts.values()
    assert [SHIPPED.concept(root).kind for root in SHIPPED.roots] == list(KINDS)
    assert {concept.risk for concept in concepts} == set(RISKS)
    assert {concept.people for concept in concepts} == {"1", "2", "many"}
    for concept in concepts:
        assert concept.definition.endswith("."), concept.id
        assert ". " not in concept.definition, concept.id


def test_the_situations_of_assisted_living_are_there():
    wanted = """
        fall_forward fall_backward fall_sideways fall_from_chair fall_from_bed fall_while_walking
        fall_by_tripping fall_by_slipping fallen long_lie lying_in_bed near_fall staggering crawling
        call_for_help chest_pain neck_pain head_pain back_pain vomiting coughing fainting wandering
        immobility taking_medication eating drinking putting_on_clothes toileting personal_hygiene
        transferring walking_with_walker walking_with_cane using_wheelchair
    """
    assert set(wanted.split()) <= set(SHIPPED.concepts)


def test_every_fall_is_urgent():
    assert {SHIPPED.concept(name).risk for name in SHIPPED.descendants("falling")} == {"urgent"}


def test_the_package_needs_neither_torch_nor_numpy():
    code = "import sys, har.taxonomy; print({'torch', 'numpy'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == "set()"
