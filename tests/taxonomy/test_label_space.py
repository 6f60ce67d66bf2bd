"""HOME and CLINIC of conftest, and datasets made for one question."""

from pathlib import Path

import numpy as np
import pytest

from har.errors import TaxonomyError
from har.paths import project_root
from har.taxonomy import load_crosswalk
from har.taxonomy.label_space import LabelSpace, separate_space, shared_space


@pytest.fixture
def space(crosswalk) -> LabelSpace:
    names = ("home", "clinic")
    return shared_space(crosswalk, {name: crosswalk.mapping(name).names for name in names})


def outputs_of(space: LabelSpace, dataset: str, label: str) -> set[str]:
    row = space.admissible[space.labels.index((dataset, label))]
    return {output.name for output, right in zip(space.outputs, row, strict=True) if right}


def test_a_coarse_and_a_fine_label_share_outputs(space):
    assert outputs_of(space, "clinic", "Drink.From_cup") == {"from_cup"}
    assert outputs_of(space, "home", "sip") == {"from_cup"}
    assert outputs_of(space, "home", "cup or glass") == {"from_glass"}, "sip takes the cup"


def test_a_special_case_is_an_output_of_its_own_below_its_concept(space):
    (name,) = outputs_of(space, "home", "collapse")
    output = next(output for output in space.outputs if output.name == name)
    assert name == "home/collapse"
    assert output.leaves == {"faint"}, "below both of its concepts"
    assert outputs_of(space, "home", "drink and fall") == {"home/drink and fall"}


def test_a_special_case_is_right_for_a_wider_label_of_another_dataset(crosswalk, write_mapping):
    write_mapping("wide", "labels:\n  - {id: 0, label: falling down, exact: [falling]}\n")
    crosswalk = load_crosswalk(write_mapping("wide", WIDE).parent.parent, crosswalk.taxonomy)
    names = {name: crosswalk.mapping(name).names for name in ("wide", "home")}
    space = shared_space(crosswalk, names)
    assert {"home/collapse", "home/drink and fall"} < outputs_of(space, "wide", "falling down")


WIDE = "labels:\n  - {id: 0, label: falling down, exact: [falling]}\n"


def test_labels_without_a_concept_are_untaught(space):
    assert space.untaught == (("home", "groan"), ("home", "other"))


def test_every_other_label_of_a_training_dataset_can_be_told_apart(space):
    view = space.view("home")
    assert view.groups == ("drink", "sip", "cup or glass", "collapse", "drink and fall")
    assert view.group_of_label.tolist() == [0, 1, 2, 3, 4, -1, -1]


def test_leaves_that_no_label_tells_apart_are_one_output(crosswalk):
    space = shared_space(crosswalk, {"home": ("collapse",), "clinic": ("trip",)})
    assert len(space.outputs) == 2


def test_probabilities_of_a_view_sum_to_1(space):
    rng = np.random.default_rng(0)
    outputs = rng.dirichlet(np.ones(len(space.outputs)), size=7)
    for dataset in space.datasets:
        probabilities = space.view(dataset).group_probabilities(outputs)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_no_mass_on_a_dataset_is_shared_evenly(space):
    view = space.view("clinic")
    outputs = np.where(view.projection.any(axis=1), 0.0, 1.0)[None]
    np.testing.assert_allclose(view.group_probabilities(outputs), 1 / len(view.groups))


def test_an_unseen_dataset_is_seen_as_finely_as_the_outputs_allow(crosswalk):
    space = shared_space(crosswalk, {"clinic": crosswalk.mapping("clinic").names})
    view = space.unseen_view(crosswalk, "home", crosswalk.mapping("home").names)
    assert view.groups == ("drink | sip | cup or glass", "drink and fall")
    assert view.group_of_label.tolist() == [0, 0, 0, -1, 1, -1, -1]


def test_separate_heads_share_nothing(crosswalk):
    names = {name: crosswalk.mapping(name).names for name in ("home", "clinic")}
    space = separate_space(names, crosswalk)
    assert np.array_equal(space.admissible, np.eye(10, dtype=bool))
    assert space.competing[:7, :7].all()
    assert not space.competing[:7, 7:].any()
    assert [o.name for o in space.outputs][:2] == ["home/drink", "home/sip"]


def test_a_dataset_that_does_not_train_is_named(space):
    with pytest.raises(TaxonomyError, match="'gym' does not train here: home, clinic do"):
        space.view("gym")


@pytest.fixture(scope="module")
def everything() -> tuple:
    crosswalk = load_crosswalk(Path(project_root() / "datasets"))
    return crosswalk, {name: m.names for name, m in crosswalk.mappings.items()}


def test_all_mapped_datasets_together(everything):
    crosswalk, names = everything
    space = shared_space(crosswalk, names)
    assert space.datasets == tuple(names)
    assert len({output.name for output in space.outputs}) == len(space.outputs)
    mapped = {
        (dataset, label)
        for dataset, labels in names.items()
        for label in labels
        if crosswalk.admissible_leaves(dataset, label)
    }
    assert mapped == set(space.labels) - set(space.untaught)


@pytest.mark.parametrize("dataset", ["nwucla", "utd_mhad", "synthetic_home", "ntu120", "charades"])
def test_no_label_of_a_dataset_is_lost_in_the_shared_space(everything, dataset):
    crosswalk, names = everything
    view = shared_space(crosswalk, names).view(dataset)
    assert view.groups == tuple(names[dataset])
