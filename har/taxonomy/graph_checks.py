"""Whether concepts form a taxonomy: unique, all below a root, and without circles."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from har.errors import did_you_mean
from har.taxonomy.concept import Concept


def graph_problems(concepts: Sequence[Concept], roots: Collection[str]) -> list[str]:
    """Return a line for each duplicate, unknown parent, orphan, circle and ambiguous word."""
    by_id = {concept.id: concept for concept in concepts}
    return [
        *_duplicates(concepts),
        *_unknown_parents(by_id),
        *_orphans(by_id, roots),
        *_cycles(by_id),
        *_ambiguous_words(by_id),
    ]


def _duplicates(concepts: Sequence[Concept]) -> list[str]:
    counts = Counter(concept.id for concept in concepts)
    return [
        f"concept '{identity}' is defined {count} times; keep one"
        for identity, count in counts.items()
        if count > 1
    ]


def _unknown_parents(concepts: Mapping[str, Concept]) -> list[str]:
    return [
        f"concept '{concept.id}' has an unknown parent '{parent}'.{did_you_mean(parent, concepts)}"
        for concept in concepts.values()
        for parent in concept.parents
        if parent not in concepts
    ]


def _orphans(concepts: Mapping[str, Concept], roots: Collection[str]) -> list[str]:
    problems = [
        f"concept '{concept.id}' is an orphan: it has no parents and is not the root of its file"
        for concept in concepts.values()
        if not concept.parents and concept.id not in roots
    ]
    for root in sorted(roots):
        if root not in concepts:
            problems.append(f"root '{root}' is not a concept.{did_you_mean(root, concepts)}")
        elif concepts[root].parents:
            problems.append(f"root '{root}' has parents: {', '.join(concepts[root].parents)}")
    return problems


def _cycles(concepts: Mapping[str, Concept]) -> list[str]:
    try:
        TopologicalSorter({c.id: c.parents for c in concepts.values()}).prepare()
    except CycleError as error:
        return [f"concepts form a cycle: {' -> '.join(error.args[1])}"]
    return []


def _ambiguous_words(concepts: Mapping[str, Concept]) -> list[str]:
    users: dict[str, set[str]] = defaultdict(set)
    for concept in concepts.values():
        for word in (concept.id, concept.name, *concept.synonyms):
            users[word.replace("_", " ").casefold()].add(concept.id)
    return [
        f"the word '{word}' stands for more than one concept: {', '.join(sorted(ids))}"
        for word, ids in users.items()
        if len(ids) > 1
    ]
