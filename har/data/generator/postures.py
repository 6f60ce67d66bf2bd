"""Key poses shared by the motion programmes. Each takes n bodies and returns n poses.

The person faces forward (z) on a floor at height 0; the feet stand at the origin.
"""

import numpy as np

from har.data.generator.anthropometry import Body
from har.data.generator.pose import Pose
from har.data.generator.randomness import Draws

QUARTER = np.pi / 2
LYING_PELVIS_M = 0.12
SEAT_CLEARANCE_M = 0.1
SEAT_DEPTH = 0.93


def standing(body: Body) -> Pose:
    """Stand upright, as far as the stoop allows, arms hanging."""
    feet = 1.35 * body.hip_half_width
    return Pose.zeros(len(body.height)).change(
        pelvis=(0, body.standing_height - 0.05 * body.stoop, 0),
        trunk=(0, 0.25 * body.stoop, 0, 0),
        spine=(body.stoop, 0, 0),
        head=(0.15 - 0.7 * body.stoop, 0),
        left_wrist=(0.16, -0.94, 0.12),
        right_wrist=(0.16, -0.94, 0.12),
        elbow_out=(0.5, 0.5),
        left_ankle=(feet, body.ankle_height, 0),
        right_ankle=(-feet, body.ankle_height, 0),
        knee_out=(0.12, 0.12),
        foot_flat=(1, 1),
    )


def seated(body: Body, seat_m: np.ndarray) -> Pose:
    """Sit on a seat of the given height, hands on the thighs."""
    feet = 1.6 * body.hip_half_width
    return standing(body).change(
        pelvis=(0, seat_m + SEAT_CLEARANCE_M, -SEAT_DEPTH * body.thigh),
        trunk=(0, -0.06, 0, 0),
        spine=(0.08 + 0.9 * body.stoop, 0, 0),
        left_wrist=(0, -0.68, 0.52),
        right_wrist=(0, -0.68, 0.52),
        elbow_out=(0.5, 0.5),
        left_ankle=(feet, body.ankle_height, 0),
        right_ankle=(-feet, body.ankle_height, 0),
    )


def rising(body: Body, seat_m: np.ndarray) -> Pose:
    """Lean over the feet, half-way between seat and stand."""
    height = 0.5 * (seat_m + SEAT_CLEARANCE_M) + 0.5 * body.standing_height
    return seated(body, seat_m).change(
        pelvis=(0, height - 0.06, -0.55 * body.thigh),
        trunk=(0, 0.6, 0, 0),
        spine=(0.2 + 0.5 * body.stoop, 0, 0),
        head=(-0.45, 0),
        left_wrist=(0.05, -0.8, 0.42),
        right_wrist=(0.05, -0.8, 0.42),
    )


def supine(body: Body, surface_m: np.ndarray | float) -> Pose:
    """Lie on the back, head backwards (-z), on a surface of the given height."""
    feet, height = 1.5 * body.hip_half_width, surface_m + LYING_PELVIS_M
    return Pose.zeros(len(body.height)).change(
        pelvis=(0, height, 0),
        trunk=(0, -QUARTER + 0.03, 0, 0),
        head=(0.2, 0),
        left_wrist=(0.3, -0.88, 0.06),
        right_wrist=(0.3, -0.88, 0.06),
        hands_down=(1, 1, surface_m),
        elbow_out=(QUARTER, QUARTER),
        left_ankle=(feet, height - 0.03, 0.97 * body.leg + body.hip_drop),
        right_ankle=(-feet, height - 0.03, 0.97 * body.leg + body.hip_drop),
        knee_out=(0.5, 0.5),
    )


def on_side(body: Body, surface_m: np.ndarray | float) -> Pose:
    """Lie on the right side, knees drawn up, head to the right (-x), facing forward."""
    height = surface_m + body.hip_half_width + 0.06
    return Pose.zeros(len(body.height)).change(
        pelvis=(0, height, 0),
        trunk=(0, 0, QUARTER - 0.16, 0),
        spine=(0.25 + 0.3 * body.stoop, -0.08, 0),
        head=(0.1, 0.1),
        left_wrist=(-0.25, -0.2, 0.6),
        right_wrist=(-0.05, 0.1, 0.6),
        hands_down=(0.5, 1, surface_m),
        elbow_out=(0.9, -0.3),
        left_ankle=(0.6 * body.leg, height + 0.1, 0.02),
        right_ankle=(0.55 * body.leg, height - 0.05, 0.08),
        knee_out=(0, 0),
    )


def prone(body: Body) -> Pose:
    """Lie face down on the floor, feet at the origin, head forward (+z) between the forearms."""
    feet = 1.8 * body.hip_half_width
    return Pose.zeros(len(body.height)).change(
        pelvis=(0, LYING_PELVIS_M, 0.985 * body.leg + body.hip_drop),
        trunk=(0, QUARTER - 0.03, 0, 0),
        head=(-0.2, 0.2),
        left_wrist=(0.3, 0.45, 0.1),
        right_wrist=(0.3, 0.45, 0.1),
        hands_down=(1, 1, 0),
        elbow_out=(QUARTER, QUARTER),
        left_ankle=(feet, 0.09, 0),
        right_ankle=(-feet, 0.09, 0),
        knee_out=(0.2, 0.2),
    )


def sitting_on_floor(body: Body) -> Pose:
    """Sit on the floor leaning back, legs forward, the hands propped behind."""
    feet = 2.2 * body.hip_half_width
    return Pose.zeros(len(body.height)).change(
        pelvis=(0, LYING_PELVIS_M, 0),
        trunk=(0, -0.35, 0, 0),
        spine=(0.25 + 0.5 * body.stoop, 0, 0),
        head=(0.1, 0),
        left_wrist=(0.35, -0.75, -0.1),
        right_wrist=(0.35, -0.75, -0.1),
        elbow_out=(0.8, 0.8),
        left_ankle=(feet, 0.08, 0.86 * body.leg),
        right_ankle=(-feet, 0.08, 0.7 * body.leg),
        knee_out=(0.25, 0.25),
    )


def facing(pose: Pose, yaw: np.ndarray | float) -> Pose:
    """Turn the whole pose to the left about the vertical through the origin."""
    c, s = np.cos(yaw), np.sin(yaw)
    turned = Pose(pose.values.copy())
    for field in ("pelvis", "left_ankle", "right_ankle"):
        x, height, z = pose[field]
        turned[field][...] = np.stack([c * x + s * z, height, c * z - s * x])
    return turned.shift(trunk=(yaw, 0, 0, 0))


def moved(pose: Pose, left: np.ndarray | float, forward: np.ndarray | float) -> Pose:
    """Carry the whole pose over the floor."""
    step = (left, 0, forward)
    return pose.shift(pelvis=step, left_ankle=step, right_ankle=step)


def loosened(pose: Pose, draws: Draws, amount: float = 1.0) -> Pose:
    """Vary a pose: trunk, head and arms a little differently for each body."""
    a = amount
    return pose.shift(
        trunk=(draws.normal(0, 0.05 * a), 0, 0, draws.normal(0, 0.08 * a)),
        spine=(draws.normal(0, 0.06 * a), draws.normal(0, 0.05 * a), draws.normal(0, 0.1 * a)),
        head=(draws.normal(0, 0.12 * a), draws.normal(0, 0.1 * a)),
        left_wrist=tuple(draws.normal(0, 0.06 * a) for _ in range(3)),
        right_wrist=tuple(draws.normal(0, 0.06 * a) for _ in range(3)),
    )
