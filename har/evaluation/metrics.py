"""Accuracy metrics. All values are fractions in [0, 1], except the negative log-likelihood.

Functions over class counts take arrays of shape (..., K), so that the same code scores one test
set, (K,), and many bootstrap resamples of it, (B, K).

Classes without test clips: they have no accuracy, so ``mean_class_accuracy`` leaves them out.
``macro_f1`` averages over the classes that occur among the labels or among the predictions, as is
usual: a class that the model predicts although no clip shows it counts as 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SMALLEST_PROBABILITY = 1e-12


def label_ranks(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return how many classes come before the true one, (N,); equal ones count by index."""
    own = np.take_along_axis(probabilities, labels[:, None], axis=1)
    earlier = np.arange(probabilities.shape[1]) < labels[:, None]
    return ((probabilities > own) | ((probabilities == own) & earlier)).sum(axis=1)


def top_k_accuracy(probabilities: np.ndarray, labels: np.ndarray, k: int) -> float:
    """Return the fraction of clips whose true class is among the k most probable.

    With fewer than k classes it is 1.
    """
    return float((label_ranks(probabilities, labels) < k).mean())


def log_losses(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the negative log-likelihood of each true class, (N,), in nats.

    Probabilities under ``SMALLEST_PROBABILITY`` count as that, so that one clip costs at most
    27.6 nats and the mean stays finite.
    """
    own = np.take_along_axis(probabilities, labels[:, None], axis=1)[:, 0]
    return -np.log(np.maximum(own.astype(np.float64), SMALLEST_PROBABILITY))


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Return clip counts, (K, K) int64: row = true class, column = predicted class."""
    cells = np.bincount(labels * classes + predicted, minlength=classes * classes)
    return cells.reshape(classes, classes)


def mean_class_accuracy(hits: np.ndarray, support: np.ndarray) -> np.ndarray:
    """Return the mean over classes with test clips of their accuracies.

    Args:
        hits: (..., K) clips of each class that were recognised.
        support: (..., K) clips of each class.
    """
    accuracy = np.divide(hits, support, out=np.zeros(np.shape(hits)), where=support > 0)
    return accuracy.sum(axis=-1) / (support > 0).sum(axis=-1)


def macro_f1(hits: np.ndarray, support: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return the mean F1 over classes that are shown or predicted at least once.

    Args:
        hits: (..., K) clips of each class that were recognised.
        support: (..., K) clips of each class.
        predicted: (..., K) clips that were given each class.
    """
    occurrences = support + predicted
    f1 = np.divide(2 * hits, occurrences, out=np.zeros(np.shape(hits)), where=occurrences > 0)
    return f1.sum(axis=-1) / (occurrences > 0).sum(axis=-1)


@dataclass(frozen=True, slots=True)
class ClassScores:
    """Scores of one class; None where a score is undefined.

    Attributes:
        name: the class.
        support: its test clips.
        predicted: clips that were given the class, rightly or not.
        accuracy: fraction of its clips recognised; None without test clips.
        precision: fraction of the clips given the class that show it; None if never predicted.
        recall: the same as ``accuracy``, under its other name.
        f1: 2 hits / (support + predicted); None if neither shown nor predicted.
        confused_with: the wrong class its clips are given most often; None if all are right.
        confused_clips: how many clips that concerns.
    """

    name: str
    support: int
    predicted: int
    accuracy: float | None
    precision: float | None
    recall: float | None
    f1: float | None
    confused_with: str | None
    confused_clips: int


def class_scores(confusion: np.ndarray, class_names: Sequence[str]) -> list[ClassScores]:
    """Return the scores of each class, in the order of the classes."""
    hits, support, predicted = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    mistakes = confusion - np.diag(hits)
    worst = mistakes.argmax(axis=1)
    scores = []
    for index, name in enumerate(class_names):
        recall = _ratio(hits[index], support[index])
        confused_clips = int(mistakes[index, worst[index]])
        scores.append(
            ClassScores(
                name=name,
                support=int(support[index]),
                predicted=int(predicted[index]),
                accuracy=recall,
                precision=_ratio(hits[index], predicted[index]),
                recall=recall,
                f1=_ratio(2 * hits[index], support[index] + predicted[index]),
                confused_with=class_names[worst[index]] if confused_clips else None,
                confused_clips=confused_clips,
            )
        )
    return scores


def _ratio(part: int, whole: int) -> float | None:
    return float(part / whole) if whole else None
