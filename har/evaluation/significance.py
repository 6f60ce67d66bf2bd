"""Whether one method is better than another: paired tests, corrections, ranks, Pareto fronts.

Sources: Holm (1979) for the correction; Demsar, "Statistical Comparisons of Classifiers over
Multiple Data Sets" (JMLR 2006) for average ranks and the Nemenyi critical difference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata, studentized_range, t

from har.errors import HarError

EXACT_UP_TO = 14
"""Sign flips of at most this many units are all tried: 2^14 of them."""

_FLIPS_AT_ONCE = 4096


@dataclass(frozen=True)
class SeedInterval:
    """Mean over seeds with the t interval; without spread for a single seed."""

    mean: float
    std: float | None
    low: float | None
    high: float | None
    count: int


def seed_interval(values: Sequence[float], level: float = 0.95) -> SeedInterval:
    """Return mean, standard deviation and Student's t interval of the mean over seeds."""
    data = np.asarray(values, dtype=np.float64)
    if not len(data):
        raise HarError("An interval over seeds needs at least one value.")
    mean = float(data.mean())
    if len(data) == 1:
        return SeedInterval(mean, None, None, None, 1)
    std = float(data.std(ddof=1))
    half = float(t.ppf((1 + level) / 2, len(data) - 1)) * std / len(data) ** 0.5
    return SeedInterval(mean, std, mean - half, mean + half, len(data))


def paired_permutation(
    first: np.ndarray,
    second: np.ndarray,
    groups: np.ndarray | None = None,
    permutations: int = 10_000,
    seed: int = 0,
) -> float:
    """Return the two-sided p-value that two methods are equally right on the same clips.

    Under that hypothesis the sign of the difference of each unit is arbitrary. A unit is a clip, or
    a whole group of clips such as a subject, whose clips are not independent.

    Args:
        first: (N,) how right one method is on each clip, such as the share of seeds.
        second: (N,) the same of the other method.
        groups: (N,) what clips belong together; None takes each clip by itself.
        permutations: random sign flips; few units are flipped in every way instead.
        seed: of the sign flips.

    Raises:
        HarError: the methods were not tested on the same number of clips.
    """
    if first.shape != second.shape or first.ndim != 1:
        raise HarError(f"Paired tests need equal clips, got {first.shape} and {second.shape}.")
    difference = np.asarray(first, dtype=np.float64) - second
    if groups is not None:
        _, place = np.unique(groups, return_inverse=True)
        difference = np.bincount(place, weights=difference)
    difference = difference[difference != 0]
    if not len(difference):
        return 1.0
    observed = abs(difference.sum()) * (1 - 1e-12)
    if len(difference) <= EXACT_UP_TO:
        bits = np.arange(2 ** len(difference))[:, None] >> np.arange(len(difference))
        signs = 1.0 - 2.0 * (bits & 1)
        return float((np.abs(signs @ difference) >= observed).mean())
    rng = np.random.default_rng(seed)
    hits, done = 0, 0
    while done < permutations:
        count = min(_FLIPS_AT_ONCE, permutations - done)
        signs = 1.0 - 2.0 * rng.integers(0, 2, size=(count, len(difference)))
        hits += int((np.abs(signs @ difference) >= observed).sum())
        done += count
    return (hits + 1) / (permutations + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values adjusted for their number, by Holm's step-down method."""
    data = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(data)
    scaled = data[order] * np.arange(len(data), 0, -1)
    adjusted = np.empty_like(data)
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return [float(value) for value in adjusted]


@dataclass(frozen=True)
class Ranks:
    """Average ranks over blocks, 1 for the best.

    Attributes:
        average: method -> rank.
        critical_difference: ranks that are farther apart differ at the 5 % level (Nemenyi).
        blocks: how many comparisons were averaged.
    """

    average: Mapping[str, float]
    critical_difference: float
    blocks: int


def average_ranks(scores: Mapping[str, Sequence[float]], level: float = 0.05) -> Ranks:
    """Rank methods within each block, such as a task with a seed, and average.

    Args:
        scores: method -> one score a block, higher is better; the blocks in the same order.
        level: of the critical difference.

    Raises:
        HarError: fewer than 2 methods, or methods with different numbers of blocks.
    """
    names = list(scores)
    blocks = {len(values) for values in scores.values()}
    if len(names) < 2 or len(blocks) != 1 or 0 in blocks:
        raise HarError("Ranks need at least 2 methods with scores on the same blocks.")
    table = np.array([scores[name] for name in names])
    ranks = rankdata(-table, axis=0).mean(axis=1)
    count, methods = table.shape[1], len(names)
    q = float(studentized_range.ppf(1 - level, methods, np.inf)) / 2**0.5
    difference = q * (methods * (methods + 1) / (6 * count)) ** 0.5
    return Ranks(dict(zip(names, ranks.tolist(), strict=True)), difference, count)


def pareto_front(gain: Sequence[float], cost: Sequence[float]) -> list[bool]:
    """Return for each method whether no other has at least its gain at no more than its cost.

    NaN costs, of methods that were not measured, are never on the front.
    """
    points = list(zip(gain, cost, strict=True))
    return [
        not np.isnan(own_cost)
        and not any(
            g >= own_gain and c <= own_cost and (g > own_gain or c < own_cost) for g, c in points
        )
        for own_gain, own_cost in points
    ]
