"""Lying or sitting on the floor after a fall, still or calling for help."""

import numpy as np

from har.data.generator.anthropometry import Body
from har.data.generator.pose import Pose, follow
from har.data.generator.postures import loosened, on_side, prone, sitting_on_floor, supine
from har.data.generator.randomness import Draws
from har.data.generator.timeline import Key, play, pulse, swing


def fallen(body: Body, draws: Draws, seconds: np.ndarray) -> Pose:
    """Lie twisted on the floor; some try to lift the head, an arm or a leg."""
    base = loosened(_sprawled(body, draws), draws, 1.5)
    trying = loosened(base, draws, 1.0).shift(
        head=(draws.uniform(-0.3, 0.3), 0),
        left_wrist=(0, draws.normal(0, 0.15), 0),
        hands_down=(-draws.uniform(0, 0.5), 0, 0),
        right_ankle=(draws.normal(0, 0.05), draws.uniform(0, 0.08), draws.normal(0, 0.06)),
    )
    moves = trying.where(draws.chance(0.6), base.blend(trying, 0.15))
    start = draws.uniform(-0.8, 1.2)
    up, back = draws.uniform(0.6, 1.4), draws.uniform(0.6, 1.6)
    return play([Key(start, base), Key(start + up, moves), Key(start + up + back, base)], seconds)


def call_for_help(body: Body, draws: Draws, seconds: np.ndarray) -> Pose:
    """Wave one or both arms while lying or sitting on the floor."""
    propped, flat = sitting_on_floor(body), supine(body, 0).shift(trunk=(0, 0.12, 0, 0))
    lying_side = on_side(body, 0)
    ground = propped.where(draws.chance(0.45), flat.where(draws.chance(0.7), lying_side))
    base = loosened(ground, draws)
    high, ahead = draws.uniform(0.35, 0.75), draws.uniform(0.35, 0.65)
    hand = (draws.uniform(0.1, 0.4), high, ahead)
    one = base.change(
        left_wrist=hand,
        elbow_out=(1.1, base["elbow_out"][1]),
        hands_down=(0, base["hands_down"][1], 0),
    )
    both = one.change(
        right_wrist=(hand[0], high - 0.05, ahead), elbow_out=(1.1, 1.1), hands_down=(0, 0, 0)
    )
    two_arms = draws.chance(0.45)
    raised = both.where(two_arms, one)
    weight = pulse(
        seconds,
        draws.uniform(-0.6, 0.6),
        draws.uniform(0.4, 0.8),
        draws.uniform(1.2, 3),
        draws.uniform(0.4, 0.8),
    )
    track = follow(base, raised, weight)
    size = draws.uniform(0.12, 0.35) * body.amplitude
    beat = swing(seconds, draws.uniform(0.8, 2.0), draws.uniform(0, 1)) * size[:, None]
    track["left_wrist"][0] += weight * beat
    track["left_wrist"][1] += 0.4 * weight * beat
    track["right_wrist"][0] += (two_arms[:, None] * weight) * beat
    return track


def _sprawled(body: Body, draws: Draws) -> Pose:
    reach = draws.uniform(0, 1)
    face_down = prone(body).shift(
        left_wrist=(0.1, 0.3 * reach - 0.2, 0),
        right_wrist=(0.1, -1.2 * reach, 0),
        trunk=(0, 0, 0, draws.normal(0, 0.12)),
    )
    bent = draws.uniform(0.55, 0.97)
    face_up = supine(body, 0).change(
        left_ankle=(0.2, 0.09, bent * body.leg),
        right_ankle=(-draws.uniform(0.1, 0.3), 0.09, draws.uniform(0.6, 0.97) * body.leg),
        left_wrist=(0.6, 0.6 - 1.2 * reach, 0.04),
        right_wrist=(0.7, -0.5, 0.04),
    )
    curled = on_side(body, 0).shift(
        trunk=(0, 0, 0, draws.uniform(-0.5, 0.5)),
        right_wrist=(0.1, 0.5 * reach, 0),
        left_ankle=(-0.1 * reach, 0, 0.1),
    )
    which = draws.uniform(0, 1)
    return face_down.where(which < 0.35, face_up.where(which < 0.62, curled))
