"""``har taxonomy``: the concepts of assisted living and the labels mapped to them.

This module parses the arguments and checks; ``taxonomy_views`` prints.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from har.cli.tables import print_json
from har.errors import TaxonomyError
from har.paths import datasets_root, project_root

INVALID = 1
DESCRIPTION = "The concepts of assisted living, and every dataset's labels mapped to them."


def run(arguments: Sequence[str]) -> int:
    """Run an action of the verb; without one, print a summary."""
    options = _parser().parse_args(arguments)
    status: int = options.action(options)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="har taxonomy", description=DESCRIPTION)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(action=_summary)
    actions = parser.add_subparsers(title="actions", metavar="<action>")

    def add(name: str, action: object, text: str, *, json: bool = True) -> argparse.ArgumentParser:
        added = actions.add_parser(name, help=text, description=text)
        added.set_defaults(action=action)
        if json:
            added.add_argument(
                "--json", action="store_true", default=argparse.SUPPRESS, help="print JSON"
            )
        return added

    add("validate", _validate, "check concepts, mappings and cards; status 1 if one is wrong")
    show = add("show", _show, "print all concepts as a tree, or one with the labels mapped to it")
    show.add_argument("concept", nargs="?", help="id, name or synonym of a concept")
    add("map", _map, "print what the labels of a dataset mean").add_argument("dataset")
    diff = add("diff", _diff, "put the labels of two datasets side by side")
    diff.add_argument("first", metavar="datasetA")
    diff.add_argument("second", metavar="datasetB")
    docs = add("docs", _docs, "write the page of the documentation", json=False)
    docs.add_argument("--output", type=Path, help="default: docs/taxonomy.md of the project")
    docs.add_argument("--check", action="store_true", help="compare with the file, do not write")
    return parser


def _summary(options: argparse.Namespace) -> int:
    from har.cli import taxonomy_views as views
    from har.taxonomy import load_crosswalk

    summary = views.summarise(load_crosswalk(datasets_root()))
    if options.json:
        print_json(summary)
    else:
        views.print_summary(summary)
    return 0


def _validate(options: argparse.Namespace) -> int:
    from har.taxonomy.validate import validate

    outcome = validate(datasets_root())
    problems = [*outcome.problems, *card_problems({m.dataset: m.names for m in outcome.mappings})]
    if options.json:
        print_json({"problems": problems, "summary": outcome.summary})
    else:
        for line in (*problems, outcome.summary):
            print(line)
    return INVALID if problems else 0


def card_problems(mapped: dict[str, tuple[str, ...]]) -> list[str]:
    """Return a line for each dataset whose card and mapping do not name the same labels."""
    from har.data.cards import list_cards, load_card

    problems = []
    for name in list_cards():
        if name not in mapped:
            problems.append(f"{name}: has a card, but no readable mapping.yaml")
        elif load_card(name).labels != mapped[name]:
            problems.append(f"{name}: card.yaml and mapping.yaml differ in the labels or the order")
    return problems


def _show(options: argparse.Namespace) -> int:
    from har.cli import taxonomy_views as views
    from har.taxonomy import load_crosswalk

    crosswalk = load_crosswalk(datasets_root())
    if options.concept is None:
        return views.show_all(crosswalk, as_json=options.json)
    concept = crosswalk.taxonomy.find(options.concept)
    return views.show_concept(crosswalk, concept, as_json=options.json)


def _map(options: argparse.Namespace) -> int:
    from har.cli import taxonomy_views as views
    from har.taxonomy import load_crosswalk

    return views.show_mapping(
        load_crosswalk(datasets_root()), options.dataset, as_json=options.json
    )


def _diff(options: argparse.Namespace) -> int:
    from har.cli import taxonomy_views as views
    from har.taxonomy import load_crosswalk
    from har.taxonomy.compare import compare

    comparison = compare(load_crosswalk(datasets_root()), options.first, options.second)
    return views.show_comparison(comparison, as_json=options.json)


def _docs(options: argparse.Namespace) -> int:
    from har.taxonomy import load_crosswalk
    from har.taxonomy.markdown import render

    path = options.output or project_root() / "docs" / "taxonomy.md"
    page = render(load_crosswalk(datasets_root()))
    if not options.check:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
        print(f"wrote {path}")
    elif not path.is_file() or path.read_text(encoding="utf-8") != page:
        raise TaxonomyError(f"{path} is out of date; run `har taxonomy docs`")
    return 0
