"""Limits from a user's own good clips, and augmentation from the conditions of a target."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from har.errors import HarError
from har.quality.measure import Measure

LEAST_CLIPS = 20
_MARGIN = 0.05
_SHARE_ROOM = 0.02
_SIGNIFICANT = 4


def calibrated_rules(
    values: Mapping[str, np.ndarray],
    measures: Mapping[str, Measure],
    keep_percent: float,
    action: str,
) -> list[dict[str, Any]]:
    """Return filter rules that accept good clips and what is like them.

    Each measure with a better and a worse end gets the limit that ``keep_percent`` of the good
    clips stay within, and 5 % of room beyond it; shares at least 0.02.

    Args:
        values: (N,) of the good clips, by measure.
        measures: descriptions.
        keep_percent: in (50, 100].
        action: of the rules: "drop", "weight" or "flag".

    Raises:
        HarError: too few clips, or a share that makes no sense.
    """
    if not 50 < keep_percent <= 100:
        raise HarError(f"keep={keep_percent:g}: a percentage above 50 and up to 100 is needed")
    count = len(next(iter(values.values()), ()))
    if count < LEAST_CLIPS:
        raise HarError(
            f"{count} clips are too few to tell limits from: give at least {LEAST_CLIPS} good ones"
        )
    rules = []
    for name, measure in measures.items():
        known = np.asarray(values[name], np.float64)
        known = known[np.isfinite(known)]
        if measure.good == "neither" or len(known) < LEAST_CLIPS:
            continue
        limits = _limits(known, measure, keep_percent)
        if limits:
            rules.append(
                {
                    "_target_": "har.quality.filters.Threshold",
                    "measure": name,
                    **limits,
                    "action": action,
                }
            )
    return rules


def matching_augmentation(
    source: Mapping[str, np.ndarray], target: Mapping[str, np.ndarray], trunk_m: float
) -> list[dict[str, Any]]:
    """Return transforms that bring training clips to the conditions of a target.

    Only what the target has more of is added: turning of the view up to its spread, noise, missing
    joints, missing frames.

    Args:
        source: measures of the training clips.
        target: measures of clips of the place where the model will work.
        trunk_m: length of a trunk, to turn relative noise into metres.
    """
    transforms = "har.data.transforms"
    turn = _turn_rad(source, target)
    found: list[dict[str, Any]] = []
    if max(turn) > 0:
        found.append({"_target_": f"{transforms}.RandomRotation", "max_angle_rad": turn})
    noise = _typical(target, "jitter") ** 2 - _typical(source, "jitter") ** 2
    if noise > 0:
        sigma = _rounded(trunk_m * float(np.sqrt(noise)))
        found.append({"_target_": f"{transforms}.Jitter", "sigma": sigma})
    missing = _typical(target, "missing_ratio") - _typical(source, "missing_ratio")
    if missing > 0.005:
        found.append({"_target_": f"{transforms}.JointDropout", "rate": _rounded(missing)})
    absent = _typical(target, "absent_ratio") - _typical(source, "absent_ratio")
    if absent > 0.005:
        found.append(
            {"_target_": f"{transforms}.FrameDropout", "rate": _rounded(absent), "fill": "hold"}
        )
    return found


def _limits(known: np.ndarray, measure: Measure, keep_percent: float) -> dict[str, float]:
    cut = (100 - keep_percent) / (2 if measure.good == "middle" else 1)
    low, high = np.percentile(known, (cut, 100 - cut))
    limits = {}
    room = _SHARE_ROOM if (measure.low, measure.high) == (0, 1) else 0.0
    if measure.good in ("high", "middle"):
        least = low - max(_MARGIN * abs(low), room)
        if measure.low is None or least > measure.low:
            limits["least"] = _rounded(least)
    if measure.good in ("low", "middle"):
        most = high + max(_MARGIN * abs(high), room)
        if measure.high is None or most < measure.high:
            limits["most"] = _rounded(most)
    return limits


def _turn_rad(source: Mapping[str, np.ndarray], target: Mapping[str, np.ndarray]) -> list[float]:
    """Return how far to turn about x (tilt), y (view) and z, each side."""
    view = _spread_deg(target, "yaw_deg") - _spread_deg(source, "yaw_deg")
    tilt = _middle(target, "camera_pitch_deg") - _middle(source, "camera_pitch_deg")
    tilt = abs(tilt) + _spread_deg(target, "camera_pitch_deg")
    angles: Sequence[float] = (tilt, max(view, 0.0), 0.0)
    return [_rounded(float(np.deg2rad(min(angle, 180)))) for angle in angles]


def _spread_deg(values: Mapping[str, np.ndarray], name: str) -> float:
    """Return half the range that holds 90 % of the angles about their middle."""
    known = np.deg2rad(_finite(values, name))
    if not len(known):
        return 0.0
    middle = np.angle(np.exp(1j * known).mean())
    away = np.abs(np.angle(np.exp(1j * (known - middle))))
    return float(np.rad2deg(np.percentile(away, 90)))


def _middle(values: Mapping[str, np.ndarray], name: str) -> float:
    known = _finite(values, name)
    return float(np.median(known)) if len(known) else 0.0


def _typical(values: Mapping[str, np.ndarray], name: str) -> float:
    """Return the value that three quarters of the clips stay under; 0 where nothing is known."""
    known = _finite(values, name)
    return float(np.percentile(known, 75)) if len(known) else 0.0


def _finite(values: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    known = np.asarray(values.get(name, ()), np.float64)
    return known[np.isfinite(known)]


def _rounded(value: float) -> float:
    return float(f"{value:.{_SIGNIFICANT}g}")
