"""docs/taxonomy.md, made from the concepts and the mappings."""

from collections import Counter
from collections.abc import Iterator

from har.taxonomy.concept import KINDS
from har.taxonomy.consistency import describe, find_disagreements
from har.taxonomy.crosswalk import Crosswalk
from har.taxonomy.mapping import RELATIONS

SIGNS = {"exact": "=", "close": "~", "narrow": ">", "broad": "<", "related": "&"}

_INTRODUCTION = """\
# Taxonomy of assisted living

<!-- Written by `har taxonomy docs` from the concept and mapping files; edit those. -->

Version {version}: {concepts} concepts, {leaves} of them leaves, in {kinds} kinds. The labels of
{datasets} datasets, {labels} in all, are mapped to them.

The concepts are in `har/taxonomy/concepts/`, one file a kind; the decision for every label of a
dataset is in `datasets/<name>/mapping.yaml`. `har taxonomy show <concept>` and
`har taxonomy diff <dataset> <dataset>` answer questions about them, `har taxonomy validate` checks
them.

## How to read it

- **Risk**: *watch* means that a carer should know, *urgent* that a carer should come. It is a
  property of the concept, not a medical judgement.
- **State or event**: every part of a state is that state too; an event has a beginning and an end.
- **ICF**: code of the activities and participation of the WHO's International Classification of
  Functioning, Disability and Health, where one applies.
- A concept may stand below several others, and then appears more than once in the trees.
- Leaves are taken to cover what is above them: whatever is *drinking* is one of the kinds below it.
- Leaves do not all exclude one another: a fall has a direction and a cause, and who drinks may sit.

## How labels are mapped

The relations are those of SKOS, read from the label: `=` exact, the same meaning; `~` close, nearly
the same; `>` narrow, the label is any of several narrower concepts; `<` broad, the label is a
special case of the concept; `&` related, neither holds the other. A label without a concept has a
reason.

1. The meaning counts, not the name: labels of one meaning are exact with one concept everywhere.
2. What cannot be seen in a body's movement makes no difference, such as what is in the cup.
3. Neither does the side of the body that acts, nor how often it does.
4. The object makes a concept of its own only where it changes the action or matters to care.
5. Labels that read alike and differ in meaning carry a note that says so.
"""


def render(crosswalk: Crosswalk) -> str:
    """Return the page."""
    taxonomy, mappings = crosswalk.taxonomy, crosswalk.mappings.values()
    introduction = _INTRODUCTION.format(
        version=taxonomy.version,
        concepts=len(taxonomy.concepts),
        leaves=sum(not taxonomy.children(identity) for identity in taxonomy.concepts),
        kinds=len(KINDS),
        datasets=len(mappings),
        labels=sum(len(mapping.labels) for mapping in mappings),
    )
    sections = [
        introduction.splitlines(),
        _datasets(crosswalk),
        _trees(crosswalk),
        _coverage(crosswalk),
        _differences(crosswalk),
        _notes(crosswalk),
    ]
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _datasets(crosswalk: Crosswalk) -> Iterator[str]:
    yield "## Datasets"
    yield ""
    yield _row(["dataset", "labels", *RELATIONS, "unmapped"])
    yield _row(["---", *["--:"] * (len(RELATIONS) + 2)])
    for mapping in crosswalk.mappings.values():
        # A label counts once, by its strongest relation.
        strongest = Counter(next(iter(entry.concepts), "unmapped") for entry in mapping.labels)
        counts = [str(strongest[relation] or "") for relation in (*RELATIONS, "unmapped")]
        name = f"[{mapping.dataset}](../datasets/{mapping.dataset}/mapping.yaml)"
        yield _row([name, str(len(mapping.labels)), *counts])


def _trees(crosswalk: Crosswalk) -> Iterator[str]:
    yield "## Concepts"
    for root in crosswalk.taxonomy.roots:
        yield ""
        yield f"### {crosswalk.taxonomy.concept(root).kind.replace('_', ' ').capitalize()}"
        yield ""
        yield from _branch(crosswalk, root, 0)


def _branch(crosswalk: Crosswalk, identity: str, depth: int) -> Iterator[str]:
    concept = crosswalk.taxonomy.concept(identity)
    people = "" if concept.people == "1" else f"{concept.people} people"
    risk = "" if concept.risk == "none" else f"**{concept.risk}**"
    facts = ", ".join(filter(None, (concept.temporal, people, risk, concept.icf)))
    yield f"{'  ' * depth}- `{identity}` ({facts}): {concept.definition}"
    for child in crosswalk.taxonomy.children(identity):
        yield from _branch(crosswalk, child, depth + 1)


def _coverage(crosswalk: Crosswalk) -> Iterator[str]:
    signs = ", ".join(f"`{sign}` {relation}" for relation, sign in SIGNS.items())
    yield "## Coverage"
    yield ""
    yield f"Which datasets have a label for a concept itself; the strongest relation: {signs}."
    yield "Concepts that no dataset has are left out; they are listed below the tables."
    for kind in KINDS:
        yield from _matrix(crosswalk, kind)
    missing = [c for c in crosswalk.taxonomy.concepts if not crosswalk.labels_of(c)]
    yield ""
    yield f"No dataset has a label of its own for: {', '.join(f'`{name}`' for name in missing)}."


def _matrix(crosswalk: Crosswalk, kind: str) -> Iterator[str]:
    signs = {
        concept.id: _signs(crosswalk, concept.id)
        for concept in crosswalk.taxonomy.concepts.values()
        if concept.kind == kind
    }
    datasets = [d for d in crosswalk.mappings if any(d in found for found in signs.values())]
    yield ""
    yield f"### Coverage of {kind.replace('_', ' ')}"
    yield ""
    yield _row(["concept", *datasets])
    yield _row(["---", *[":-:"] * len(datasets)])
    for identity, found in signs.items():
        if found:
            yield _row([f"`{identity}`", *(found.get(dataset, "") for dataset in datasets)])


def _signs(crosswalk: Crosswalk, identity: str) -> dict[str, str]:
    """Return the sign of the strongest relation, by dataset."""
    labels = sorted(
        crosswalk.labels_of(identity), key=lambda label: -RELATIONS.index(label.relation)
    )
    return {label.dataset: f"`{SIGNS[label.relation]}`" for label in labels}


def _differences(crosswalk: Crosswalk) -> Iterator[str]:
    yield "## Labels that read alike and differ"
    yield ""
    for disagreement in find_disagreements(crosswalk.mappings.values()):
        decisions: dict[str, list[str]] = {}
        for dataset, entry in disagreement.labels:
            decisions.setdefault(describe(entry), []).append(f"{dataset} *{entry.label}*")
        told = "; ".join(f"{', '.join(labels)}: {what}" for what, labels in decisions.items())
        yield f"- {told}"


def _notes(crosswalk: Crosswalk) -> Iterator[str]:
    yield "## Notes"
    yield ""
    for mapping in crosswalk.mappings.values():
        if mapping.note:
            yield f"- {mapping.dataset}: {mapping.note}"
        for entry in mapping.labels:
            if entry.note:
                yield f"- {mapping.dataset} *{entry.label}*, {describe(entry)}: {entry.note}"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
