"""What ``har taxonomy`` prints."""

from collections import Counter
from dataclasses import asdict
from typing import Any

from har.cli.tables import print_json, print_table
from har.taxonomy import Concept, Crosswalk, LabelMapping, MappedLabel
from har.taxonomy.compare import Comparison


def summarise(crosswalk: Crosswalk) -> dict[str, Any]:
    """Return the numbers of concepts and of labels."""
    taxonomy = crosswalk.taxonomy
    concepts = taxonomy.concepts.values()
    return {
        "version": taxonomy.version,
        "concepts": len(taxonomy.concepts),
        "leaves": sum(not taxonomy.children(concept.id) for concept in concepts),
        "levels": len(taxonomy.levels),
        "kinds": dict(Counter(concept.kind for concept in concepts)),
        "risks": dict(Counter(concept.risk for concept in concepts)),
        "datasets": {
            name: {
                "labels": len(mapping.labels),
                "exact": sum("exact" in entry.concepts for entry in mapping.labels),
                "mapped": sum(bool(entry.concepts) for entry in mapping.labels),
                "unmapped": sum(bool(entry.unmapped) for entry in mapping.labels),
            }
            for name, mapping in crosswalk.mappings.items()
        },
    }


def print_summary(summary: dict[str, Any]) -> None:
    """Print the numbers, and how to see more."""
    print(
        f"taxonomy {summary['version']}: {summary['concepts']} concepts, {summary['leaves']} of "
        f"them leaves, on {summary['levels']} levels"
    )
    for title in ("kinds", "risks"):
        print(f"{title}: {', '.join(f'{name} {n}' for name, n in summary[title].items())}")
    print()
    print_table(
        [
            {"dataset": name, **{column: str(count) for column, count in counts.items()}}
            for name, counts in summary["datasets"].items()
        ]
    )
    print(
        "\n`har taxonomy show [concept]`, `map <dataset>`, `diff <a> <b>` and `validate` tell more"
    )


def show_all(crosswalk: Crosswalk, *, as_json: bool) -> int:
    """Print all concepts."""
    taxonomy = crosswalk.taxonomy
    if as_json:
        print_json([asdict(concept) for concept in taxonomy.concepts.values()])
        return 0
    for root in taxonomy.roots:
        _print_branch(crosswalk, root, 0)
    return 0


def _print_branch(crosswalk: Crosswalk, identity: str, depth: int) -> None:
    risk = crosswalk.taxonomy.concept(identity).risk
    labels = len(crosswalk.labels_of(identity))
    marks = [f"[{risk}]" if risk != "none" else "", f"{labels} labels" if labels else ""]
    print("  " * depth + "  ".join(filter(None, (identity, *marks))))
    for child in crosswalk.taxonomy.children(identity):
        _print_branch(crosswalk, child, depth + 1)


def show_concept(crosswalk: Crosswalk, concept: Concept, *, as_json: bool) -> int:
    """Print a concept and the labels at or below it."""
    taxonomy = crosswalk.taxonomy
    children = taxonomy.children(concept.id)
    labels = crosswalk.labels_of(concept.id, below=True)
    if as_json:
        print_json({**asdict(concept), "children": children, "labels": [asdict(x) for x in labels]})
        return 0
    print(f"{concept.id}: {concept.definition}")
    facts = {
        "synonyms": ", ".join(concept.synonyms),
        "kind": f"{concept.kind}, {concept.temporal}, people: {concept.people}",
        "risk": concept.risk,
        "ICF": concept.icf,
        "parents": ", ".join(concept.parents),
        "children": ", ".join(children),
    }
    for name, text in facts.items():
        print(f"  {name:<9} {text or '-'}")
    print()
    print_table(_label_rows(labels))
    return 0


def _label_rows(labels: tuple[MappedLabel, ...]) -> list[dict[str, str]]:
    return [
        {"dataset": x.dataset, "label": x.label, "relation": x.relation, "concept": x.concept}
        for x in labels
    ]


def show_mapping(crosswalk: Crosswalk, dataset: str, *, as_json: bool) -> int:
    """Print the decisions for all labels of a dataset."""
    mapping = crosswalk.mapping(dataset)
    if as_json:
        print_json(asdict(mapping))
        return 0
    print_table([_mapping_row(entry) for entry in mapping.labels])
    if mapping.note:
        print(f"\n{mapping.note}")
    return 0


def _mapping_row(entry: LabelMapping) -> dict[str, str]:
    links = list(entry.links())
    return {
        "id": str(entry.id),
        "label": entry.label,
        "relation": ", ".join(dict.fromkeys(relation for relation, _ in links)) or "unmapped",
        "concepts": ", ".join(concept for _, concept in links) or entry.unmapped,
        "note": entry.note,
    }


def show_comparison(comparison: Comparison, *, as_json: bool) -> int:
    """Print the concepts that two datasets share, and the labels that only one has."""
    if as_json:
        print_json(asdict(comparison))
        return 0
    first, second = comparison.first_name, comparison.second_name
    print_table(
        [
            {
                "concept": row.concept,
                first: ", ".join(_told(label, row.concept) for label in row.first),
                second: ", ".join(_told(label, row.concept) for label in row.second),
            }
            for row in comparison.shared
        ]
    )
    for name, only in ((first, comparison.only_first), (second, comparison.only_second)):
        print(f"\nonly {name} ({len(only)}): {', '.join(only) or 'nothing'}")
    return 0


def _told(label: MappedLabel, concept: str) -> str:
    """Return a label with how it is linked, unless it means just the concept."""
    if label.concept != concept:
        return f"{label.label} [below]"
    return label.label if label.relation == "exact" else f"{label.label} [{label.relation}]"
