"""Late fusion: joins what several models say about the same clips.

Weights are given, or found on validation predictions, never on those of a test part. Two ways of
joining the probabilities p_i of the models:

- linear pool: sum over i of w_i p_i, with weights that sum to 1, as published ensembles do;
- log pool: softmax of sum over i of a_i log p_i, which can also sharpen or flatten: the weights are
  a_i / sum(a), the temperature is 1 / sum(a).

In both, the log-loss is convex in what is found, so the best weights on the validation part do not
depend on where the search starts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from har.errors import HarError
from har.evaluation.metrics import SMALLEST_PROBABILITY, log_losses
from har.evaluation.predictions import Predictions

TUNED, LEARNED = "tuned", "learned"
FOUND = (TUNED, LEARNED)
"""Ways to find the weights: of the linear pool, and of the log pool with its temperature."""

_NAMED = 3

Runs = Mapping[str, Predictions]


@dataclass(frozen=True, slots=True)
class LinearPool:
    """Weighted mean of probabilities.

    Attributes:
        weights: one a model, at least 0; only their ratios matter.
    """

    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        smallest = min(self.weights, default=0.0)
        if not np.isfinite(self.weights).all() or smallest < 0 or sum(self.weights) <= 0:
            raise HarError(
                f"weights {list(self.weights)}: give numbers of at least 0, one of them more."
            )

    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        """Map (models, N, K) to (N, K)."""
        return np.tensordot(np.divide(self.weights, sum(self.weights)), probabilities, axes=1)


@dataclass(frozen=True, slots=True)
class LogPool:
    """Weighted mean of log-probabilities over a temperature, normalised again.

    Attributes:
        weights: one a model, at least 0, summing to 1.
        temperature: over 1 flattens, under 1 sharpens.
    """

    weights: tuple[float, ...]
    temperature: float

    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        """Map (models, N, K) to (N, K)."""
        evidence = np.tensordot(self.weights, _logarithms(probabilities), axes=1)
        return softmax(evidence / self.temperature, axis=-1)


Pool = LinearPool | LogPool


def fuse(runs: Runs, pool: Pool) -> Predictions:
    """Return the joint predictions of several models, in the order of the first one's clips.

    Args:
        runs: predictions by the name of the run, for error messages.
        pool: has one weight a run, in their order.

    Raises:
        HarError: the weights do not fit the runs, or the runs are not about the same clips.
    """
    if len(pool.weights) != len(runs):
        raise HarError(
            f"{len(pool.weights)} weights for {len(runs)} runs ({', '.join(runs)}): give one each."
        )
    first, stacked = _align(runs)
    return replace(first, probabilities=pool(stacked))


def tune_weights(validation: Runs) -> LinearPool:
    """Return the linear pool of least log-loss on validation predictions.

    Raises:
        HarError: the runs are not about the same clips.
    """
    first, stacked = _align(validation)
    models = len(stacked)
    own = np.take_along_axis(stacked, first.labels[None, :, None], axis=2)[..., 0]
    own = np.maximum(own, SMALLEST_PROBABILITY)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        mixed = np.maximum(weights @ own, SMALLEST_PROBABILITY)
        return -float(np.log(mixed).mean()), -(own / mixed).mean(axis=1)

    found = minimize(
        loss,
        np.full(models, 1 / models),
        jac=True,
        method="SLSQP",
        bounds=[(0.0, 1.0)] * models,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": np.ones_like},
        options={"ftol": 1e-10, "maxiter": 500},
    )
    weights = _without_dust(found.x)
    return LinearPool(tuple((weights / weights.sum()).tolist()))


def learn_pool(validation: Runs) -> LogPool:
    """Return the log pool, weights and temperature, of least log-loss on validation predictions.

    Raises:
        HarError: the runs are not about the same clips, or no weighting beats guessing.
    """
    first, stacked = _align(validation)
    logs = _logarithms(stacked)
    rows = np.arange(len(first))

    def loss(shares: np.ndarray) -> tuple[float, np.ndarray]:
        scores = log_softmax(np.tensordot(shares, logs, axes=1), axis=-1)
        wrong = np.exp(scores)
        wrong[rows, first.labels] -= 1
        gradient = np.tensordot(logs, wrong, axes=([1, 2], [0, 1])) / len(first)
        return -float(scores[rows, first.labels].mean()), gradient

    models = len(stacked)
    found = minimize(
        loss,
        np.full(models, 1 / models),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, None)] * models,
        options={"ftol": 1e-12, "gtol": 1e-8, "maxiter": 1000},
    )
    shares = _without_dust(found.x)
    total = float(shares.sum())
    if total <= 0:
        raise HarError(
            f"the runs ({', '.join(validation)}) predict their validation clips no better than "
            "guessing: there is nothing to learn weights from."
        )
    return LogPool(tuple((shares / total).tolist()), 1 / total)


def mean_log_loss(predictions: Predictions) -> float:
    """Return the mean negative log-likelihood of the true classes, in nats."""
    return float(log_losses(predictions.probabilities, predictions.labels).mean())


def find_pool(method: str, validation: Runs, test: Predictions) -> Pool:
    """Return the pool of least log-loss on the validation part.

    Args:
        method: one of ``FOUND``.
        validation: of each run.
        test: of one run, with whose clips the others' agree.

    Raises:
        HarError: validation clips are test clips too.
    """
    check_disjoint(next(iter(validation.values())), test)
    return tune_weights(validation) if method == TUNED else learn_pool(validation)


def check_disjoint(validation: Predictions, test: Predictions) -> None:
    """Refuse validation clips that are test clips too: weights would be tuned on the test part.

    Raises:
        HarError: names the clips.
    """
    shared = np.intersect1d(validation.clip_ids, test.clip_ids)
    if len(shared):
        raise HarError(
            f"{_named(shared, 'clip')} in both the validation and the test predictions: weights "
            "must not be tuned on test clips."
        )


def _align(runs: Runs) -> tuple[Predictions, np.ndarray]:
    """Return the first run's predictions and all probabilities, (models, N, K), in its order."""
    if len(runs) < 2:
        raise HarError(f"fusion needs at least 2 runs, got {len(runs)}: {', '.join(runs)}.")
    (first_name, first), *others = runs.items()
    stacked = [first.probabilities]
    for name, other in others:
        _check_classes(first_name, first, name, other)
        order = _order_like(first_name, first, name, other)
        _check_labels(first_name, first, name, other.labels[order])
        stacked.append(other.probabilities[order])
    return first, np.stack(stacked).astype(np.float64)


def _check_classes(first_name: str, first: Predictions, name: str, other: Predictions) -> None:
    if first.class_names != other.class_names:
        raise HarError(
            f"{name} has other classes than {first_name}: "
            f"{', '.join(other.class_names)}, not {', '.join(first.class_names)}."
        )


def _order_like(first_name: str, first: Predictions, name: str, other: Predictions) -> np.ndarray:
    """Return the rows of the other run in the order of the first one's clips."""
    lacking = np.setdiff1d(first.clip_ids, other.clip_ids)
    surplus = np.setdiff1d(other.clip_ids, first.clip_ids)
    if len(lacking) or len(surplus):
        whose = [
            f"{holder} alone has {_named(clips, 'clip')}"
            for holder, clips in ((first_name, lacking), (name, surplus))
            if len(clips)
        ]
        raise HarError(
            f"{first_name} and {name} are about different clips: {'; '.join(whose)}. "
            "Fuse runs of one dataset, protocol and fold."
        )
    order = np.argsort(other.clip_ids, kind="stable")
    return order[np.searchsorted(other.clip_ids[order], first.clip_ids)]


def _check_labels(first_name: str, first: Predictions, name: str, labels: np.ndarray) -> None:
    different = first.clip_ids[first.labels != labels]
    if len(different):
        raise HarError(
            f"{name} and {first_name} have different labels for {_named(different, 'clip')}."
        )


def _named(clips: np.ndarray, what: str) -> str:
    """Count things and name the first: ``7 clips (a, b, c, ...)``."""
    more = ", ..." if len(clips) > _NAMED else ""
    names = ", ".join(clips[:_NAMED].tolist())
    return f"{len(clips)} {what}{'' if len(clips) == 1 else 's'} ({names}{more})"


def _logarithms(probabilities: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(probabilities, SMALLEST_PROBABILITY))


def _without_dust(weights: np.ndarray) -> np.ndarray:
    """Set weights to zero that the optimiser left at a rounding error above it."""
    return np.where(weights > 1e-6 * weights.max(initial=0), weights, 0.0)
