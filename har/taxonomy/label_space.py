"""What one model tells apart when datasets with different labels train it together.

A label is a set of admissible outputs. Outputs are the leaf concepts of the taxonomy, with two
changes. A label that is a special case of its concept (``broad``: *pick up with one hand* is a kind
of picking up) is an output of its own below that concept, so that no dataset loses a distinction it
makes. Leaves that no label tells apart are one output, so that nothing is learnt that no label
could teach.

A coarse label then trains a fine model, because any of its outputs may be right, and a fine label
trains what a coarse one asks for.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from har.errors import TaxonomyError
from har.taxonomy.crosswalk import Crosswalk
from har.taxonomy.taxonomy import Taxonomy

Label = tuple[str, str]
"""Name of a dataset and one of its labels."""


@dataclass(frozen=True, slots=True)
class Output:
    """One score of a model.

    Attributes:
        name: unique within the space.
        leaves: the leaf concepts that it may stand for; none for a label without a concept.
    """

    name: str
    leaves: frozenset[str]


@dataclass(frozen=True)
class LabelView:
    """The outputs as seen from one dataset.

    Attributes:
        groups: names of what can be told apart among the dataset's labels, in their order.
        group_of_label: (K,) the group of each label; -1 where no output stands for it.
        projection: (A, G) share of each output's probability that each group gets. An output
            that several groups admit is shared evenly; one that none admits counts for nothing.
    """

    groups: tuple[str, ...]
    group_of_label: np.ndarray
    projection: np.ndarray

    def group_probabilities(self, outputs: np.ndarray) -> np.ndarray:
        """Turn probabilities of outputs (N, A) into those of groups (N, G), which sum to 1."""
        mass = outputs.astype(np.float64) @ self.projection
        total = mass.sum(axis=1, keepdims=True)
        even = np.full_like(mass, 1 / len(self.groups))
        return np.divide(mass, total, out=even, where=total > 0)


@dataclass(frozen=True, eq=False)
class LabelSpace:
    """The labels of all training datasets and the outputs that stand for them.

    Attributes:
        labels: G of them, dataset by dataset, each in the order of its card.
        outputs: A of them.
        admissible: (G, A) bool, which outputs are right for a label.
        competing: (G, A) bool, which outputs a clip of the label's dataset chooses among.
    """

    labels: tuple[Label, ...]
    outputs: tuple[Output, ...]
    admissible: np.ndarray
    competing: np.ndarray

    @property
    def datasets(self) -> tuple[str, ...]:
        """The training datasets in order."""
        return tuple(dict.fromkeys(dataset for dataset, _ in self.labels))

    @cached_property
    def dataset_of_label(self) -> np.ndarray:
        """(G,) position in ``datasets`` of each label's dataset."""
        position = {name: number for number, name in enumerate(self.datasets)}
        return np.array([position[dataset] for dataset, _ in self.labels])

    @property
    def untaught(self) -> tuple[Label, ...]:
        """Labels without any output: clips that carry them teach nothing."""
        missing = np.flatnonzero(~self.admissible.any(axis=1))
        return tuple(self.labels[row] for row in missing)

    @cached_property
    def projection(self) -> np.ndarray:
        """(A, G) share of each output for each label, as the label's own dataset shares it."""
        shares = np.zeros(self.admissible.shape[::-1])
        for number in range(len(self.datasets)):
            rows = self.dataset_of_label == number
            shares[:, rows] = _shares(self.admissible[rows])
        return shares

    def view(self, dataset: str) -> LabelView:
        """Return the outputs as seen from a dataset that trains the model."""
        rows = np.flatnonzero([name == dataset for name, _ in self.labels])
        if len(rows) == 0:
            raise TaxonomyError(f"'{dataset}' does not train here: {', '.join(self.datasets)} do")
        return _view([self.labels[row][1] for row in rows], self.admissible[rows])

    def unseen_view(self, crosswalk: Crosswalk, dataset: str, labels: Sequence[str]) -> LabelView:
        """Return the outputs as seen from a dataset that does not train the model.

        Labels that the outputs do not tell apart fall into one group.
        """
        wanted = [crosswalk.admissible_leaves(dataset, label) for label in labels]
        admissible = [[not leaves.isdisjoint(o.leaves) for o in self.outputs] for leaves in wanted]
        return _view(labels, np.array(admissible, dtype=bool))


def shared_space(crosswalk: Crosswalk, datasets: Mapping[str, Sequence[str]]) -> LabelSpace:
    """Return the space in which datasets share the outputs of the concepts they share.

    Args:
        crosswalk: taxonomy and mappings.
        datasets: the labels of each dataset, by its name.

    Raises:
        TaxonomyError: a dataset or a label has no mapping.
    """
    labels = tuple((name, label) for name, own in datasets.items() for label in own)
    special = _special_cases(crosswalk, labels)
    elements = {label: _elements(crosswalk, label, special) for label in labels}
    for name, own in datasets.items():
        _leave_to_the_narrower(elements, [(name, label) for label in own])
    atoms = _atoms(elements)
    outputs = tuple(_outputs(crosswalk, atoms))
    admissible = np.array(
        [[not atom.isdisjoint(elements[key]) for atom in atoms] for key in labels]
    )
    return LabelSpace(labels, outputs, admissible, np.ones_like(admissible))


def separate_space(datasets: Mapping[str, Sequence[str]], crosswalk: Crosswalk) -> LabelSpace:
    """Return the space in which each dataset has a head of its own, for comparison."""
    labels = tuple((name, label) for name, own in datasets.items() for label in own)
    outputs = tuple(
        Output(f"{name}/{label}", _known_leaves(crosswalk, name, label)) for name, label in labels
    )
    owners = np.array([name for name, _ in labels])
    return LabelSpace(labels, outputs, np.eye(len(labels), dtype=bool), owners[:, None] == owners)


def _known_leaves(crosswalk: Crosswalk, dataset: str, label: str) -> frozenset[str]:
    known = dataset in crosswalk.mappings
    return crosswalk.admissible_leaves(dataset, label) if known else frozenset()


def _special_cases(crosswalk: Crosswalk, labels: Sequence[Label]) -> dict[Label, tuple[str, ...]]:
    """Return the labels that are outputs of their own, with the concepts they stand below."""
    special: dict[Label, tuple[str, ...]] = {}
    alike: dict[tuple[str, frozenset[str]], list[Label]] = defaultdict(list)
    for key in labels:
        concepts = crosswalk.mapping(key[0]).label(key[1]).concepts
        near = (*concepts.get("exact", ()), *concepts.get("close", ()), *concepts.get("narrow", ()))
        if near:
            alike[key[0], frozenset(near)].append(key)
        elif "broad" in concepts:
            special[key] = concepts["broad"]
    for (_, concepts_of_all), keys in alike.items():
        if len(keys) > 1:
            special |= {key: tuple(sorted(concepts_of_all)) for key in keys}
    return special


def _elements(
    crosswalk: Crosswalk, key: Label, special: Mapping[Label, tuple[str, ...]]
) -> frozenset[str | Label]:
    """Return the leaves and special cases that are right for a label."""
    if key in special:
        return frozenset({key})
    concepts = crosswalk.mapping(key[0]).label(key[1]).concepts
    named = concepts.get("exact") or (*concepts.get("close", ()), *concepts.get("narrow", ()))
    taxonomy = crosswalk.taxonomy
    covered = {name for top in named for name in (top, *taxonomy.descendants(top))}
    below = {case for case, parents in special.items() if not covered.isdisjoint(parents)}
    return crosswalk.admissible_leaves(*key) | below


def _leave_to_the_narrower(
    elements: dict[Label, frozenset[str | Label]], own: Sequence[Label]
) -> None:
    """Let the labels of one dataset exclude one another: the narrower takes what it names."""
    before = {key: elements[key] for key in own}
    for key in own:
        narrower = [other for other in before.values() if other and other < before[key]]
        rest = before[key].difference(*narrower)
        elements[key] = rest or before[key]


def _atoms(
    elements: Mapping[Label, frozenset[str | Label]],
) -> list[frozenset[str | Label]]:
    """Return the coarsest parts that tell all labels apart, in the order in which they appear."""
    users: dict[str | Label, list[Label]] = defaultdict(list)
    for key, own in elements.items():
        for element in sorted(own, key=str):
            users[element].append(key)
    parts: dict[tuple[Label, ...], list[str | Label]] = defaultdict(list)
    for element, keys in users.items():
        parts[tuple(keys)].append(element)
    return [frozenset(part) for part in parts.values()]


def _outputs(crosswalk: Crosswalk, atoms: Iterable[frozenset[str | Label]]) -> Iterable[Output]:
    taken: set[str] = set()
    for atom in atoms:
        cases = sorted(element for element in atom if isinstance(element, tuple))
        plain = frozenset(element for element in atom if isinstance(element, str))
        leaves = plain.union(*(crosswalk.admissible_leaves(*case) for case in cases))
        name = _name(crosswalk.taxonomy, plain) if plain else "/".join(cases[0])
        while name in taken:
            name += "'"
        taken.add(name)
        yield Output(name, leaves)


def _name(taxonomy: Taxonomy, leaves: frozenset[str]) -> str:
    """Return the concept that has just these leaves, or the nearest above them and how many."""
    if len(leaves) == 1:
        return next(iter(leaves))
    above = [set(taxonomy.ancestors(leaf)) for leaf in sorted(leaves)]
    shared = set.intersection(*above)
    if not shared:
        return " or ".join(sorted(leaves))
    nearest = min(sorted(shared), key=lambda concept: len(taxonomy.leaves(concept)))
    whole = taxonomy.leaves(nearest) == leaves
    return nearest if whole else f"{nearest} ({len(leaves)} kinds)"


def _view(labels: Sequence[str], admissible: np.ndarray) -> LabelView:
    members: dict[bytes, list[int]] = defaultdict(list)
    for number, row in enumerate(admissible):
        if row.any():
            members[row.tobytes()].append(number)
    group_of_label = np.full(len(labels), -1)
    for group, numbers in enumerate(members.values()):
        group_of_label[numbers] = group
    names = tuple(" | ".join(labels[n] for n in numbers) for numbers in members.values())
    first = [numbers[0] for numbers in members.values()]
    return LabelView(names, group_of_label, _shares(admissible[first]))


def _shares(admissible: np.ndarray) -> np.ndarray:
    """Return (A, G): each output's probability, shared evenly by the (G, A) rows admitting it."""
    takers = admissible.sum(axis=0, keepdims=True)
    shares = np.divide(admissible, takers, out=np.zeros(admissible.shape), where=takers > 0)
    return shares.T
