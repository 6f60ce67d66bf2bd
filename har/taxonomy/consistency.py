"""Whether labels mean what they read like: the same in all datasets, and as the concepts' words.

Names do differ in meaning now and then; a ``note`` at the label explains it, and is asked for.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from har.taxonomy.mapping import DatasetMapping, LabelMapping
from har.taxonomy.taxonomy import Taxonomy

_IN_BRACKETS = re.compile(r"\([^)]*\)")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_FILL_WORDS = frozenset({"a", "an", "the", "some", "someone", "is"})


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Labels of one name that are mapped differently.

    Attributes:
        name: what the labels have in common once they are normalised.
        labels: (dataset, label) of all of them.
        is_explained: whether notes explain every decision but the usual one.
    """

    name: str
    labels: tuple[tuple[str, LabelMapping], ...]
    is_explained: bool

    def __str__(self) -> str:
        told = "; ".join(
            f"{dataset} '{entry.label}' {describe(entry)}" for dataset, entry in self.labels
        )
        return f"labels that read '{self.name}' differ: {told}"


def find_disagreements(mappings: Iterable[DatasetMapping]) -> list[Disagreement]:
    """Return the names that different datasets map differently, by name."""
    groups: dict[str, list[tuple[str, LabelMapping]]] = defaultdict(list)
    for mapping in mappings:
        for entry in filter(_is_decided, mapping.labels):
            groups[normalised(entry.label)].append((mapping.dataset, entry))
    return [
        Disagreement(name, tuple(labels), _is_explained(labels))
        for name, labels in sorted(groups.items())
        if len({_decision(entry) for _, entry in labels}) > 1
    ]


def find_misreadings(mappings: Iterable[DatasetMapping], taxonomy: Taxonomy) -> list[str]:
    """Return a line for each label without a note that reads like a concept it is not linked to."""
    concepts: dict[str, set[str]] = defaultdict(set)
    for concept in taxonomy.concepts.values():
        for word in (concept.name, *concept.synonyms):
            concepts[normalised(word)].add(concept.id)
    return [
        f"{mapping.dataset}: label '{entry.label}' reads like {' or '.join(sorted(alike))}, but is "
        f"{describe(entry)}; map it so, or say why not in a note"
        for mapping in mappings
        for entry in filter(_is_decided, mapping.labels)
        if (alike := concepts.get(normalised(entry.label), set())) and not entry.note
        if alike.isdisjoint(concept for _, concept in entry.links())
    ]


def normalised(label: str) -> str:
    """Return what is left of a label without case, spaces, brackets, fill words and word endings.

    ``brush_hair``, ``BrushingHair`` and ``brushing some hair`` all become ``brushhair``.
    """
    words = [word.lower() for word in _WORD.findall(_IN_BRACKETS.sub(" ", label))]
    stems = [_stem(word) for word in words if word not in _FILL_WORDS]
    return "".join(stems) or label.lower()


def describe(entry: LabelMapping) -> str:
    """Return a decision in words: ``exact drinking``, ``unmapped``."""
    if entry.unmapped:
        return "unmapped"
    pairs = groupby(entry.links(), key=lambda link: link[0])
    return ", ".join(
        f"{relation} {' + '.join(concept for _, concept in links)}" for relation, links in pairs
    )


def _stem(word: str) -> str:
    if word.endswith("ing") and len(word) > 5:
        word = word[:-3]
        if word[-1] == word[-2] and word[-1] not in "ls":
            word = word[:-1]
    return word.removesuffix("s").removesuffix("e") if len(word) > 3 else word


def _is_decided(entry: LabelMapping) -> bool:
    return entry.is_decided


def _decision(entry: LabelMapping) -> tuple[tuple[str, str], ...]:
    return tuple(entry.links())


def _is_explained(labels: list[tuple[str, LabelMapping]]) -> bool:
    unexplained = {_decision(entry) for _, entry in labels if not entry.note}
    return len(unexplained) <= 1
