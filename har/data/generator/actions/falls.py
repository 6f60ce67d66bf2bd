"""Falls: a slow start, an accelerating descent of 0.5 to 1.1 s, an impact, a small bounce, rest."""

import numpy as np

from har.data.generator.actions.transitions import SEAT_RANGE_M
from har.data.generator.anthropometry import Body
from har.data.generator.pose import Pose
from har.data.generator.postures import (
    loosened,
    moved,
    on_side,
    prone,
    seated,
    standing,
    supine,
)
from har.data.generator.randomness import Draws
from har.data.generator.timeline import Key, play

EARLY, LATE = 0.42, 0.72
BOUNCE_M = 0.03


def fall_forward(body: Body, draws: Draws, seconds: np.ndarray) -> Pose:
    """Trip and fall flat, or fold at the knees and pitch forward; the arms break the fall."""
    upright = loosened(standing(body), draws)
    end = loosened(prone(body), draws, 1.3)
    folds = draws.uniform(0, 1)
    early, late = (_tipped(upright, body, angle, 0.0) for angle in (0.3, 0.85))
    early = early.shift(left_wrist=(0.1, 0.2, 0.3), right_wrist=(0.05, 0.15, 0.3))
    reaching = {"left_wrist": (0.15, 0.2, 0.8), "right_wrist": (0.2, 0.3, 0.75)}
    late = late.change(**reaching, elbow_out=(0.9, 0.9), foot_flat=(0.2, 0.2))
    late = late.blend(_kneeling(late, body), 0.8 * folds)
    return _fall(upright, early, late, end, draws, seconds)


def fall_backward(body: Body, draws: Draws, seconds: np.ndarray) -> Pose:
    """Lose balance backwards: the pelvis hits first, then the back."""
    upright = loosened(standing(body), draws)
    bent = draws.uniform(0.55, 0.9)
    flat = moved(supine(body, 0), 0, -bent * body.leg).change(
        left_ankle=(0.18, 0.09, draws.uniform(-0.1, 0.15)),
        right_ankle=(-0.14, 0.09, draws.uniform(-0.05, 0.25)),
        left_wrist=(0.6, -0.55, 0.03),
        right_wrist=(0.65, -0.4, 0.03),
    )
    end = loosened(flat, draws, 0.7)
    folds = draws.uniform(0.3, 1)
    early = _tipped(upright, body, -0.18, 0.0).shift(
        pelvis=(0, -0.12 * folds, -0.08 * folds), spine=(0.25, 0, 0)
    )
    late = _tipped(upright, body, -0.5, 0.0).shift(
        pelvis=(0, -0.3 * folds, -0.12 * folds), spine=(0.35, 0, 0), head=(0.3, 0)
    )
    flung = {"left_wrist": (0.55, -0.4, 0.2), "right_wrist": (0.55, -0.5, 0.1)}
    return _fall(upright, early, late.change(**flung), end, draws, seconds)


def fall_sideways(body: Body, draws: Draws, seconds: np.ndarray) -> Pose:
    """Tip over to the right; the right arm reaches for the floor."""
    upright = loosened(standing(body), draws)
    lain = moved(on_side(body, 0), -draws.uniform(0.6, 0.85) * body.leg, 0)
    lain = lain.shift(trunk=(0, 0, 0, draws.uniform(-0.4, 0.4)), right_wrist=(0.1, 0.3, 0))
    end = loosened(lain, draws, 0.8)
    folds = draws.uniform(0, 1)
    early, late = (_tipped(upright, body, 0.0, angle) for angle in (0.3, 0.8))
    late = late.shift(pelvis=(0, -0.25 * folds, 0.05), left_ankle=(-0.05, 0.08, 0))
    flung = {"left_wrist": (0.6, -0.3, 0.3), "right_wrist": (0.75, -0.2, 0.35)}
    return _fall(upright, early, late.change(**flung), end, draws, seconds)


def fall_from_chair(body: Body, draws: Draws, seconds: np.ndarray) -> Pose:
    """Slide or tip off a chair, to the side or to the front."""
    sitting = loosened(seated(body, draws.uniform(*SEAT_RANGE_M)), draws)
    sideways = draws.chance(0.6)
    aside = moved(on_side(body, 0), -0.45, -0.3 * body.thigh)
    ahead = moved(prone(body), 0, -0.55 * body.leg)
    end = loosened(aside.where(sideways, ahead), draws, 1.2)
    tilt = np.where(sideways, 1.0, 0.0)
    early = sitting.shift(
        trunk=(0, 0.45 * (1 - tilt), 0.4 * tilt, 0), pelvis=(-0.05 * tilt, 0, 0.05)
    )
    slumped = sitting.shift(pelvis=(-0.2, -0.12, 0.08), trunk=(0, 0, 0.9, 0), spine=(0.2, 0, 0))
    on_knees = moved(_kneeling(sitting, body), 0, -0.3 * body.leg)
    late = slumped.where(sideways, on_knees).change(
        left_wrist=(0.35, -0.3, 0.55), right_wrist=(0.6, -0.2, 0.5), elbow_out=(0.9, 0.9)
    )
    return _fall(sitting, early, late, end, draws, seconds)


def _tipped(
    upright: Pose, body: Body, forward: np.ndarray | float, right: np.ndarray | float
) -> Pose:
    """Tip the whole body about the feet, like a falling pole (radians)."""
    radius = body.standing_height - body.ankle_height
    height = body.ankle_height + radius * np.cos(forward) * np.cos(right)
    return upright.change(
        pelvis=(-radius * np.sin(right), height - 0.02, radius * np.sin(forward))
    ).shift(trunk=(0, 0.9 * forward, 0.9 * right, 0))


def _kneeling(pose: Pose, body: Body) -> Pose:
    """Go down onto the knees, the shanks flat behind them."""
    return pose.change(
        pelvis=(0, 0.8 * body.thigh + 0.08, body.shank + 0.05),
        trunk=(0, 0.6, 0, 0),
        left_ankle=(1.4 * body.hip_half_width, 0.09, 0),
        right_ankle=(-1.4 * body.hip_half_width, 0.09, 0),
        foot_flat=(0, 0),
    )


def _fall(
    start: Pose, early: Pose, late: Pose, end: Pose, draws: Draws, seconds: np.ndarray
) -> Pose:
    """Play the descent, the impact, a small bounce and the settling of the body."""
    onset, descent = draws.uniform(0.1, 1.2), draws.uniform(0.55, 1.05)
    impact = onset + descent
    landed = end.shift(head=(0.15, 0), pelvis=(0, 0.01, 0))
    bounced = end.shift(
        pelvis=(0, draws.uniform(0.3, 1) * BOUNCE_M, 0), left_wrist=(0, 0, 0.08), head=(-0.1, 0)
    )
    settled = loosened(end, draws, 0.7)
    keys = [
        Key(onset, start),
        Key(onset + EARLY * descent, early),
        Key(onset + LATE * descent, late),
        Key(impact, landed, impact=True),
        Key(impact + 0.12, bounced),
        Key(impact + 0.28, end),
        Key(impact + draws.uniform(0.8, 1.6), settled),
    ]
    return play(keys, seconds)
