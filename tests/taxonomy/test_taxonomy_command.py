import json
import shutil

import pytest

from har.cli import main
from har.cli.taxonomy import card_problems
from har.data.cards import list_cards, load_card
from har.paths import datasets_root, project_root
from har.taxonomy import load_crosswalk
from har.taxonomy.markdown import render


def run(capsys, *arguments, status=0):
    assert main(["taxonomy", *arguments]) == status
    return capsys.readouterr().out


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A copy of the datasets' descriptions that a test may damage."""
    ignore = shutil.ignore_patterns("*.txt")
    shutil.copytree(datasets_root(), tmp_path / "datasets", ignore=ignore)
    monkeypatch.setenv("HAR_HOME", str(tmp_path))
    return tmp_path


def test_summary(capsys):
    assert "taxonomy 1.0.0: " in run(capsys)
    summary = json.loads(run(capsys, "--json"))
    assert summary["datasets"]["ntu60"]["labels"] == 60
    assert sum(summary["kinds"].values()) == sum(summary["risks"].values()) == summary["concepts"]


def test_validate(capsys):
    last = run(capsys, "validate").splitlines()[-1]
    crosswalk = load_crosswalk(datasets_root())
    labels = sum(len(mapping.labels) for mapping in crosswalk.mappings.values())
    assert last == f"{len(crosswalk.mappings)} datasets, {labels} labels, 100% decided"


def test_validate_tells_every_problem_and_fails(project, capsys):
    mapping = project / "datasets" / "ntu60" / "mapping.yaml"
    text = mapping.read_text()
    mapping.write_text(text.replace("exact: [drinking]", "exact: [drinkng]", 1))
    (project / "datasets" / "omnifall" / "mapping.yaml").write_text("labels: [")
    lines = run(capsys, "validate", status=1).splitlines()
    assert "is mapped to an unknown concept 'drinkng'. Did you mean 'drinking'?" in "".join(lines)
    assert any("omnifall/mapping.yaml: not valid YAML" in line for line in lines)
    told = json.loads(run(capsys, "validate", "--json", status=1))
    assert [*told["problems"], told["summary"]] == lines


def test_cards_are_checked_against_the_mappings():
    names = {name: load_card(name).labels for name in list_cards()}
    assert card_problems(names) == []
    names["ntu60"] = names["ntu60"][::-1]
    del names["utd_mhad"]
    assert card_problems(names) == [
        "ntu60: card.yaml and mapping.yaml differ in the labels or the order",
        "utd_mhad: has a card, but no readable mapping.yaml",
    ]


def test_show_a_concept(capsys):
    text = run(capsys, "show", "drink")
    assert "ICF       d560" in text
    assert "Drink.Fromcup" in text
    shown = json.loads(run(capsys, "show", "falling", "--json"))
    assert (shown["id"], shown["risk"]) == ("falling", "urgent")
    assert "fall_forward" in shown["children"]
    assert {"dataset": "ntu60", "label": "falling", "relation": "exact", "concept": "falling"} in (
        shown["labels"]
    )


def test_show_the_tree(capsys):
    text = run(capsys, "show")
    assert "\n  falling  [urgent]  " in text
    assert "\n    fall_forward  [urgent]  " in text
    assert len(json.loads(run(capsys, "--json", "show"))) > 400


def test_map(capsys):
    assert "sneezing, coughing" in run(capsys, "map", "ntu60")
    shown = json.loads(run(capsys, "map", "omnifall", "--json"))
    assert shown["labels"][2]["concepts"] == {"exact": ["fallen"]}


def test_diff(capsys):
    text = run(capsys, "diff", "ntu60", "smarthome31")
    row = next(line for line in text.splitlines() if line.startswith("drinking "))
    assert "drink water" in row
    assert "Drink.Fromcup [below]" in row
    assert "only smarthome31 (" in text
    shown = json.loads(run(capsys, "diff", "pku_mmd", "ntu60", "--json"))
    assert "bow" not in shown["only_first"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "drinkng"], "error: no concept is called 'drinkng'. Did you mean 'drink"),
        (["map", "ntu61"], "error: dataset 'ntu61' has no label mapping. Did you mean 'ntu60'?"),
        (["diff", "ntu60", "x"], "error: dataset 'x' has no label mapping."),
    ],
)
def test_mistakes_are_told_without_a_traceback(capsys, arguments, message):
    assert main(["taxonomy", *arguments]) == 2
    assert capsys.readouterr().err.startswith(message)


def test_the_page_of_the_documentation_is_up_to_date():
    page = project_root() / "docs" / "taxonomy.md"
    assert page.read_text(encoding="utf-8") == render(load_crosswalk(datasets_root())), (
        "run `har taxonomy docs`"
    )


def test_docs_writes_and_checks(tmp_path, capsys):
    page = tmp_path / "new" / "page.md"
    assert main(["taxonomy", "docs", "--check", "--output", str(page)]) == 2
    assert "is out of date; run `har taxonomy docs`" in capsys.readouterr().err
    assert "wrote " in run(capsys, "docs", "--output", str(page))
    assert run(capsys, "docs", "--check", "--output", str(page)) == ""
