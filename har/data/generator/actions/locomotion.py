"""Walking, staggering and crawling: limbs that hold the floor in stance and swing between holds."""

import numpy as np

from har.data.generator.anthropometry import Body
from har.data.generator.pose import Pose
from har.data.generator.postures import standing
from har.data.generator.randomness import Draws
from har.data.generator.timeline import pulse, swing
from har.data.generator.vectors import minimum_jerk

WALKING_STANCE = 0.62
CRAWLING_STANCE = 0.6
_STEPS_DRAWN = 8


def walk(body: Body, draws: Draws, seconds: np.ndarray) -> Pose:
    """Walk straight ahead at the subject's pace."""
    speed = body.pace * draws.uniform(0.75, 1.25)
    cadence = body.pace**0.4 * draws.uniform(0.82, 1.05)
    phase = draws.uniform(0, 1)[:, None] + cadence[:, None] * seconds
    track = _upright_gait(body, phase, speed / cadence)
    _swing_arms(track, phase, 0.3 * body.amplitude * draws.uniform(0.4, 1.2))
    return track


def stagger(body: Body, draws: Draws, seconds: np.ndarray) -> Pose:
    """Lose balance while walking and catch oneself with irregular, wide steps."""
    speed = body.pace * draws.uniform(0.3, 0.8)
    cadence = draws.uniform(0.75, 1.15)
    lurch = pulse(
        seconds,
        draws.uniform(0.2, 1.4),
        draws.uniform(0.3, 0.55),
        draws.uniform(0, 0.3),
        draws.uniform(0.5, 1.0),
    )
    hurry = np.cumsum(lurch, axis=1) * (seconds[1] - seconds[0])
    phase = draws.uniform(0, 1)[:, None] + cadence[:, None] * (seconds + 0.7 * hurry)
    sideways = np.stack([draws.normal(0, 0.09) for _ in range(_STEPS_DRAWN)], axis=1)
    track = _upright_gait(body, phase, speed / cadence, sideways)
    _lose_balance(track, draws, lurch, seconds)
    _keep_within_reach(track, body)
    return track


def crawl(body: Body, draws: Draws, seconds: np.ndarray) -> Pose:
    """Move over the floor on hands and knees."""
    cadence = draws.uniform(0.5, 0.9) * body.pace**0.5
    stride = (body.thigh * draws.uniform(0.5, 0.95))[:, None]
    phase = draws.uniform(0, 1)[:, None] + cadence[:, None] * seconds
    lag = draws.normal(0, 0.06)[:, None]
    pelvis_m = body.thigh + body.hip_drop + 0.02
    lean = (1.22 + 0.1 * body.stoop + draws.normal(0, 0.06)).clip(1.0, 1.4)
    track = Pose.zeros(*phase.shape).change(
        pelvis=(0.02 * np.sin(2 * np.pi * phase), pelvis_m[:, None], stride * phase),
        trunk=(0, lean[:, None], 0.06 * np.sin(2 * np.pi * phase), 0),
        spine=(0.1, 0, 0),
        head=(-0.6 + draws.normal(0, 0.2)[:, None], 0),
        plant=(1, 1),
        elbow_out=(0.7, 0.7),
    )
    shoulder_z = ((body.lower_spine + body.upper_spine) * np.sin(lean))[:, None]
    for side, offset, sign in (("left", 0.0, 1), ("right", 0.5, -1)):
        _crawl_leg(track, body, side, sign, phase + offset, stride, offset)
        ahead = shoulder_z + 0.06 - stride * (0.5 - offset + lag)
        _crawl_hand(track, body, side, sign, phase + 0.5 - offset + lag, stride, ahead)
    return track


def limb_cycle(phase: np.ndarray, stance: float) -> tuple[np.ndarray, np.ndarray]:
    """Return cycles travelled (constant while the limb holds the floor) and lift in [0, 1]."""
    cycle = np.floor(phase)
    swing_part = ((phase - cycle - stance) / (1 - stance)).clip(0, 1)
    return cycle + minimum_jerk(swing_part) + stance / 2, np.sin(np.pi * swing_part) ** 2


def _upright_gait(
    body: Body, phase: np.ndarray, stride_m: np.ndarray, sideways: np.ndarray | None = None
) -> Pose:
    base = standing(body)
    track = Pose(np.repeat(base.values[..., None], phase.shape[1], axis=2))
    stride = stride_m[:, None]
    wave = np.sin(2 * np.pi * phase)
    track["pelvis"][2] = stride * phase
    track["pelvis"][0] += 0.02 * np.sin(2 * np.pi * (phase - 0.05))
    longest = 0.993 * body.leg
    striding = np.sqrt((longest**2 - (0.3 * stride_m) ** 2).clip(0.2)) + 0.025
    striding += body.ankle_height + body.hip_drop
    track["pelvis"][1] = np.minimum(track["pelvis"][1], striding[:, None])
    track["pelvis"][1] -= 0.012 * (1 + np.cos(4 * np.pi * phase))
    track["trunk"][3] += 0.09 * wave
    track["spine"][2] -= 0.16 * wave
    for side, offset in (("left", 0.0), ("right", 0.5)):
        _step(track, body, side, phase + offset, stride, offset)
        if sideways is not None:
            _place_sideways(track[f"{side}_ankle"], phase + offset, sideways)
    _keep_within_reach(track, body)
    return track


def _step(
    track: Pose, body: Body, side: str, phase: np.ndarray, stride: np.ndarray, offset: float
) -> None:
    travelled, lift = limb_cycle(phase, WALKING_STANCE)
    within = phase - np.floor(phase)
    push_off = minimum_jerk(((within - 0.42) / (WALKING_STANCE - 0.42)).clip(0, 1))
    landing = minimum_jerk(((within - WALKING_STANCE) / 0.3).clip(0, 1))
    heel = push_off - landing
    ankle = track[f"{side}_ankle"]
    ankle[2] = stride * (travelled - offset)
    ankle[1] += (0.07 * heel + 0.05 * lift * body.pace[:, None].clip(0.5)) * (stride + 0.3)
    track["foot_flat"][0 if side == "left" else 1] = 1 - 0.85 * heel.clip(0)


def _place_sideways(ankle: np.ndarray, phase: np.ndarray, sideways: np.ndarray) -> None:
    """Shift each foothold by its own amount, moving only while the foot swings."""
    cycle = np.floor(phase).astype(int)
    within = ((phase - cycle - WALKING_STANCE) / (1 - WALKING_STANCE)).clip(0, 1)
    now = np.take_along_axis(sideways, cycle % _STEPS_DRAWN, axis=1)
    then = np.take_along_axis(sideways, (cycle + 1) % _STEPS_DRAWN, axis=1)
    ankle[0] += now + (then - now) * minimum_jerk(within)


def _keep_within_reach(track: Pose, body: Body) -> None:
    """Lower the pelvis until both ankles can be reached."""
    hip_drop, reach = body.hip_drop[:, None], 0.993 * body.leg[:, None]
    x, y, z = track["pelvis"]
    for sign, side in ((1, "left"), (-1, "right")):
        ankle_x, ankle_y, ankle_z = track[f"{side}_ankle"]
        aside = ankle_x - x - sign * body.hip_half_width[:, None]
        flat = aside**2 + (ankle_z - z) ** 2
        y[...] = np.minimum(y, ankle_y + hip_drop + np.sqrt((reach**2 - flat).clip(0.02)))


def _swing_arms(track: Pose, phase: np.ndarray, size: np.ndarray) -> None:
    wave = np.sin(2 * np.pi * (phase + 0.06)) * size[:, None]
    for side, sign in (("left", -1), ("right", 1)):
        wrist = track[f"{side}_wrist"]
        wrist[2] += sign * wave + 0.05
        wrist[1] += 0.5 * wave**2


def _lose_balance(track: Pose, draws: Draws, lurch: np.ndarray, seconds: np.ndarray) -> None:
    sway = swing(seconds, draws.uniform(0.35, 0.8), draws.uniform(0, 1))
    sway *= draws.uniform(0.04, 0.14)[:, None]
    forwards, aside = draws.normal(0.3, 0.25)[:, None], draws.normal(0, 0.3)[:, None]
    track["trunk"][1] += forwards * lurch
    track["trunk"][2] += aside * lurch + sway
    track["pelvis"][0] -= 0.35 * (aside * lurch + sway)
    track["pelvis"][1] -= draws.uniform(0.02, 0.12)[:, None] * lurch
    track["head"][0] -= 0.5 * forwards * lurch
    for side in ("left", "right"):
        flung = draws.uniform(0.2, 1)[:, None] * lurch
        wrist = track[f"{side}_wrist"]
        wrist[0] += (0.35 + draws.uniform(0, 0.35)[:, None]) * flung
        wrist[1] += (0.35 + draws.uniform(0, 0.5)[:, None]) * flung
        wrist[2] += draws.uniform(-0.1, 0.5)[:, None] * flung
    track["elbow_out"][...] += 0.6 * lurch


def _crawl_leg(
    track: Pose,
    body: Body,
    side: str,
    sign: int,
    phase: np.ndarray,
    stride: np.ndarray,
    offset: float,
) -> None:
    travelled, lift = limb_cycle(phase, CRAWLING_STANCE)
    ankle = track[f"{side}_ankle"]
    ankle[0] = sign * 1.2 * body.hip_half_width[:, None]
    ankle[1] = 0.08 + 0.02 * lift
    ankle[2] = stride * (travelled - offset) - 0.97 * body.shank[:, None]


def _crawl_hand(
    track: Pose,
    body: Body,
    side: str,
    sign: int,
    phase: np.ndarray,
    stride: np.ndarray,
    ahead: np.ndarray,
) -> None:
    travelled, lift = limb_cycle(phase, CRAWLING_STANCE)
    plant = track[f"{side}_plant"]
    plant[0] = sign * 1.05 * body.shoulder_half_width[:, None]
    plant[1] = 0.05 + 0.08 * lift
    plant[2] = stride * travelled + ahead
