import json

import numpy as np
import pytest
from taxonomy_metrics_helper import TAXONOMY, leaves

from har.errors import HarError, TaxonomyError
from har.evaluation.predictions import Predictions
from har.evaluation.taxonomy_report import (
    taxonomy_lines,
    taxonomy_summary,
    taxonomy_summary_of_atoms,
)
from har.paths import datasets_root
from har.taxonomy import load_crosswalk

KEYS = {
    "taxonomy_version", "clips", "levels", "hierarchical", "mistake_severity", "risk", "falls",
    "unmapped",
}  # fmt: skip
ATOMS = [leaves(name) for name in ("standing", "on_chair", "faint", "after_fall")]


@pytest.fixture(scope="module")
def crosswalk():
    return load_crosswalk(datasets_root())


def predictions_of(names, labels, predicted):
    certain = np.eye(len(names))[[names.index(name) for name in predicted]]
    ids = np.array([f"clip{row}" for row in range(len(labels))])
    unknown = np.full(len(labels), "")
    numbers = np.array([names.index(name) for name in labels])
    return Predictions(certain, numbers, ids, unknown, unknown, names)


def test_a_model_of_omnifall(crosswalk):
    names = crosswalk.mapping("omnifall").names
    predictions = predictions_of(
        names,
        ["fall", "fall", "fallen", "walk", "other", "other"],
        ["fall", "fallen", "lying", "walk", "fall", "other"],
    )
    summary = taxonomy_summary(predictions, "omnifall", crosswalk)
    assert set(summary) == KEYS
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert summary["clips"] == 6
    assert summary["unmapped"] == {"labels": ["other"], "clips": 2}
    assert summary["levels"][0] == {"level": "kind", "accuracy": 3 / 4, "clips": 4}
    assert summary["falls"]["fall"]["sensitivity"] == 1 / 2
    assert summary["falls"]["fall"]["specificity"] == 3 / 4
    assert summary["falls"]["fall_or_fallen"]["sensitivity"] == 2 / 3
    assert summary["risk"]["confusion"] == [[1, 0, 0], [0, 0, 0], [1, 0, 2]]
    assert summary["risk"]["cost"] == 10 / 4
    assert summary["mistake_severity"]["mistakes"] == 2


@pytest.mark.parametrize("dataset", ["omnifall", "upfall", "gmdcsa24", "synthetic_home", "ntu120"])
def test_perfect_predictions_are_perfect(crosswalk, dataset):
    names = crosswalk.mapping(dataset).names
    summary = taxonomy_summary(predictions_of(names, names, names), dataset, crosswalk)
    assert {level["accuracy"] for level in summary["levels"]} <= {1, None}
    hierarchical = summary["hierarchical"]
    assert {hierarchical[name] for name in ("precision", "recall", "f1")} == {1}
    assert summary["mistake_severity"]["mean_over_clips"] == 0
    assert summary["risk"]["cost"] == 0
    falls = summary["falls"]
    assert (falls["fall"]["f1"], falls["fall"]["specificity"], falls["macro_f1"]) == (1, 1, 1)


def test_a_dataset_without_falls(crosswalk):
    names = crosswalk.mapping("nwucla").names
    summary = taxonomy_summary(predictions_of(names, names, names), "nwucla", crosswalk)
    assert summary["falls"] is None
    lines = taxonomy_lines(summary)
    assert not any(line.startswith("falls") for line in lines)
    assert "Risk none for all clips, true and predicted." in lines


def test_classes_that_are_no_labels_are_refused(crosswalk):
    predictions = predictions_of(("fall", "fly"), ["fall"], ["fly"])
    with pytest.raises(TaxonomyError, match="omnifall: unknown label 'fly'"):
        taxonomy_summary(predictions, "omnifall", crosswalk)


def test_atoms_give_the_same_as_labels(crosswalk):
    names = crosswalk.mapping("synthetic_home").names
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.full(len(names), 0.3), size=200)
    labels = rng.integers(len(names), size=200)
    ids, unknown = np.array([str(row) for row in range(200)]), np.full(200, "")
    predictions = Predictions(probabilities, labels, ids, unknown, unknown, names)
    by_labels = taxonomy_summary(predictions, "synthetic_home", crosswalk)
    atoms = [crosswalk.admissible_leaves("synthetic_home", name) for name in names]
    true = [atoms[label] for label in labels]
    assert by_labels == taxonomy_summary_of_atoms(probabilities, atoms, true, crosswalk.taxonomy)


def test_atoms_need_not_be_the_labels():
    probabilities = np.array([[0.1, 0.2, 0.4, 0.3], [0.3, 0.4, 0.1, 0.2], [0.0, 0.0, 0.0, 1.0]])
    true = [leaves("falling"), leaves("posture"), frozenset()]
    summary = taxonomy_summary_of_atoms(probabilities, ATOMS, true, TAXONOMY)
    assert summary["levels"][0] == {"level": "kind", "accuracy": 1, "clips": 2}
    assert summary["falls"]["fall"]["sensitivity"] == 1
    assert summary["unmapped"] == {"labels": [], "clips": 1}


def test_shapes_that_differ_are_refused():
    with pytest.raises(HarError, match=r"must have shape \(1, 4\) and not be empty, got \(2, 4\)"):
        taxonomy_summary_of_atoms(np.ones((2, 4)) / 4, ATOMS, [leaves("faint")], TAXONOMY)
    with pytest.raises(HarError, match="not be empty"):
        taxonomy_summary_of_atoms(np.ones((0, 4)), ATOMS, [], TAXONOMY)


def test_the_text(crosswalk):
    # Walking leaves "situation" open, as wandering is one: 2 concepts of 3 decided ones are right.
    names = crosswalk.mapping("omnifall").names
    predictions = predictions_of(names, ["fall", "walk", "other"], ["fall", "fall", "other"])
    assert taxonomy_lines(taxonomy_summary(predictions, "omnifall", crosswalk)) == [
        "level of the concepts  accuracy  clips",
        "---------------------  --------  -----",
        "kind                     50.0 %  2",
        "depth 1                  50.0 %  2",
        "depth 2                   0.0 %  1",
        "Hierarchical precision 66.7 %, recall 40.0 %, F1 50.0 %.",
        "Severity of mistakes 5.00 of at most 5, over 1 of 2 clips.",
        "",
        "risk, true  as none  as watch  as urgent  clips",
        "----------  -------  --------  ---------  -----",
        "none              0         0          1  1",
        "watch             0         0          0  0",
        "urgent            0         0          1  1",
        "Cost of mistakes 0.50 a clip; 5.00 if nothing were reported.",
        "",
        "falls           sensitivity  specificity      F1  clips",
        "--------------  -----------  -----------  ------  -----",
        "fall                100.0 %       50.0 %  66.7 %  1",
        "fallen                    -      100.0 %       -  0",
        "fall or fallen      100.0 %       50.0 %  66.7 %  1",
        "",
        "Clips whose label has no concept (other), not counted: 1.",
    ]
