import re

import pytest

from har.errors import TaxonomyError
from har.taxonomy import load_crosswalk
from har.taxonomy.mapping_files import mapping_problems, read_mapping


def one(decision):
    return f"labels:\n  - {{id: 1, label: sip, {decision}}}\n"


def test_reading(crosswalk):
    home = crosswalk.mapping("home")
    assert (home.dataset, home.note, home.class_list) == ("home", "Recorded at home.", "")
    assert home.names[:2] == ("drink", "sip")
    assert list(home.label("sip").links()) == [("close", "from_cup"), ("related", "pain")]
    assert home.label("Collapse!") is home.label("collapse")
    assert home.label("other").unmapped == "What the other classes leave over"
    assert crosswalk.mapping("clinic").class_list == "clinic3"
    with pytest.raises(TaxonomyError, match=r"home: unknown label 'drnk'. Did you mean 'drink'\?"):
        home.label("drnk")
    with pytest.raises(TaxonomyError, match=r"'hme' has no label mapping. Did you mean 'home'\?"):
        crosswalk.mapping("hme")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (one("exat: [drinking]"), "label 'sip': unknown key 'exat'. Did you mean 'exact'?"),
        (one("exact: drinking"), "label 'sip': exact must be a list of words, not 'drinking'"),
        (one("unmapped: rset"), "unmapped 'rset' is none of the file's reasons: none."),
        (one("unmapped: true"), "unmapped must be text, not True"),
        (one("note: 1"), "note must be text, not 1"),
        (one("x: 1").replace("id: 1, ", ""), "label 'sip': missing key 'id'"),
        (
            one("x: 1").replace("id: 1", "id: a"),
            "id must be the whole number of the class, not 'a'",
        ),
        (one("exact: [a]") + "  - {id: 2, label: sip}", "label 'sip' stands twice"),
        (one("exact: [a]") + "  - {id: 1, label: gulp}", "id 1 stands twice"),
        ("labels: []", "labels must be a list with at least one label"),
        ("labels: [sip]", "every label needs keys and values, not 'sip'"),
        ("reasons: [a]\nlabels: [sip]", "reasons must be words with their texts"),
        ("labels: [", "not valid YAML"),
    ],
)
def test_malformed_files(write_mapping, text, message):
    with pytest.raises(TaxonomyError, match=re.escape(message)):
        read_mapping(write_mapping("home", text))


@pytest.mark.parametrize(
    ("decision", "problem"),
    [
        ("note: hm", "home: label 'sip' has no decision; give it one of exact, close, narrow, bro"),
        ("exact: [drinkng]", "unknown concept 'drinkng'. Did you mean 'drinking'?"),
        ("exact: [pain], unmapped: No use", "is both mapped and unmapped; keep one"),
        ("exact: [pain, trip]", "means exactly pain, trip: it can be exact with one concept only"),
        ("exact: [pain], broad: [pain]", "has more than one relation to 'pain'"),
    ],
)
def test_wrong_decisions(tree, write_mapping, tmp_path, decision, problem):
    (found,) = mapping_problems(read_mapping(write_mapping("home", one(decision))), tree)
    assert problem in found
    with pytest.raises(TaxonomyError, match=re.escape(problem)):
        load_crosswalk(tmp_path / "datasets", tree)


def test_a_folder_without_mappings(tmp_path, tree):
    with pytest.raises(TaxonomyError, match=r"holds no <dataset>/mapping.yaml"):
        load_crosswalk(tmp_path, tree)
