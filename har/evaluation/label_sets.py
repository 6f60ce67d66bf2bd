"""Labels as sets of leaf concepts, and what they say about every concept.

True and predicted labels are sets of leaf concepts: a label says that the clip shows one of them.
So a label *entails* a concept if all its leaves stand at or below it, *excludes* it if none does,
and leaves it *open* if some do. ``falling`` entails ``situation``, leaves ``fall_forward`` open and
excludes ``posture``. The empty set, a label without a concept, entails nothing.

Letters: N clips, S different true labels, A different predicted labels, C concepts, F leaves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from har.errors import HarError, TaxonomyError
from har.taxonomy import Taxonomy

LeafSet = frozenset[str]

KIND, LEAF = "kind", "leaf"


@dataclass(frozen=True, slots=True, eq=False)
class Hierarchy:
    """The concepts of a taxonomy as matrices.

    Attributes:
        concepts: C ids.
        leaves: F ids.
        below: (C, F) bool, whether a leaf stands at or below a concept.
        depth: (C,) longest way up to the root of a kind, which has 0.
        height: (C,) longest way down to a leaf, which has 0.
    """

    concepts: tuple[str, ...]
    leaves: tuple[str, ...]
    below: np.ndarray
    depth: np.ndarray
    height: np.ndarray

    @classmethod
    def of(cls, taxonomy: Taxonomy) -> Self:
        """Return the matrices of a taxonomy."""
        concepts = tuple(taxonomy.concepts)
        leaves = tuple(identity for identity in concepts if not taxonomy.children(identity))
        column = {identity: index for index, identity in enumerate(leaves)}
        below = np.zeros((len(concepts), len(leaves)), dtype=bool)
        for row, identity in enumerate(concepts):
            below[row, [column[leaf] for leaf in taxonomy.leaves(identity)]] = True
        depth = {name: level for level, names in enumerate(taxonomy.levels) for name in names}
        height: dict[str, int] = {}
        for identity in sorted(concepts, key=depth.__getitem__, reverse=True):
            below_it = [height[child] for child in taxonomy.children(identity)]
            height[identity] = 1 + max(below_it, default=-1)
        return cls(
            concepts,
            leaves,
            below,
            np.array([depth[identity] for identity in concepts]),
            np.array([height[identity] for identity in concepts]),
        )

    @property
    def top_height(self) -> int:
        """Height of the node that one can think above the kinds, where labels share no concept."""
        return int(self.height.max()) + 1

    def levels(self) -> dict[str, np.ndarray]:
        """Return the concepts of each level as indices: kind, depth 1, depth 2, ..., leaf."""
        depths = range(1, int(self.depth.max()) + 1)
        return {
            KIND: np.flatnonzero(self.depth == 0),
            **{f"depth {level}": np.flatnonzero(self.depth == level) for level in depths},
            LEAF: np.flatnonzero(self.height == 0),
        }

    def members(self, labels: Sequence[LeafSet]) -> np.ndarray:
        """Return which leaves each label holds, (len(labels), F) bool.

        Raises:
            TaxonomyError: a label holds a concept that is unknown, or no leaf.
        """
        column = {identity: index for index, identity in enumerate(self.leaves)}
        members = np.zeros((len(labels), len(self.leaves)), dtype=bool)
        for row, label in enumerate(labels):
            if wrong := sorted(label - column.keys()):
                raise TaxonomyError(
                    f"labels must be sets of leaf concepts, and these are none: {wrong}. "
                    "Crosswalk.admissible_leaves or Taxonomy.leaves give leaves"
                )
            members[row, [column[leaf] for leaf in label]] = True
        return members

    def entailed(self, labels: Sequence[LeafSet]) -> np.ndarray:
        """Return which concepts hold all leaves of each label, (len(labels), C) bool."""
        members = self.members(labels)
        outside = overlap(members, ~self.below)
        return (outside == 0) & members.any(axis=1, keepdims=True)

    def open(self, labels: Sequence[LeafSet]) -> np.ndarray:
        """Return which concepts hold some leaves of each label, but not all, as ``entailed``."""
        return (overlap(self.members(labels), self.below) > 0) & ~self.entailed(labels)


@dataclass(frozen=True, slots=True, eq=False)
class LabelPairs:
    """How often which label was predicted for which true one.

    Attributes:
        true: S labels.
        predicted: A labels; they need not be those of ``true``.
        clips: (S, A) int64, number of clips.
    """

    true: tuple[LeafSet, ...]
    predicted: tuple[LeafSet, ...]
    clips: np.ndarray

    @classmethod
    def of_clips(cls, true: Sequence[LeafSet], predicted: Sequence[LeafSet]) -> Self:
        """Count the labels of N clips.

        Raises:
            HarError: the two differ in length, or are empty.
        """
        if len(true) != len(predicted) or not true:
            raise HarError(
                f"Every clip needs a true and a predicted label, and there must be clips; got "
                f"{len(true)} true and {len(predicted)} predicted labels."
            )
        true_labels, rows = distinct(true)
        predicted_labels, columns = distinct(predicted)
        return cls.of_indices(true_labels, rows, predicted_labels, columns)

    @classmethod
    def of_indices(
        cls,
        true: Sequence[LeafSet],
        rows: np.ndarray,
        predicted: Sequence[LeafSet],
        columns: np.ndarray,
    ) -> Self:
        """Count labels that are given as positions, (N,) int, in two lists of labels."""
        cells = np.bincount(rows * len(predicted) + columns, minlength=len(true) * len(predicted))
        return cls(tuple(true), tuple(predicted), cells.reshape(len(true), len(predicted)))


def distinct(labels: Sequence[LeafSet]) -> tuple[list[LeafSet], np.ndarray]:
    """Return the different labels in order of appearance, and (N,) int positions among them."""
    position = {label: index for index, label in enumerate(dict.fromkeys(labels))}
    return list(position), np.array([position[label] for label in labels], dtype=np.int64)


def overlap(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return how many columns each two rows of two bool matrices have in common, as int64."""
    return (first.astype(np.float64) @ second.T.astype(np.float64)).astype(np.int64)


def ratio(part: float, whole: float) -> float | None:
    """Return ``part / whole``, None where the whole is nothing."""
    return float(part / whole) if whole else None
