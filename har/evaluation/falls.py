"""Detection of falls, clip by clip, with the measures of OmniFall.

OmniFall (arXiv 2505.19889) takes ``fall``, ``fallen`` and the two together, each against everything
else. Here a label is a fall if all its leaves stand below the concept ``falling``, and fallen if
all stand below ``after_fall``. A label without a concept, such as a rest class, is neither. True
labels that may be a fall or something else do not count.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from har.evaluation.label_sets import LabelPairs, LeafSet, ratio
from har.evaluation.metrics import macro_f1, mean_class_accuracy
from har.taxonomy import Taxonomy

FALL_CONCEPT, FALLEN_CONCEPT = "falling", "after_fall"
NEITHER, FALL, FALLEN, OPEN = range(4)


@dataclass(frozen=True, slots=True)
class BinaryScores:
    """One group of labels against all others; None where a score is undefined.

    Attributes:
        sensitivity: recognised share of the clips of the group.
        specificity: share of the other clips that were not given the group.
        precision: share of the clips given the group that are of it.
        f1: 2 true positives / (clips of the group + clips given it).
        balanced_accuracy: mean of sensitivity and specificity.
        true_positives, false_negatives, false_positives, true_negatives: clips.
    """

    sensitivity: float | None
    specificity: float | None
    precision: float | None
    f1: float | None
    balanced_accuracy: float | None
    true_positives: int
    false_negatives: int
    false_positives: int
    true_negatives: int


@dataclass(frozen=True, slots=True)
class FallScores:
    """Detection of falls.

    Attributes:
        fall, fallen, fall_or_fallen: None where neither true nor predicted labels can be of it.
        balanced_accuracy: mean recall of those of neither, fall and fallen that have clips; None
            without clips.
        macro_f1: mean F1 of those of the three that are shown or predicted.
        clips: those that count.
        open_clips: those that do not, as their label may be a fall or something else.
    """

    fall: BinaryScores | None
    fallen: BinaryScores | None
    fall_or_fallen: BinaryScores | None
    balanced_accuracy: float | None
    macro_f1: float | None
    clips: int
    open_clips: int


def fall_scores(pairs: LabelPairs, taxonomy: Taxonomy) -> FallScores | None:
    """Return how well falls are detected; None where no label at all is a fall or fallen.

    Balanced accuracy and macro F1 are over three groups. OmniFall's own, over its classes, are
    ``mean_class_accuracy`` and ``macro_f1`` of the metrics over classes.
    """
    true, predicted = fall_groups(pairs.true, taxonomy), fall_groups(pairs.predicted, taxonomy)
    known = {FALL, FALLEN} & {*true.tolist(), *predicted.tolist()}
    if not known:
        return None
    confusion = _group_confusion(pairs, true, predicted)
    hits, support, given = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    clips = int(confusion.sum())
    return FallScores(
        fall=_binary_scores(confusion, [FALL]) if FALL in known else None,
        fallen=_binary_scores(confusion, [FALLEN]) if FALLEN in known else None,
        fall_or_fallen=_binary_scores(confusion, [FALL, FALLEN]),
        balanced_accuracy=float(mean_class_accuracy(hits, support)) if clips else None,
        macro_f1=float(macro_f1(hits, support, given)) if clips else None,
        clips=clips,
        open_clips=int(pairs.clips[true == OPEN].sum()),
    )


def fall_groups(labels: Sequence[LeafSet], taxonomy: Taxonomy) -> np.ndarray:
    """Return the group of each label, (len(labels),) int: NEITHER, FALL, FALLEN or OPEN."""
    fall, fallen = taxonomy.leaves(FALL_CONCEPT), taxonomy.leaves(FALLEN_CONCEPT)
    return np.array([_group(label, fall, fallen) for label in labels], dtype=np.int64)


def _group(label: LeafSet, fall: LeafSet, fallen: LeafSet) -> int:
    if label.isdisjoint(fall | fallen):
        return NEITHER
    if label <= fall:
        return FALL
    return FALLEN if label <= fallen else OPEN


def _group_confusion(pairs: LabelPairs, true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return clips by true group (row) and predicted group (column), (3, 3) int64.

    A predicted label that may be a fall or something else raises no alarm.
    """
    one_hot = np.eye(OPEN + 1, dtype=np.int64)
    given = np.where(predicted == OPEN, NEITHER, predicted)
    return (one_hot[true].T @ pairs.clips @ one_hot[given])[:OPEN, :OPEN]


def _binary_scores(confusion: np.ndarray, groups: list[int]) -> BinaryScores:
    positive = np.isin(np.arange(len(confusion)), groups)
    hits = int(confusion[np.ix_(positive, positive)].sum())
    missed = int(confusion[np.ix_(positive, ~positive)].sum())
    false = int(confusion[np.ix_(~positive, positive)].sum())
    rejected = int(confusion[np.ix_(~positive, ~positive)].sum())
    sensitivity, specificity = ratio(hits, hits + missed), ratio(rejected, rejected + false)
    return BinaryScores(
        sensitivity=sensitivity,
        specificity=specificity,
        precision=ratio(hits, hits + false),
        f1=ratio(2 * hits, 2 * hits + missed + false),
        balanced_accuracy=_mean(sensitivity, specificity),
        true_positives=hits,
        false_negatives=missed,
        false_positives=false,
        true_negatives=rejected,
    )


def _mean(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else (first + second) / 2
