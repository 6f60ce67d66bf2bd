"""Rules that accept or reject clips by their measures, and the verdicts that follow.

Rules of a configuration, ``quality=<name>``, apply in training: what they drop is not trained on,
what they weigh less comes less often. Test clips are never dropped: their verdicts tell how much of
the test part the rules cover, and how accurate a model is there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np

from har.errors import ConfigError, did_you_mean

Action = Literal["drop", "weight", "flag"]
Values = Mapping[str, np.ndarray]
_OPEN = (-np.inf, np.inf)


@dataclass(frozen=True)
class Threshold:
    """Rejects clips whose measure is under ``least`` or above ``most``.

    Attributes:
        measure: name; see ``har quality measures``.
        least, most: limits that are still accepted; None is open.
        action: what happens to a rejected clip in training: "drop" leaves it out, "weight" shows
            it less often, "flag" only records it.
        weight: with "weight", how often it comes compared with others, in (0, 1).
        unknown: whether a clip is rejected whose measure is not known.
    """

    measure: str
    least: float | None = None
    most: float | None = None
    action: Action = "drop"
    weight: float = 0.5
    unknown: bool = False

    def __post_init__(self) -> None:
        _check_limits(self.measure, self.least, self.most, self.action, self.weight)


@dataclass(frozen=True)
class Percentile:
    """Rejects the clips at the ends of the training part's own distribution of a measure.

    Attributes:
        measure: name.
        least, most: percentiles in [0, 100] that are still accepted; None is open.
        action, weight, unknown: as for ``Threshold``.
    """

    measure: str
    least: float | None = None
    most: float | None = None
    action: Action = "drop"
    weight: float = 0.5
    unknown: bool = False

    def __post_init__(self) -> None:
        _check_limits(self.measure, self.least, self.most, self.action, self.weight)
        for limit in (self.least, self.most):
            if limit is not None and not 0 <= limit <= 100:
                raise ConfigError(f"{self.measure}: a percentile of {limit} is not in [0, 100]")

    def resolve(self, reference: np.ndarray) -> Threshold:
        """Return the threshold that the percentiles are in some values."""
        known = reference[np.isfinite(reference)]
        least, most = (
            _OPEN[end] if q is None or not len(known) else float(np.percentile(known, q))
            for end, q in enumerate((self.least, self.most))
        )
        return Threshold(self.measure, least, most, self.action, self.weight, self.unknown)


@dataclass(frozen=True)
class Stratify:
    """Reports test results by ranges of a measure; rejects nothing.

    Attributes:
        measure: name.
        edges: between the ranges, rising; the outer ones are open.
    """

    measure: str
    edges: Sequence[float]

    def __post_init__(self) -> None:
        if not self.edges or any(a >= b for a, b in pairwise(self.edges)):
            raise ConfigError(f"{self.measure}: edges must rise, and be at least one number")

    def ranges(self) -> list[tuple[float, float]]:
        """Return the ranges, each with its lower end in it."""
        ends = [-np.inf, *map(float, self.edges), np.inf]
        return list(pairwise(ends))


Rule = Threshold | Percentile | Stratify


@dataclass(frozen=True, eq=False)
class Verdicts:
    """What the rules say of N clips.

    Attributes:
        rules: the thresholds that were applied, percentiles resolved.
        weight: (N,) float64 in [0, 1], how often a clip comes in training; 0 is dropped.
        score: (N,) float64 in [0, 1]: 1 within all limits, else the worst ratio of limit and value.
        accepted: (N,) bool, within the limits of all rules but those that only flag.
        reasons: N texts, "" where no rule rejects the clip.
    """

    rules: tuple[Threshold, ...]
    weight: np.ndarray
    score: np.ndarray
    accepted: np.ndarray
    reasons: tuple[str, ...]

    def counts(self, rows: np.ndarray) -> dict[str, int]:
        """Return how many of some clips are rejected by each measure; most first."""
        found: dict[str, int] = {}
        for row in rows.tolist():
            for reason in filter(None, self.reasons[row].split("; ")):
                rule = reason.partition(" = ")[0]
                found[rule] = found.get(rule, 0) + 1
        return dict(sorted(found.items(), key=lambda item: -item[1]))


def judge(values: Values, rules: Sequence[Rule], reference: np.ndarray) -> Verdicts:
    """Apply rules to clips.

    Args:
        values: (N,) by measure; NaN where not known.
        rules: those to apply.
        reference: rows that percentiles are taken of, such as the training part.

    Raises:
        ConfigError: a rule names a measure that there is not.
    """
    count = len(next(iter(values.values()), ()))
    weight, score = np.ones(count), np.ones(count)
    accepted = np.ones(count, bool)
    reasons: list[list[str]] = [[] for _ in range(count)]
    thresholds = tuple(_thresholds(values, rules, reference))
    for rule in thresholds:
        value = np.asarray(values[rule.measure], np.float64)
        rejected = rejects(rule, value)
        score = np.where(rejected, np.minimum(score, _ratio(rule, value)), score)
        for row in np.flatnonzero(rejected).tolist():
            if not any(told.startswith(f"{rule.measure} =") for told in reasons[row]):
                reasons[row].append(_reason(rule, value[row]))
        if rule.action == "flag":
            continue
        accepted &= ~rejected
        weight[rejected] *= rule.weight if rule.action == "weight" else 0
    return Verdicts(thresholds, weight, score, accepted, tuple("; ".join(r) for r in reasons))


def strata_of(rules: Sequence[Rule]) -> tuple[Stratify, ...]:
    """Return the rules by which results are reported."""
    return tuple(rule for rule in rules if isinstance(rule, Stratify))


def join_verdicts(parts: Sequence[Verdicts]) -> Verdicts:
    """Return the verdicts on the clips of several datasets, one after the other."""
    return replace(
        parts[0],
        rules=tuple(rule for part in parts for rule in part.rules),
        weight=np.concatenate([part.weight for part in parts]),
        score=np.concatenate([part.score for part in parts]),
        accepted=np.concatenate([part.accepted for part in parts]),
        reasons=tuple(reason for part in parts for reason in part.reasons),
    )


def check_measures(rules: Sequence[Rule], known: Sequence[str]) -> None:
    """Refuse rules on measures that there are not; tells all of them.

    Raises:
        ConfigError: names them.
    """
    problems = [
        f"'{rule.measure}'{did_you_mean(rule.measure, known)}"
        for rule in rules
        if rule.measure not in known
    ]
    if problems:
        raise ConfigError(
            f"quality.filters: there is no measure {', '.join(problems)} "
            f"There are: {', '.join(sorted(known))}"
        )


def _thresholds(values: Values, rules: Sequence[Rule], reference: np.ndarray) -> list[Threshold]:
    check_measures(rules, list(values))
    resolved = []
    for rule in rules:
        if isinstance(rule, Percentile):
            resolved.append(rule.resolve(np.asarray(values[rule.measure])[reference]))
        elif isinstance(rule, Threshold):
            resolved.append(rule)
    return resolved


def rejects(rule: Threshold, value: np.ndarray) -> np.ndarray:
    """Return (N,) bool: the values that a rule rejects."""
    low = -np.inf if rule.least is None else rule.least
    high = np.inf if rule.most is None else rule.most
    unknown = np.isnan(value)
    return np.where(unknown, rule.unknown, (value < low) | (value > high)).astype(bool)


def _ratio(rule: Threshold, value: np.ndarray) -> np.ndarray:
    """Return limit to value, or value to limit, in [0, 1], of rejected clips."""
    ratio = np.zeros(len(value))
    known = np.isfinite(value)
    if rule.most is not None and rule.most >= 0:
        above = known & (value > rule.most)
        ratio[above] = rule.most / value[above]
    if rule.least is not None and rule.least > 0:
        below = known & (value < rule.least)
        ratio[below] = value[below] / rule.least
    return ratio.clip(0, 1)


def _reason(rule: Threshold, value: float) -> str:
    """Return ``jitter = 0.31, above 0.1``."""
    if np.isnan(value):
        return f"{rule.measure} = unknown"
    above = rule.most is not None and value > rule.most
    side, limit = ("above", rule.most) if above else ("under", rule.least)
    return f"{rule.measure} = {value:.4g}, {side} {limit:.4g}"


def _check_limits(
    measure: str, least: float | None, most: float | None, action: str, weight: float
) -> None:
    if least is None and most is None:
        raise ConfigError(f"{measure}: a rule needs a limit: give least, most, or both")
    if least is not None and most is not None and least > most:
        raise ConfigError(f"{measure}: least={least} is above most={most}: no clip could pass")
    if action not in ("drop", "weight", "flag"):
        raise ConfigError(f"{measure}: action={action}; allowed: drop, weight, flag")
    if action == "weight" and not 0 < weight < 1:
        raise ConfigError(
            f"{measure}: weight={weight} is not between 0 and 1; to drop: action=drop"
        )
