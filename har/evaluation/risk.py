"""What mistakes cost, where some of what is missed is urgent and some alarms are false.

Every label has a risk level: what it should make a carer do. A label whose leaves are all of one
level has that level. Where they differ, it has the level that the taxonomy gives to their lowest
common concept (walking is ``none``, though one of the ways of walking, wandering, is ``watch``);
without a common concept, the highest level of the leaves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from har.errors import HarError
from har.evaluation.label_sets import Hierarchy, LabelPairs, LeafSet, ratio
from har.taxonomy import Taxonomy
from har.taxonomy.concept import RISKS

# True level -> costs of predicting none, watch, urgent. The unit is one false urgent alarm. Missing
# an emergency costs ten of them, so an alarm pays from a probability of 1 / 11 on. Reported as
# watch, an emergency is found, but late: half. An unreported watch is a lost hint, not lost help.
# Calling a carer where a look or nothing would do costs a way; a needless hint half of that.
RISK_COSTS: Mapping[str, tuple[float, float, float]] = {
    "none": (0.0, 0.5, 1.0),
    "watch": (3.0, 0.0, 0.5),
    "urgent": (10.0, 5.0, 0.0),
}
_NO_ALARM = RISKS.index("none")


@dataclass(frozen=True, slots=True)
class RiskScores:
    """Cost of the mistakes between risk levels.

    Attributes:
        levels: names of the rows and columns.
        confusion: clips by true level (row) and predicted level (column).
        costs: the cost of each cell.
        cost: mean over clips; None without clips.
        cost_of_silence: mean cost of a system that never reports anything, to compare with.
        clips: those whose true label has a concept. A predicted label without one raises no alarm,
            which is the level ``none``.
    """

    levels: tuple[str, ...]
    confusion: list[list[int]]
    costs: list[list[float]]
    cost: float | None
    cost_of_silence: float | None
    clips: int


def risk_scores(
    pairs: LabelPairs,
    hierarchy: Hierarchy,
    taxonomy: Taxonomy,
    costs: Mapping[str, Sequence[float]] = RISK_COSTS,
) -> RiskScores:
    """Return the confusion of the risk levels and the expected cost of a clip.

    Args:
        pairs: counts of true and predicted labels.
        hierarchy: the matrices of ``taxonomy``.
        taxonomy: gives the risk of the concepts.
        costs: true level -> costs of predicting each of ``RISKS``, in that order.

    Raises:
        HarError: costs that are incomplete, negative, or make a right answer cost something.
    """
    matrix = _cost_matrix(costs)
    counted = np.array([bool(label) for label in pairs.true], dtype=bool)
    true = _one_hot(label_risks(pairs.true, hierarchy, taxonomy))[counted]
    predicted = _one_hot(label_risks(pairs.predicted, hierarchy, taxonomy))
    confusion = true.T @ pairs.clips[counted] @ predicted
    clips = int(confusion.sum())
    return RiskScores(
        levels=RISKS,
        confusion=confusion.tolist(),
        costs=matrix.tolist(),
        cost=ratio((confusion * matrix).sum(), clips),
        cost_of_silence=ratio(confusion.sum(axis=1) @ matrix[:, _NO_ALARM], clips),
        clips=clips,
    )


def label_risks(labels: Sequence[LeafSet], hierarchy: Hierarchy, taxonomy: Taxonomy) -> np.ndarray:
    """Return the risk level of each label, (len(labels),) int positions in ``RISKS``.

    A label without leaves has ``none``.
    """
    of_concepts = np.array([RISKS.index(taxonomy.concept(c).risk) for c in hierarchy.concepts])
    of_leaves = dict(zip(hierarchy.concepts, of_concepts.tolist(), strict=True))
    entailed = hierarchy.entailed(labels)
    return np.array(
        [
            _label_risk({of_leaves[leaf] for leaf in label}, above, of_concepts, hierarchy.height)
            for label, above in zip(labels, entailed, strict=True)
        ],
        dtype=np.int64,
    )


def _label_risk(
    of_leaves: set[int], above: np.ndarray, of_concepts: np.ndarray, height: np.ndarray
) -> int:
    """Return the level of a label that entails the concepts ``above``, (C,) bool."""
    if len(of_leaves) < 2 or not above.any():
        return max(of_leaves, default=_NO_ALARM)
    lowest = above & (height == height[above].min())
    return int(of_concepts[lowest].max())


def _one_hot(levels: np.ndarray) -> np.ndarray:
    return np.eye(len(RISKS), dtype=np.int64)[levels]


def _cost_matrix(costs: Mapping[str, Sequence[float]]) -> np.ndarray:
    """Return the costs, (3, 3) float64, rows and columns in the order of ``RISKS``."""
    if set(costs) != set(RISKS) or any(len(row) != len(RISKS) for row in costs.values()):
        raise HarError(
            f"Risk costs need a row for each of {', '.join(RISKS)}, with the costs of predicting "
            f"each of them in that order; got {dict(costs)}."
        )
    matrix = np.array([costs[level] for level in RISKS], dtype=np.float64)
    if not np.isfinite(matrix).all() or (matrix < 0).any() or matrix.diagonal().any():
        raise HarError(
            f"Risk costs must be finite and not negative, and right answers cost nothing; "
            f"got {dict(costs)}."
        )
    return matrix
