"""Going from one rest posture to another: chair and bed."""

import numpy as np

from har.data.generator.anthropometry import Body
from har.data.generator.pose import Pose
from har.data.generator.postures import (
    QUARTER,
    facing,
    loosened,
    moved,
    on_side,
    rising,
    seated,
    standing,
    supine,
)
from har.data.generator.randomness import Draws
from har.data.generator.timeline import Key, play

SEAT_RANGE_M = (0.38, 0.5)
BED_RANGE_M = (0.42, 0.6)
SEAT_TO_MIDDLE = 1.3


def sit_down(body: Body, draws: Draws, seconds: np.ndarray) -> Pose:
    """From standing onto a chair; some subjects drop the last part."""
    seat = draws.uniform(*SEAT_RANGE_M)
    upright, sitting = loosened(standing(body), draws), loosened(seated(body, seat), draws)
    start, duration = draws.uniform(-0.1, 1.0), draws.uniform(0.9, 1.7) / body.pace
    half = duration * draws.uniform(0.5, 0.72)
    bent = rising(body, seat).blend(sitting, draws.uniform(0, 0.3))
    return play(
        [
            Key(start, upright),
            Key(start + half, bent),
            Key(start + duration, _leaning(sitting, draws.uniform(0, 0.3))),
            Key(start + duration + 0.6, sitting),
        ],
        seconds,
    )


def stand_up(body: Body, draws: Draws, seconds: np.ndarray) -> Pose:
    """From a chair to standing: lean forward, rise, straighten."""
    seat = draws.uniform(*SEAT_RANGE_M)
    sitting, upright = loosened(seated(body, seat), draws), loosened(standing(body), draws)
    start, duration = draws.uniform(-0.1, 0.9), draws.uniform(1.1, 1.9) / body.pace
    ready = _leaning(sitting, draws.uniform(0.35, 0.7))
    return play(
        [
            Key(start, sitting),
            Key(start + 0.35 * duration, ready),
            Key(start + 0.62 * duration, rising(body, seat)),
            Key(start + duration, upright),
        ],
        seconds,
    )


def lie_down(body: Body, draws: Draws, seconds: np.ndarray) -> Pose:
    """From the edge of a bed, over the elbow, onto the back."""
    edge, tilted, flat = _bed_poses(body, draws)
    start, duration = draws.uniform(-0.1, 0.8), draws.uniform(1.3, 2.1) / body.pace
    return play(
        [
            Key(start, edge),
            Key(start + duration * draws.uniform(0.4, 0.6), tilted),
            Key(start + duration, flat),
        ],
        seconds,
    )


def get_up(body: Body, draws: Draws, seconds: np.ndarray) -> Pose:
    """From lying in bed, over the elbow, to sitting on the edge."""
    edge, tilted, flat = _bed_poses(body, draws)
    start, duration = draws.uniform(-0.1, 0.8), draws.uniform(1.4, 2.2) / body.pace
    return play(
        [
            Key(start, flat),
            Key(start + duration * draws.uniform(0.4, 0.6), tilted),
            Key(start + duration, _leaning(edge, draws.uniform(0, 0.4))),
        ],
        seconds,
    )


def _leaning(pose: Pose, lean: np.ndarray) -> Pose:
    return pose.shift(trunk=(0, lean, 0, 0), spine=(0.4 * lean, 0, 0), head=(-0.8 * lean, 0))


def _bed_poses(body: Body, draws: Draws) -> tuple[Pose, Pose, Pose]:
    """Return sitting on the edge, half-way on the elbow, and lying along the bed."""
    bed = draws.uniform(*BED_RANGE_M)
    middle = -SEAT_TO_MIDDLE * body.thigh
    edge = loosened(seated(body, bed), draws)
    back = moved(facing(supine(body, bed), QUARTER), 0, middle)
    side = moved(on_side(body, bed), 0, middle)
    flat = loosened(back.where(draws.chance(0.75), side), draws)
    tilted = edge.blend(back, 0.5).change(
        pelvis=(0, bed + 0.11, -0.97 * body.thigh),
        trunk=(draws.uniform(0.3, 0.7), draws.uniform(-0.5, -0.1), draws.uniform(0.5, 0.8), 0),
        spine=(0.3, -0.25, 0),
        left_ankle=(0.62 * body.leg, bed + 0.05, -0.35 * body.thigh),
        right_ankle=(0.5 * body.leg, bed - 0.02, -0.25 * body.thigh),
        right_wrist=(0.25, -0.75, 0.1),
        foot_flat=(0, 0),
    )
    return edge, tilted, flat
