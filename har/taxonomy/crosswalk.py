"""From labels to concepts and back, over all datasets.

``admissible_leaves`` is what training across label sets needs: a clip labelled ``drink water`` in
one dataset and one labelled ``Drink.Fromcup`` in another say different things about the same leaf
concepts, and a loss over the sum of the admissible leaves' probabilities can learn from both.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, reduce
from pathlib import Path

from har.errors import TaxonomyError, did_you_mean
from har.taxonomy.fields import raise_problems
from har.taxonomy.mapping import DatasetMapping
from har.taxonomy.mapping_files import find_mapping_files, mapping_problems, read_mapping
from har.taxonomy.taxonomy import Taxonomy, load_taxonomy


@dataclass(frozen=True, slots=True)
class MappedLabel:
    """A label of a dataset and how it is linked to a concept."""

    dataset: str
    label: str
    relation: str
    concept: str


@dataclass(frozen=True)
class Crosswalk:
    """The taxonomy with the mappings of all datasets.

    Attributes:
        taxonomy: the concepts.
        mappings: by name of the dataset.
    """

    taxonomy: Taxonomy
    mappings: Mapping[str, DatasetMapping]

    def mapping(self, dataset: str) -> DatasetMapping:
        """Return the mapping of a dataset, or raise TaxonomyError with the mapped ones."""
        if dataset not in self.mappings:
            raise TaxonomyError(
                f"dataset '{dataset}' has no label mapping.{did_you_mean(dataset, self.mappings)} "
                f"Mapped: {', '.join(self.mappings)}"
            )
        return self.mappings[dataset]

    def to_concepts(self, dataset: str) -> tuple[tuple[str, ...], ...]:
        """Return the concepts of every label of a dataset, the closest relation first.

        The outer position is the label in the clip stores. A label that is unmapped, or only
        related to concepts, has none. A label with ``narrow`` concepts is any one of them.
        """
        return tuple(
            tuple(concept for relation, concept in entry.links() if relation != "related")
            for entry in self.mapping(dataset).labels
        )

    def admissible_leaves(self, dataset: str, label: str) -> frozenset[str]:
        """Return the leaf concepts that a clip with this label may show.

        Leaves are taken to cover their ancestors: what is ``drinking`` is one of the kinds of
        drinking below it. The strongest statement counts: an exact concept; else the close and
        narrow ones together; else what is below all broad ones at once, or, where nothing is, what
        is below any of them. A label that is unmapped, or only related to concepts, gives the
        empty set: it tells nothing about any leaf.
        """
        concepts = self.mapping(dataset).label(label).concepts
        if "exact" in concepts:
            return self._leaves_below(concepts["exact"])
        if near := (*concepts.get("close", ()), *concepts.get("narrow", ())):
            return self._leaves_below(near)
        broad = concepts.get("broad", ())
        if not broad:
            return frozenset()
        in_all = reduce(frozenset.__and__, map(self.taxonomy.leaves, broad))
        return in_all or self._leaves_below(broad)

    def labels_of(self, concept: str, *, below: bool = False) -> tuple[MappedLabel, ...]:
        """Return the labels linked to a concept; with ``below``, also those of its descendants."""
        wanted = [self.taxonomy.concept(concept).id]
        if below:
            wanted += self.taxonomy.descendants(concept)
        found = [pair for identity in wanted for pair in self._labels_of.get(identity, ())]
        return tuple(mapped for _, mapped in sorted(found, key=lambda pair: pair[0]))

    @cached_property
    def _labels_of(self) -> dict[str, list[tuple[int, MappedLabel]]]:
        """The links by concept, numbered in the order of the datasets and of their labels."""
        links = (
            MappedLabel(mapping.dataset, entry.label, relation, concept)
            for mapping in self.mappings.values()
            for entry in mapping.labels
            for relation, concept in entry.links()
        )
        by_concept: dict[str, list[tuple[int, MappedLabel]]] = defaultdict(list)
        for number, link in enumerate(links):
            by_concept[link.concept].append((number, link))
        return dict(by_concept)

    def _leaves_below(self, concepts: tuple[str, ...]) -> frozenset[str]:
        return frozenset().union(*map(self.taxonomy.leaves, concepts))


def load_crosswalk(
    datasets: Path, taxonomy: Taxonomy | None = None, more: Iterable[Path] = ()
) -> Crosswalk:
    """Load and check the mapping of every dataset.

    Args:
        datasets: folder with ``<dataset>/mapping.yaml``.
        taxonomy: the concepts; by default those of the project.
        more: further mapping files, each in the folder of its dataset.

    Raises:
        TaxonomyError: one line for each problem of the first mapping that has any.
    """
    taxonomy = taxonomy or load_taxonomy()
    mappings: dict[str, DatasetMapping] = {}
    for path in (*find_mapping_files(Path(datasets)), *more):
        mapping = read_mapping(path)
        raise_problems(mapping_problems(mapping, taxonomy))
        mappings[mapping.dataset] = mapping
    return Crosswalk(taxonomy, mappings)
