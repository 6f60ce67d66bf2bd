"""Things done on the spot: resting, eating, drinking, reaching, waving, picking up."""

import numpy as np

from har.data.generator.actions.transitions import BED_RANGE_M, SEAT_RANGE_M
from har.data.generator.anthropometry import Body
from har.data.generator.pose import Pose, follow
from har.data.generator.postures import loosened, on_side, seated, standing, supine
from har.data.generator.randomness import Draws
from har.data.generator.timeline import Key, play, pulse, swing
from har.data.generator.vectors import minimum_jerk


def sitting(body: Body, draws: Draws, seconds: np.ndarray) -> Pose:
    """Sit on a chair; shift the weight or a hand now and then."""
    base = loosened(seated(body, draws.uniform(*SEAT_RANGE_M)), draws)
    return _drift(base, draws, seconds, amount=1.0)


def lying(body: Body, draws: Draws, seconds: np.ndarray) -> Pose:
    """Lie in bed on the back or on the side."""
    bed = draws.uniform(*BED_RANGE_M)
    hands = draws.uniform(0, 1)
    back = supine(body, bed).shift(
        left_wrist=(-0.5 * hands, 0.4 * hands, 0.25 * hands),
        right_wrist=(-0.5 * hands, 0.4 * hands, 0.25 * hands),
        hands_down=(-hands, -hands, 0),
        trunk=(0, draws.uniform(0, 0.3), 0, 0),
    )
    base = loosened(back.where(draws.chance(0.6), on_side(body, bed)), draws)
    return _drift(base, draws, seconds, amount=0.8)


def drink(body: Body, draws: Draws, seconds: np.ndarray) -> Pose:
    """Lift a cup to the mouth, tilt the head back, hold, and put it down."""
    table = _at_table(body, draws)
    tilt = draws.uniform(0.1, 0.4)
    mouth = _hand_to_mouth(table, draws).shift(head=(-tilt, 0), spine=(-0.3 * tilt, 0, 0))
    period = draws.uniform(2.1, 3.6) / body.pace.clip(0.8)
    hold = period * draws.uniform(0.3, 0.45)
    return follow(table, mouth, _repeated(seconds, period, hold, draws))


def eat(body: Body, draws: Draws, seconds: np.ndarray) -> Pose:
    """Move the hand between plate and mouth, the head bent towards the plate."""
    table = _at_table(body, draws)
    nod = draws.uniform(0, 0.3)
    mouth = _hand_to_mouth(table, draws).shift(head=(nod, 0), spine=(0.4 * nod, 0, 0))
    period = draws.uniform(1.1, 2.2) / body.pace.clip(0.8)
    hold = period * draws.uniform(0.05, 0.2)
    return follow(table, mouth, _repeated(seconds, period, hold, draws))


def reach_overhead(body: Body, draws: Draws, seconds: np.ndarray) -> Pose:
    """Stand and reach for a shelf with one or both hands."""
    base = loosened(standing(body), draws)
    height = draws.uniform(0.68, 0.88) * body.amplitude.clip(0.8, 1.08)
    ahead, tiptoe = draws.uniform(0.25, 0.55), draws.uniform(0, 0.05)
    hand = (draws.normal(0.02, 0.08), height, ahead)
    one = base.shift(
        pelvis=(0, 0.8 * tiptoe, 0.02),
        spine=(-0.5 * body.stoop - 0.08, 0, 0),
        head=(-0.35, 0),
        left_ankle=(0, tiptoe, 0),
        right_ankle=(0, tiptoe, 0),
    ).change(right_wrist=hand, elbow_out=(0.5, 1.1))
    both = one.change(left_wrist=(hand[0], height - 0.05, ahead), elbow_out=(1.1, 1.1))
    up = both.where(draws.chance(0.4), one.shift(spine=(0, 0, 0.15)))
    rise = draws.uniform(0.6, 1.1) / body.pace
    weight = pulse(seconds, draws.uniform(-0.3, 0.9), rise, draws.uniform(0.5, 1.8), rise)
    track = follow(base, up, weight)
    fumble = swing(seconds, draws.uniform(0.6, 1.6), draws.uniform(0, 1))
    track["right_wrist"][0] += 0.08 * weight * fumble
    return track


def wave(body: Body, draws: Draws, seconds: np.ndarray) -> Pose:
    """Greet with one raised hand, standing or seated."""
    upright, chair = standing(body), seated(body, draws.uniform(*SEAT_RANGE_M))
    base = loosened(chair.where(draws.chance(0.35), upright), draws)
    raised = base.change(
        right_wrist=(draws.uniform(0.2, 0.5), draws.uniform(0.15, 0.6), draws.uniform(0.15, 0.5)),
        elbow_out=(0.5, draws.uniform(0.6, 1.2)),
    )
    rise = draws.uniform(0.4, 0.8) / body.pace
    weight = pulse(seconds, draws.uniform(-0.4, 0.6), rise, draws.uniform(1.2, 2.6), rise)
    track = follow(base, raised, weight)
    side = draws.uniform(0.12, 0.28) * body.amplitude
    beat = swing(seconds, draws.uniform(1.2, 2.6), draws.uniform(0, 1)) * side[:, None]
    track["right_wrist"][0] += weight**2 * beat
    track["right_wrist"][1] -= weight**2 * np.abs(beat) * 0.3
    return track


def pick_up(body: Body, draws: Draws, seconds: np.ndarray) -> Pose:
    """Bend or squat, take something from the floor, come up."""
    base = loosened(standing(body), draws)
    squat = draws.uniform(0, 1)
    low = body.standing_height * (0.93 - 0.38 * squat)
    lean = 1.35 - 0.6 * squat
    bent = base.change(
        pelvis=(0, low, -0.16 - 0.1 * squat),
        trunk=(0, lean, 0, 0),
        spine=(0.45 + 0.3 * body.stoop, 0, draws.normal(0.1, 0.1)),
        head=(-0.3, 0),
        left_wrist=(0.1, -0.5 - 0.3 * (1 - squat), 0.45),
        right_plant=(-draws.uniform(0.0, 0.3), draws.uniform(0.18, 0.32), draws.uniform(0.25, 0.4)),
        plant=(0, 1),
    )
    near = base.change(right_plant=bent["right_plant"], plant=(0, 0))
    down, up = draws.uniform(0.8, 1.4) / body.pace, draws.uniform(0.8, 1.3) / body.pace
    start, hold = draws.uniform(-0.5, 0.5), draws.uniform(0.05, 0.4)
    return follow(near, bent, pulse(seconds, start, down, hold, up))


def _at_table(body: Body, draws: Draws) -> Pose:
    chair = seated(body, draws.uniform(*SEAT_RANGE_M))
    base = chair.where(draws.chance(0.75), standing(body))
    table = draws.uniform(-0.5, -0.35)
    return (
        loosened(base, draws, 0.8)
        .shift(spine=(draws.uniform(0, 0.2), 0, 0))
        .change(
            left_wrist=(draws.uniform(-0.2, 0.1), table, 0.5),
            right_wrist=(draws.uniform(-0.15, 0.15), table, draws.uniform(0.5, 0.65)),
        )
    )


def _hand_to_mouth(base: Pose, draws: Draws) -> Pose:
    return base.change(
        right_wrist=(draws.normal(-0.22, 0.04), draws.normal(0.18, 0.05), draws.normal(0.36, 0.04)),
        elbow_out=(0.5, draws.uniform(0.3, 1.1)),
    )


def _repeated(
    seconds: np.ndarray, period: np.ndarray, hold: np.ndarray, draws: Draws
) -> np.ndarray:
    """Return weights (n, T) that go up, hold and come down once a period, then rest a little."""
    rest = period * draws.uniform(0.08, 0.25)
    rise = (period - hold - rest) / 2
    into = np.mod(seconds / period[:, None] + draws.uniform(0, 1)[:, None], 1) * period[:, None]
    up = minimum_jerk((into / rise[:, None]).clip(0, 1))
    return up - minimum_jerk(((into - (rise + hold)[:, None]) / rise[:, None]).clip(0, 1))


def _drift(base: Pose, draws: Draws, seconds: np.ndarray, amount: float) -> Pose:
    """Move slowly between variations of a resting pose."""
    other = loosened(base, draws, amount)
    restless = draws.chance(0.35)
    hand = (draws.normal(0, 0.2), draws.normal(0.1, 0.2), draws.normal(0, 0.1))
    other = other.shift(right_wrist=hand).where(restless, other)
    start = draws.uniform(-0.5, 1.5)
    return play(
        [Key(start, base), Key(start + draws.uniform(0.9, 2.0), other), Key(start + 5, base)],
        seconds,
    )
