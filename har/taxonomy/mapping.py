"""What the labels of one dataset mean: a decision for every label of its class list.

The relations are those of SKOS, read from the label to the concept:

- ``exact``: the label and the concept mean the same;
- ``close``: nearly the same, the difference does not matter in most uses;
- ``narrow``: the concept is narrower; the label is any of the listed concepts;
- ``broad``: the concept is broader; the label is a special case of every listed concept;
- ``related``: the two have to do with each other, and neither holds the other.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from har.errors import TaxonomyError, did_you_mean

RELATIONS = ("exact", "close", "narrow", "broad", "related")


@dataclass(frozen=True, slots=True)
class LabelMapping:
    """One label and the decision about it.

    Attributes:
        id: the class number of the authors; the number in the clip stores is the position instead.
        label: the class name of the authors.
        concepts: ids of concepts by relation; only relations that are used.
        unmapped: why no concept fits; empty where one does.
        note: what is doubtful or special about the decision.
        spellings: other ways in which the files of the dataset write the label.
    """

    id: int
    label: str
    concepts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unmapped: str = ""
    note: str = ""
    spellings: tuple[str, ...] = ()

    @property
    def is_decided(self) -> bool:
        """Whether the label has concepts or a reason for having none."""
        return bool(self.concepts or self.unmapped)

    def links(self) -> Iterator[tuple[str, str]]:
        """Yield (relation, concept id), the strongest relation first."""
        for relation in RELATIONS:
            for concept in self.concepts.get(relation, ()):
                yield relation, concept


@dataclass(frozen=True, slots=True)
class DatasetMapping:
    """The decisions for all labels of a dataset, in the official order.

    Attributes:
        dataset: name of the dataset's folder.
        labels: one entry a class; the position is the label in the clip stores.
        class_list: name of the official class list that ids and names come from, or empty.
        note: what holds for the whole dataset.
    """

    dataset: str
    labels: tuple[LabelMapping, ...]
    class_list: str = ""
    note: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The class names in the official order."""
        return tuple(entry.label for entry in self.labels)

    def label(self, name: str) -> LabelMapping:
        """Return the entry of a class name or of another spelling of it, or raise TaxonomyError."""
        for entry in self.labels:
            if name == entry.label or name in entry.spellings:
                return entry
        raise TaxonomyError(
            f"{self.dataset}: unknown label '{name}'.{did_you_mean(name, self.names)} "
            f"`har taxonomy map {self.dataset}` lists them"
        )
