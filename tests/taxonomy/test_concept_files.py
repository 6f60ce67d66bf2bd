import re

import pytest
from taxonomy_helper import CONCEPTS, concept_text

from har.errors import TaxonomyError
from har.taxonomy import load_taxonomy


def changed(**changes):
    return CONCEPTS + concept_text("activity") + concept_text("sip", ["activity"], **changes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (changed(definition=None), "activity.yaml: concept 'sip': missing key 'definition'"),
        (changed(risks="none"), "unknown key 'risks'. Did you mean 'risk'?"),
        (changed(risk="urgnt"), "risk 'urgnt' is not allowed. Did you mean 'urgent'? Allowed: no"),
        (changed(people=3), "people '3' is not allowed. Allowed: 1, 2, many"),
        (changed(temporal="long"), "temporal 'long' is not allowed. Allowed: state, event"),
        (changed(id="Sip"), "concept 'Sip': id must be in snake_case"),
        (changed(id=7), "concept '7': id must be in snake_case"),
        (changed(name=7), "concept 'sip': name must be text, not 7"),
        (changed(icf="410"), "icf must be a code such as d410 or d4103, not 410"),
        (changed(parents="activity"), "parents must be a list of words, not 'activity'"),
        (changed(parents="[a, a]"), "parents names something twice: a, a"),
        (changed(parents="[actvity]"), "unknown parent 'actvity'. Did you mean 'activity'?"),
        (changed(parents="[]"), "concept 'sip' is an orphan: it has no parents and is not the"),
        (changed(parents="[sip]"), "concepts form a cycle: sip -> sip"),
        (changed(id="activity"), "concept 'activity' is defined 2 times; keep one"),
        (changed(synonyms="[Activity]"), "the word 'activity' stands for more than one concept"),
        (changed().replace("1.0.0", "1.0"), "version must look like 1.0.0, not 1.0"),
        (changed().replace("kind: activity", "kind: actvity"), "Did you mean 'activity'?"),
        (changed().replace("root: activity", "root: top"), "root 'top' is not a concept."),
        (changed().replace("root: activity", "root: sip"), "root 'sip' has parents: activity"),
        (changed().replace("root: activity", ""), "activity.yaml: missing key 'root'"),
        (CONCEPTS, "concepts must be a list with at least one concept"),
        (CONCEPTS + "  - sip", "every concept needs keys and values, not 'sip'"),
        (CONCEPTS + "  - [", "activity.yaml: not valid YAML"),
        ("- a", "must hold keys and values, not ['a']"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(concept_folder, text, message):
    with pytest.raises(TaxonomyError, match=re.escape(message)) as caught:
        load_taxonomy(concept_folder(text))
    assert all(line.strip() for line in str(caught.value).splitlines())


def test_a_longer_cycle_is_told_with_all_its_members(concept_folder, tree_text):
    text = tree_text.replace(
        concept_text("drinking", ["activity"]), concept_text("drinking", ["from_cup"])
    )
    with pytest.raises(TaxonomyError, match=r"cycle: (\w+ -> ){2}\w+$"):
        load_taxonomy(concept_folder(text))


def test_all_problems_are_told_at_once(concept_folder):
    text = changed(risk="red", people=9)
    with pytest.raises(TaxonomyError) as caught:
        load_taxonomy(concept_folder(text))
    assert len(str(caught.value).splitlines()) == 2


def test_files_of_different_versions(concept_folder):
    folder = concept_folder(changed())
    other = changed().replace("1.0.0", "1.1.0").replace("activity", "posture")
    (folder / "posture.yaml").write_text(other)
    with pytest.raises(TaxonomyError, match=r"differ in version.*activity.yaml 1.0.0, posture"):
        load_taxonomy(folder)


def test_an_empty_folder(tmp_path):
    with pytest.raises(TaxonomyError, match="holds no concept files"):
        load_taxonomy(tmp_path)
