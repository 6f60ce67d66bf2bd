"""Suspected label errors, ranked by confident learning.

Northcutt, Jiang, Chuang: Confident Learning: Estimating Uncertainty in Dataset Labels. Journal of
Artificial Intelligence Research 70, 2021, https://arxiv.org/abs/1911.00068. The method is that of
the library cleanlab, which is optional.
"""

from dataclasses import dataclass
from types import ModuleType

import numpy as np

from har.errors import HarError, did_you_mean
from har.evaluation.predictions import Predictions
from har.extras import install_command

SCORES = ("self_confidence", "normalized_margin", "confidence_weighted_entropy")
PRUNINGS = ("none", "both", "prune_by_class", "prune_by_noise_rate", "confident_learning")


@dataclass(frozen=True, slots=True)
class Ranking:
    """How clips are ranked; the defaults found most planted errors, see docs/label-audit.md.

    Attributes:
        score: quality of a label, one of ``SCORES``; low is suspect.
        adjusted: subtract from each probability the mean confidence of its class first, for
            models that are surer of some classes than of others.
        pruning: rule by which the confident joint marks errors, one of ``PRUNINGS``; marked clips
            come first, and ``none`` leaves the order to the score alone.
    """

    score: str = "self_confidence"
    adjusted: bool = False
    pruning: str = "none"

    def __post_init__(self) -> None:
        for key, value, allowed in (
            ("score", self.score, SCORES),
            ("pruning", self.pruning, PRUNINGS),
        ):
            if value not in allowed:
                raise HarError(
                    f"{key} '{value}' is not known.{did_you_mean(value, allowed)} "
                    f"There are: {', '.join(allowed)}"
                )
        if self.adjusted and self.score == "confidence_weighted_entropy":
            raise HarError("The score confidence_weighted_entropy cannot be adjusted.")


@dataclass(frozen=True, slots=True)
class Suspects:
    """All N clips of a set of predictions, the most suspect label first.

    Attributes:
        order: (N,) int64, rows of the predictions by rank.
        score: (N,) float64 in [0, 1], quality of each row's label; low is suspect.
        marked: (N,) bool, rows that confident learning takes for errors.
        suggested: (N,) int64, the most probable class of each row besides the given one.
        joint: (K, K) int64, the confident joint: clips by given class (rows) and by the class
            they confidently belong to (columns).
    """

    order: np.ndarray
    score: np.ndarray
    marked: np.ndarray
    suggested: np.ndarray
    joint: np.ndarray


def rank_suspects(predictions: Predictions, ranking: Ranking | None = None) -> Suspects:
    """Rank clips by how likely their label is wrong.

    Args:
        predictions: out of fold: of models that did not train on the clip.
        ranking: how.

    Raises:
        HarError: the library cleanlab is not installed, or there is only one class.
    """
    ranking = ranking or Ranking()
    count, filtering, rank = _cleanlab()
    labels = predictions.labels
    probabilities = _probabilities(predictions)
    joint = count.compute_confident_joint(labels, probabilities)
    marked = filtering.find_label_issues(
        labels,
        probabilities,
        filter_by="prune_by_noise_rate" if ranking.pruning == "none" else ranking.pruning,
        confident_joint=None if ranking.pruning == "confident_learning" else joint,
        n_jobs=1,
    )
    score = rank.get_label_quality_scores(
        labels, probabilities, method=ranking.score, adjust_pred_probs=ranking.adjusted
    )
    first = np.zeros_like(marked) if ranking.pruning == "none" else marked
    return Suspects(
        order=np.lexsort((score, ~first)),
        score=np.asarray(score, dtype=np.float64),
        marked=np.asarray(marked, dtype=bool),
        suggested=_suggested(labels, probabilities),
        joint=np.asarray(joint, dtype=np.int64),
    )


def recall_curve(order: np.ndarray, wrong_rows: np.ndarray) -> np.ndarray:
    """Return (N + 1,) float64: the share of the wrong labels among the first n of the list.

    Args:
        order: (N,) rows by rank.
        wrong_rows: rows whose label is known to be wrong, one or more.
    """
    found = np.isin(order, wrong_rows).cumsum() / len(wrong_rows)
    return np.concatenate([[0.0], found])


def _cleanlab() -> tuple[ModuleType, ModuleType, ModuleType]:
    try:
        from cleanlab import count, filter, rank
    except ImportError as error:
        raise HarError(
            "Ranking suspected label errors needs the library cleanlab, which is not installed "
            f"({error}). Install it with: {install_command('audit')}"
        ) from error
    return count, filter, rank


def _probabilities(predictions: Predictions) -> np.ndarray:
    """Return (N, K) float64 rows that sum to exactly 1 within rounding."""
    if len(predictions.class_names) < 2:
        raise HarError("There is only one class: no label can be wrong.")
    probabilities = np.clip(predictions.probabilities.astype(np.float64), 0, 1)
    return probabilities / probabilities.sum(axis=1, keepdims=True)


def _suggested(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    others = probabilities.copy()
    others[np.arange(len(labels)), labels] = -1
    return others.argmax(axis=1)
