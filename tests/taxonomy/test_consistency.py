import pytest

from har.paths import datasets_root
from har.taxonomy.consistency import find_disagreements, find_misreadings, normalised
from har.taxonomy.mapping_files import read_mapping
from har.taxonomy.validate import validate

PLAIN = "labels:\n  - {id: 0, label: Sip_Tea, exact: [from_cup]}\n"
OTHER = "labels:\n  - {id: 0, label: sipping (tea) tea, exact: [drinking]}\n"


@pytest.mark.parametrize(
    "labels",
    [
        ("brush_hair", "Brushing hair", "BrushHair", "brushing some hair"),
        ("Sitdown", "sit_down", "sitting down", "Sit_down"),
        ("write", "Writing"),
        ("make a phone call", "make phone call"),
        ("WatchTV", "Watch_TV"),
        ("hand waving", "hand wave"),
        ("clap", "clapping", "claps"),
    ],
)
def test_labels_that_read_alike(labels):
    assert len({normalised(label) for label in labels}) == 1


def test_labels_that_do_not():
    labels = ("stand", "stand up", "sit", "sit down", "push", "push up", "lying", "lie down")
    assert len({normalised(label) for label in labels}) == len(labels)


def test_a_disagreement_wants_a_note(write_mapping):
    first = read_mapping(write_mapping("a", PLAIN))
    second = read_mapping(write_mapping("b", OTHER))
    (found,) = find_disagreements([first, second])
    assert not found.is_explained
    assert str(found) == (
        "labels that read 'siptea' differ: a 'Sip_Tea' exact from_cup; "
        "b 'sipping (tea) tea' exact drinking"
    )
    noted = read_mapping(write_mapping("b", OTHER.replace("]}", "], note: From any vessel.}")))
    (found,) = find_disagreements([first, noted])
    assert found.is_explained
    assert find_disagreements([first, first]) == []


def test_a_label_that_reads_like_another_concept_wants_a_note(tree, write_mapping):
    text = "labels:\n  - {id: 0, label: trips, exact: [pain]}\n"
    (found,) = find_misreadings([read_mapping(write_mapping("a", text))], tree)
    assert found.startswith("a: label 'trips' reads like trip, but is exact pain; map it so, or")
    noted = text.replace("]}", "], note: Journeys.}")
    assert find_misreadings([read_mapping(write_mapping("a", noted))], tree) == []


def test_the_project_is_valid():
    outcome = validate(datasets_root())
    assert outcome.problems == ()
    assert outcome.summary.endswith(" labels, 100% decided")


def test_one_bad_file_does_not_hide_the_others(concept_folder, tree_text, write_mapping, tmp_path):
    write_mapping("a", "labels: [")
    write_mapping(
        "b", "labels:\n  - {id: 0, label: trip}\n  - {id: 1, label: y, exact: [nothing]}\n"
    )
    concepts = concept_folder(tree_text)
    outcome = validate(tmp_path / "datasets", concepts)
    assert len(outcome.problems) == 3
    assert outcome.summary == "1 datasets, 2 labels, 50% decided"
    (concepts / "activity.yaml").write_text("kind: x")
    assert "kind 'x' is not allowed" in " ".join(validate(tmp_path / "datasets", concepts).problems)
