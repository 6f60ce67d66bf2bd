"""How well simple readouts tell classes from frozen features: k nearest neighbours, linear layer.

Both first take the mean out of each feature and divide it by its standard deviation, those of the
clips that are fitted. Their one setting is chosen on validation clips by top-1 accuracy; then they
are fitted once more, on training and validation clips together.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, logsumexp, softmax

from har.errors import ConfigError, did_you_mean
from har.evaluation.metrics import top_k_accuracy

NEIGHBOURS = (1, 5, 10, 20, 50)
PENALTIES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
SIMILARITY_SCALE = 0.07
"""A neighbour's vote is exp(cosine / scale), Wu et al., CVPR 2018."""

_QUERIES_AT_ONCE = 1024
_ITERATIONS = 500

Fit = Callable[["LabelledFeatures", int, float], Callable[[np.ndarray], np.ndarray]]


@dataclass(frozen=True)
class LabelledFeatures:
    """Features (N, D) and labels (N,) of the same clips."""

    features: np.ndarray
    labels: np.ndarray

    def join(self, other: Self) -> "LabelledFeatures":
        """Return the clips of both."""
        return LabelledFeatures(
            np.concatenate([self.features, other.features]),
            np.concatenate([self.labels, other.labels]),
        )


@dataclass(frozen=True)
class ProbeResult:
    """What a probe found.

    Attributes:
        setting: chosen number of neighbours, or penalty.
        validation: top-1 accuracy on the validation clips, by setting.
        probabilities: (N, classes) of the test clips.
    """

    setting: float
    validation: Mapping[float, float]
    probabilities: np.ndarray


def check_probe(kind: str) -> None:
    """Refuse a probe that there is not.

    Raises:
        ConfigError: names those there are.
    """
    if kind not in PROBES:
        raise ConfigError(
            f"'{kind}' is no probe.{did_you_mean(kind, PROBES)} There are: {', '.join(PROBES)}"
        )


def run_probe(
    kind: str,
    train: LabelledFeatures,
    validation: LabelledFeatures,
    test_features: np.ndarray,
    classes: int,
) -> ProbeResult:
    """Choose the setting of a probe, fit it, and apply it to test clips.

    Args:
        kind: one of ``PROBES``.
        train: clips to fit.
        validation: clips to choose the setting on.
        test_features: (N, D).
        classes: K.

    Raises:
        ConfigError: there is no such probe.
    """
    check_probe(kind)
    settings, fit = PROBES[kind]
    scores = {
        setting: top_k_accuracy(
            fit(train, classes, setting)(validation.features), validation.labels, k=1
        )
        for setting in settings
    }
    best = max(scores, key=lambda setting: scores[setting])
    final = fit(train.join(validation), classes, best)
    return ProbeResult(best, scores, final(test_features))


def fit_neighbours(
    train: LabelledFeatures, classes: int, count: float
) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function from features (N, D) to probabilities (N, classes).

    The ``count`` training clips of greatest cosine similarity vote; the closer, the more.
    """
    scaler = _Scaler.of(train.features)
    known = _unit_rows(scaler(train.features))
    own_class = np.eye(classes)[train.labels]
    count = min(int(count), len(known))

    def predict(features: np.ndarray) -> np.ndarray:
        queries = _unit_rows(scaler(features))
        parts = [
            _vote(queries[start : start + _QUERIES_AT_ONCE] @ known.T, own_class, count)
            for start in range(0, len(queries), _QUERIES_AT_ONCE)
        ]
        return np.concatenate(parts)

    return predict


def fit_linear(
    train: LabelledFeatures, classes: int, penalty: float
) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function from features (N, D) to probabilities (N, classes).

    Multinomial logistic regression: mean cross-entropy plus ``penalty`` / 2 times the squared
    weights, biases excepted; the one minimum is found with L-BFGS.
    """
    scaler = _Scaler.of(train.features)
    inputs = scaler(train.features)
    targets = np.eye(classes)[train.labels]
    shape = (inputs.shape[1] + 1, classes)

    def loss_and_slope(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights, bias = _split(flat, shape)
        logits = inputs @ weights + bias
        errors = (softmax(logits, axis=1) - targets) / len(inputs)
        loss = (logsumexp(logits, axis=1) - (logits * targets).sum(1)).mean()
        slope = np.vstack([inputs.T @ errors + penalty * weights, errors.sum(0)])
        return float(loss + 0.5 * penalty * (weights**2).sum()), slope.ravel()

    start = np.zeros(shape[0] * shape[1])
    found = minimize(
        loss_and_slope, start, jac=True, method="L-BFGS-B", options={"maxiter": _ITERATIONS}
    )
    weights, bias = _split(found.x, shape)

    def predict(features: np.ndarray) -> np.ndarray:
        return np.exp(log_softmax(scaler(features) @ weights + bias, axis=1))

    return predict


PROBES: Mapping[str, tuple[Sequence[float], Fit]] = {
    "knn": (NEIGHBOURS, fit_neighbours),
    "linear": (PENALTIES, fit_linear),
}
"""Settings to choose from, and how a probe is fitted, by its kind."""


@dataclass(frozen=True)
class _Scaler:
    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray) -> Self:
        """Take mean and deviation from features; one that never changes stays at 0."""
        features = features.astype(np.float64)
        deviation = features.std(axis=0)
        return cls(features.mean(axis=0), np.where(deviation > 0, deviation, np.inf))

    def __call__(self, features: np.ndarray) -> np.ndarray:
        return (features.astype(np.float64) - self.mean) / self.deviation


def _unit_rows(features: np.ndarray) -> np.ndarray:
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)


def _vote(similarity: np.ndarray, own_class: np.ndarray, count: int) -> np.ndarray:
    """Return (N, classes) shares of the votes of the nearest of (N, known)."""
    nearest = np.argpartition(-similarity, count - 1, axis=1)[:, :count]
    closeness = np.take_along_axis(similarity, nearest, axis=1)
    weights = softmax(closeness / SIMILARITY_SCALE, axis=1)
    return np.einsum("nk,nkc->nc", weights, own_class[nearest])


def _split(flat: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    table = flat.reshape(shape)
    return table[:-1], table[-1]
