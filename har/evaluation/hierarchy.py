"""How right a prediction is in the tree of concepts, and how far off where it is wrong.

Labels are sets of leaf concepts, see ``label_sets``. Nothing here counts for or against a model
what the true label leaves open. Clips whose true label entails no concept do not count at all;
every score tells how many clips did.

Letters: N clips, S different true labels, A different predicted labels, C concepts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from har.evaluation.label_sets import Hierarchy, LabelPairs, LeafSet, overlap, ratio

_TIE = 1e-9
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class LevelAccuracy:
    """How often the concept at one level of the tree is recognised.

    Attributes:
        level: kind, depth 1, depth 2, ..., or leaf.
        accuracy: fraction in [0, 1]; None without clips.
        clips: those whose true label entails a concept of the level.
    """

    level: str
    accuracy: float | None
    clips: int


def level_accuracies(
    probabilities: np.ndarray,
    atoms: Sequence[LeafSet],
    true: Sequence[LeafSet],
    rows: np.ndarray,
    hierarchy: Hierarchy,
) -> list[LevelAccuracy]:
    """Return the accuracy at each level, from probabilities of labels.

    At each level the concept with the largest sum of probabilities is the prediction; labels that
    entail no concept of the level, being coarser or elsewhere, compete as they are. Equal sums are
    decided by the most probable label. A clip counts where its true label entails a concept of the
    level. It is right if the prediction is that concept or, as a concept may stand below several
    of one level, one of those.

    Args:
        probabilities: (N, A), rows sum to 1.
        atoms: A labels.
        true: S labels.
        rows: (N,) int, position of each clip's label in ``true``.
        hierarchy: the concepts.
    """
    single = np.ones(len(rows), dtype=np.int64)
    return _level_accuracies(probabilities, atoms, true, rows, single, hierarchy)


def level_accuracies_of_pairs(pairs: LabelPairs, hierarchy: Hierarchy) -> list[LevelAccuracy]:
    """Return the accuracy at each level where only the predicted labels are known."""
    rows, columns = np.nonzero(pairs.clips)
    certain = np.eye(len(pairs.predicted))[columns]
    clips = pairs.clips[rows, columns]
    return _level_accuracies(certain, pairs.predicted, pairs.true, rows, clips, hierarchy)


def _level_accuracies(
    probabilities: np.ndarray,
    atoms: Sequence[LeafSet],
    true: Sequence[LeafSet],
    rows: np.ndarray,
    clips: np.ndarray,
    hierarchy: Hierarchy,
) -> list[LevelAccuracy]:
    """Return ``level_accuracies``, where each row stands for a number of ``clips``, (N,)."""
    scores = probabilities.astype(np.float64)
    scores[np.arange(len(scores)), scores.argmax(axis=1)] += _TIE
    entailed, true_entailed = hierarchy.entailed(atoms), hierarchy.entailed(true)
    accuracies = []
    for level, concepts in hierarchy.levels().items():
        counted = np.any(true_entailed[:, concepts], axis=1)[rows]
        reached = concepts[entailed[:, concepts].any(axis=0)]
        right = _largest_is_wanted(
            scores[counted], entailed[:, reached], true_entailed[:, reached][rows[counted]]
        )
        count = int(clips[counted].sum())
        accuracies.append(LevelAccuracy(level, ratio(clips[counted][right].sum(), count), count))
    return accuracies


def _largest_is_wanted(scores: np.ndarray, entailed: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return whether a wanted concept has the largest sum of scores, (N,) bool.

    Args:
        scores: (N, A) of labels.
        entailed: (A, C) bool, by the labels.
        wanted: (N, C) bool.
    """
    of_concepts = scores @ entailed.astype(np.float64)
    of_others = scores[:, ~entailed.any(axis=1)]
    largest = np.maximum(of_concepts.max(axis=1, initial=0), of_others.max(axis=1, initial=0))
    best_wanted = of_concepts.max(axis=1, initial=0, where=wanted)
    return (best_wanted > 0) & (best_wanted >= largest - _ROUNDING)


@dataclass(frozen=True, slots=True)
class HierarchicalScores:
    """Hierarchical precision, recall and F1; None where undefined.

    Attributes:
        precision: share of the concepts entailed by predictions that the true labels entail too.
        recall: share of the concepts entailed by true labels that the predictions entail too.
        f1: their harmonic mean.
        clips: those whose true label entails a concept.
    """

    precision: float | None
    recall: float | None
    f1: float | None
    clips: int


def hierarchical_scores(pairs: LabelPairs, hierarchy: Hierarchy) -> HierarchicalScores:
    """Return precision and recall over labels and all that is above them, summed over clips.

    After Kiritchenko et al. 2006, "Learning and evaluation in the presence of class hierarchies".
    Predicted concepts that the true label leaves open are not counted in the precision. Kinds
    count, the node above them does not.
    """
    true, predicted = hierarchy.entailed(pairs.true), hierarchy.entailed(pairs.predicted)
    clips = pairs.clips * true.any(axis=1, keepdims=True)
    shared = (clips * overlap(true, predicted)).sum()
    decided = (clips * overlap(~hierarchy.open(pairs.true), predicted)).sum()
    wanted = (clips.sum(axis=1) * true.sum(axis=1)).sum()
    return HierarchicalScores(
        precision=ratio(shared, decided),
        recall=ratio(shared, wanted),
        f1=ratio(2 * shared, decided + wanted),
        clips=int(clips.sum()),
    )


@dataclass(frozen=True, slots=True)
class MistakeSeverity:
    """Heights of the lowest concept that holds both the true and the predicted label.

    Attributes:
        mean: over mistakes; None without any.
        mean_over_clips: over all clips, right ones with 0; None without clips.
        worst: the height where the two share no concept.
        mistakes: clips whose predicted label has no leaf in common with the true one.
        clips: those whose true label entails a concept.
    """

    mean: float | None
    mean_over_clips: float | None
    worst: int
    mistakes: int
    clips: int


def mistake_severity(pairs: LabelPairs, hierarchy: Hierarchy) -> MistakeSeverity:
    """Return how far up the tree mistakes reach.

    After Bertinetto et al. 2020, "Making better mistakes". A concept's height is its longest way
    down to a leaf.
    """
    true, predicted = hierarchy.entailed(pairs.true), hierarchy.entailed(pairs.predicted)
    in_common = overlap(hierarchy.members(pairs.true), hierarchy.members(pairs.predicted))
    heights = np.stack([_lowest_height(row, predicted, hierarchy) for row in true])
    clips = pairs.clips * true.any(axis=1, keepdims=True)
    mistakes = clips * (in_common == 0)
    total = (mistakes * heights).sum()
    return MistakeSeverity(
        mean=ratio(total, mistakes.sum()),
        mean_over_clips=ratio(total, clips.sum()),
        worst=hierarchy.top_height,
        mistakes=int(mistakes.sum()),
        clips=int(clips.sum()),
    )


def _lowest_height(true: np.ndarray, predicted: np.ndarray, hierarchy: Hierarchy) -> np.ndarray:
    """Return the least height of the concepts entailed by a label, (C,), and by each of A others.

    Args:
        true: (C,) bool.
        predicted: (A, C) bool.
        hierarchy: the concepts.
    """
    return np.where(true & predicted, hierarchy.height, hierarchy.top_height).min(axis=1)
