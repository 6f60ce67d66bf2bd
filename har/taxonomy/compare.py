"""Two datasets side by side: the concepts that both know, and the labels that only one has."""

from dataclasses import dataclass

from har.taxonomy.crosswalk import Crosswalk, MappedLabel


@dataclass(frozen=True, slots=True)
class SharedConcept:
    """A concept and the labels of both datasets at or below it."""

    concept: str
    first: tuple[MappedLabel, ...]
    second: tuple[MappedLabel, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two datasets share.

    Attributes:
        first_name: the first dataset.
        second_name: the second dataset.
        shared: concepts that a label of one dataset is linked to, and that a label of the other
            is linked to or stands below.
        only_first: labels of the first dataset that stand in no shared concept, unmapped included.
        only_second: those of the second.
    """

    first_name: str
    second_name: str
    shared: tuple[SharedConcept, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]


def compare(crosswalk: Crosswalk, first: str, second: str) -> Comparison:
    """Compare the labels of two datasets; ``related`` links do not count."""
    linked = {*_linked_concepts(crosswalk, first), *_linked_concepts(crosswalk, second)}
    rows = []
    for concept in crosswalk.taxonomy.concepts:
        if concept in linked:
            labels = [
                mapped
                for mapped in crosswalk.labels_of(concept, below=True)
                if mapped.relation != "related"
            ]
            row = SharedConcept(concept, _of(labels, first), _of(labels, second))
            if row.first and row.second:
                rows.append(row)
    return Comparison(
        first,
        second,
        tuple(rows),
        _left_over(crosswalk, first, {m.label for row in rows for m in row.first}),
        _left_over(crosswalk, second, {m.label for row in rows for m in row.second}),
    )


def _linked_concepts(crosswalk: Crosswalk, dataset: str) -> set[str]:
    return {concept for concepts in crosswalk.to_concepts(dataset) for concept in concepts}


def _of(labels: list[MappedLabel], dataset: str) -> tuple[MappedLabel, ...]:
    return tuple(mapped for mapped in labels if mapped.dataset == dataset)


def _left_over(crosswalk: Crosswalk, dataset: str, placed: set[str]) -> tuple[str, ...]:
    return tuple(name for name in crosswalk.mapping(dataset).names if name not in placed)
