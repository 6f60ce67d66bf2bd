"""Who does what: runs the motion programmes for mixed classes and returns true joints."""

import numpy as np

from har.data.generator.actions import ACTIONS, CLASSES
from har.data.generator.anthropometry import Body
from har.data.generator.kinematics import mirror, solve
from har.data.generator.pose import CONTROLS, Pose
from har.data.generator.randomness import Draws
from har.data.generator.timeline import swing

STYLE_COLUMNS = 80
WALK = CLASSES.index("walk")
_LIFE_COLUMNS = 12


def perform(labels: np.ndarray, body: Body, columns: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """Return true joints (3, V, n, T) in metres, each person on their own floor, facing forward.

    ``labels`` (n,) index the classes; ``columns`` (n, STYLE_COLUMNS) are uniform variates.
    """
    values = np.empty((CONTROLS, len(labels), len(seconds)), dtype=np.float32)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        draws = Draws(columns[rows, _LIFE_COLUMNS:])
        values[:, rows] = ACTIONS[label].perform(body.take(rows), draws, seconds).values
    track = Pose(values)
    draws = Draws(columns[:, :_LIFE_COLUMNS])
    _enliven(track, body, draws, seconds)
    return mirror(solve(track, body), _mirrored(labels, body, draws))


def _enliven(track: Pose, body: Body, draws: Draws, seconds: np.ndarray) -> None:
    """Add what never stops: sway, breath and, for some, a tremor of 4 to 6 Hz."""
    sway = swing(seconds, draws.uniform(0.15, 0.5), draws.uniform(0, 1))
    breath = swing(seconds, draws.uniform(0.2, 0.35), draws.uniform(0, 1))
    unrest = (1 + body.frailty)[:, None]
    track["trunk"][1] += 0.012 * unrest * breath
    track["trunk"][2] += 0.012 * unrest * sway
    track["pelvis"][0] -= 0.008 * unrest * sway
    track["head"][1] += 0.03 * unrest * sway
    tremor = swing(seconds, draws.uniform(4, 6), draws.uniform(0, 1))
    tremor *= (body.tremor_m / body.arm)[:, None]
    for side in ("left", "right"):
        track[f"{side}_wrist"][0] += tremor + 0.015 * sway
        track[f"{side}_wrist"][2] += 0.7 * tremor + 0.015 * breath


def _mirrored(labels: np.ndarray, body: Body, draws: Draws) -> np.ndarray:
    by_hand = np.array([action.by_hand for action in ACTIONS])[labels]
    other_hand = draws.chance(0.1)
    return np.where(by_hand, body.left_handed ^ other_hand, draws.chance(0.5))
