"""How well a measure tells corrupted clips from clean ones."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import rankdata


def detection(
    measure: str,
    sign: int,
    clean: Mapping[str, np.ndarray],
    corrupted: Sequence[Mapping[str, np.ndarray]],
) -> dict[str, Any]:
    """Return AUROC by severity of the measure and of the best of all, medians, and monotony."""
    levels = np.stack([sign * values[measure] for values in (clean, *corrupted)])
    best = _best(clean, corrupted[2])
    return {
        "measure": measure,
        "auroc": [auroc(levels[0], level) for level in levels[1:]],
        "medians": [float(np.nanmedian(sign * level)) for level in levels],
        "monotone": monotone(levels),
        "best_at_3": best,
    }


def auroc(clean: np.ndarray, corrupted: np.ndarray) -> float:
    """Return the chance that a corrupted clip has more than a clean one; unknown is least."""
    both = np.concatenate([clean, corrupted])
    ranks = rankdata(np.where(np.isnan(both), -np.inf, both))
    n = len(corrupted)
    return float((ranks[len(clean) :].sum() - n * (n + 1) / 2) / (n * len(clean)))


def _best(
    clean: Mapping[str, np.ndarray], corrupted: Mapping[str, np.ndarray]
) -> list[dict[str, Any]]:
    scores = []
    for name, values in clean.items():
        up = auroc(values, corrupted[name])
        down = auroc(-values, -corrupted[name])
        scores.append({"measure": name, "auroc": max(up, down)})
    return sorted(scores, key=lambda entry: -entry["auroc"])[:3]


def monotone(levels: np.ndarray) -> float:
    """Return the share of clips whose values (levels, clips) never fall by more than 2 %."""
    known = levels[:, np.isfinite(levels).all(axis=0)]
    if not known.size:
        return float("nan")
    slack = 0.02 * (known.max(axis=0) - known.min(axis=0))
    return float((np.diff(known, axis=0) >= -slack).all(axis=0).mean())
