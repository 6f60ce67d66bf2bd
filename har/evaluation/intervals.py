"""Confidence intervals by resampling whole subjects (cluster bootstrap).

Clips of one person resemble each other, so resampling clips makes intervals too narrow. The
interval is about other people of the same kind, filmed in the same way.
"""

from dataclasses import dataclass

import numpy as np

from har.errors import HarError
from har.evaluation.predictions import Predictions
from har.evaluation.totals import tally

LEVEL = 0.95
FEWEST_SUBJECTS = 3
_CELLS_AT_ONCE = 4_000_000


@dataclass(frozen=True, slots=True)
class Intervals:
    """Percentile bootstrap intervals.

    Attributes:
        bounds: metric name -> (low, high).
        unit: "subject", or "clip" where subjects could not be resampled.
        reason: why clips were resampled; None for subjects.
    """

    bounds: dict[str, tuple[float, float]]
    unit: str
    reason: str | None


def bootstrap_intervals(
    predictions: Predictions, resamples: int = 1000, seed: int = 0, level: float = LEVEL
) -> Intervals:
    """Return the interval of each metric that holds ``level`` of the bootstrap distribution.

    Resamples subjects; falls back to clips where a clip's subject is unknown or fewer than
    ``FEWEST_SUBJECTS`` subjects are there. The bins of the adaptive calibration error stay those
    of the whole test set. Resampling adds noise to the bins of calibration errors, which raises
    them: their interval lies higher than a small error itself, and may not contain it.

    Raises:
        HarError: fewer than 2 resamples, or a level outside (0, 1).
    """
    if resamples < 2:
        raise HarError(f"A bootstrap needs at least 2 resamples, got {resamples}.")
    if not 0 < level < 1:
        raise HarError(f"The level of an interval lies between 0 and 1, got {level}.")
    reason = why_not_subjects(predictions.subjects)
    units = predictions.subjects if reason is None else predictions.clip_ids
    _, groups = np.unique(units, return_inverse=True)
    drawn = _resampled_scores(predictions, groups, resamples, np.random.default_rng(seed))
    percentiles = (50 * (1 - level), 50 * (1 + level))
    bounds = {
        name: (float(low), float(high))
        for name, values in drawn.items()
        for low, high in [np.percentile(values, percentiles)]
    }
    return Intervals(bounds, "subject" if reason is None else "clip", reason)


def why_not_subjects(subjects: np.ndarray) -> str | None:
    """Return why subjects cannot be resampled; None where they can."""
    unknown = int((subjects == "").sum())
    if unknown:
        return f"the subject of {unknown} of {len(subjects)} clips is unknown"
    count = len(np.unique(subjects))
    if count < FEWEST_SUBJECTS:
        return f"{count} test subject(s), at least {FEWEST_SUBJECTS} needed to resample them"
    return None


def _resampled_scores(
    predictions: Predictions, groups: np.ndarray, resamples: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Return each metric of each resample, (resamples,)."""
    totals = tally(predictions, groups)
    units = len(totals.clips)
    at_once = max(1, _CELLS_AT_ONCE // units)
    parts = [
        totals.weighted(draw_weights(units, min(at_once, resamples - start), rng)).scores()
        for start in range(0, resamples, at_once)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def draw_weights(units: int, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Return how often each unit is drawn in each resample, (resamples, units) float64."""
    drawn = rng.integers(units, size=(resamples, units))
    drawn += np.arange(resamples)[:, None] * units
    counts = np.bincount(drawn.ravel(), minlength=resamples * units)
    return counts.reshape(resamples, units).astype(np.float64)
