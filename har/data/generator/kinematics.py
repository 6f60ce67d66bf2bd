"""From control poses to 25 joints: a trunk chain and four limbs solved by two-bone geometry.

Bone lengths hold exactly; elbows and knees bend one way only; hands and feet are turned out of the
floor, and whatever still sinks lifts the whole body.
"""

import numpy as np

from har.data.generator.anthropometry import FLOOR_MARGIN_M, NECK_BASE_DROP, Body
from har.data.generator.layout import JOINTS, MIRRORED, NUMBER
from har.data.generator.pose import Pose
from har.data.generator.vectors import Frame, cross, dot, length, unit, world_frame

SIDES = {"left": (0, 1.0), "right": (1, -1.0)}
LONGEST_REACH = 0.998
FOLDED_ELBOW_DEG = 35.0
FOLDED_KNEE_DEG = 28.0
_RELAXED_POINTING = 0.5
_KNEE_POLE_UP = 0.8
_ELBOW_LIFT_PER_M = 20.0


def solve(pose: Pose, body: Body) -> np.ndarray:
    """Return joints (3, V, n, T) in metres on the person's floor for a track of control poses."""
    shape = pose.values.shape[1:]
    joints = np.empty((3, len(JOINTS), *shape), dtype=np.float32)
    pelvis, chest = _place_trunk(joints, pose, body)
    for side in SIDES:
        _place_arm(joints, pose, body, chest, side)
        _place_leg(joints, pose, body, pelvis, side)
    lowest = joints[1].min(axis=0)
    joints[1] += (FLOOR_MARGIN_M - lowest).clip(0)
    return joints


def mirror(joints: np.ndarray, mirrored: np.ndarray) -> np.ndarray:
    """Return joints (3, V, n, T) with left and right exchanged for the clips marked (n,)."""
    reflected = joints[:, MIRRORED]
    reflected[0] *= -1
    return np.where(mirrored[:, None], reflected, joints)


def _place_trunk(joints: np.ndarray, pose: Pose, body: Body) -> tuple[Frame, Frame]:
    trunk, spine, nod = pose["trunk"], pose["spine"], pose["head"]
    heading = world_frame(pose.values.shape[1:]).yaw(trunk[0])
    pelvis = heading.pitch(trunk[1]).roll(trunk[2]).yaw(trunk[3])
    waist = pelvis.pitch(spine[0] / 2).roll(spine[1] / 2)
    chest = pelvis.pitch(spine[0]).roll(spine[1]).yaw(spine[2])
    head = chest.pitch(nod[0]).roll(nod[1])
    _set(joints, "pelvis", pose["pelvis"])
    _grow(joints, "pelvis", "spine", waist.up * body.lower_spine[:, None])
    _grow(joints, "spine", "spine_shoulder", chest.up * body.upper_spine[:, None])
    _grow(joints, "spine_shoulder", "neck", chest.up * body.neck[:, None])
    _grow(joints, "neck", "head", head.up * body.head[:, None])
    return pelvis, chest


def _place_arm(joints: np.ndarray, pose: Pose, body: Body, chest: Frame, side: str) -> None:
    number, sign = SIDES[side]
    drop = -NECK_BASE_DROP * body.height[:, None]
    offset = chest.at(sign * body.shoulder_half_width[:, None], drop, 0)
    shoulder = _grow(joints, "spine_shoulder", f"{side}_shoulder", offset)
    outward, up, forward = pose[f"{side}_wrist"] * body.arm[:, None]
    target = shoulder + chest.at(sign * outward, up, forward)
    target += pose["plant"][number] * (pose[f"{side}_plant"] - target)
    ground = pose["hands_down"][2] + 2 * FLOOR_MARGIN_M
    target[1] += pose["hands_down"][number] * (ground - target[1])
    target[1] = np.maximum(target[1], 2 * FLOOR_MARGIN_M)
    open_angle = pose["elbow_out"][number]
    pole = chest.at(sign * np.sin(open_angle), -np.cos(open_angle), -0.35 * np.cos(open_angle))
    bones = (body.upper_arm, body.forearm, FOLDED_ELBOW_DEG)
    elbow, _ = _bend(shoulder, target, pole, *bones)
    pole[1] += _ELBOW_LIFT_PER_M * (ground - elbow[1]).clip(0)
    elbow, wrist = _bend(shoulder, target, pole, *bones)
    _set(joints, f"{side}_elbow", elbow)
    _set(joints, f"{side}_wrist", wrist)
    _place_hand(joints, body, chest, side)


def _place_hand(joints: np.ndarray, body: Body, chest: Frame, side: str) -> None:
    wrist, elbow = joints[:, NUMBER[f"{side}_wrist"]], joints[:, NUMBER[f"{side}_elbow"]]
    sign, size = SIDES[side][1], body.hand[:, None]
    fingers = unit(unit(wrist - elbow) + 0.2 * chest.forward)
    fingers = _keep_above_floor(wrist, fingers, size, chest.up + chest.forward)
    across = unit(cross(fingers, chest.at(-0.5 * sign, 0.5, -0.7)))
    _grow(joints, f"{side}_wrist", f"{side}_hand", 0.5 * size * fingers)
    _grow(joints, f"{side}_wrist", f"{side}_hand_tip", size * fingers)
    _grow(joints, f"{side}_wrist", f"{side}_thumb", size * (0.45 * fingers + 0.25 * across))


def _place_leg(joints: np.ndarray, pose: Pose, body: Body, pelvis: Frame, side: str) -> None:
    number, sign = SIDES[side]
    offset = pelvis.at(sign * body.hip_half_width[:, None], -body.hip_drop[:, None], 0)
    hip = _grow(joints, "pelvis", f"{side}_hip", offset)
    open_angle = pose["knee_out"][number]
    pole = pelvis.at(sign * np.sin(open_angle), _KNEE_POLE_UP, np.cos(open_angle))
    knee, ankle = _bend(hip, pose[f"{side}_ankle"], pole, body.thigh, body.shank, FOLDED_KNEE_DEG)
    _set(joints, f"{side}_knee", knee)
    _set(joints, f"{side}_ankle", ankle)
    _place_foot(joints, pose, body, pelvis, side)


def _place_foot(joints: np.ndarray, pose: Pose, body: Body, pelvis: Frame, side: str) -> None:
    number, sign = SIDES[side]
    knee, ankle = joints[:, NUMBER[f"{side}_knee"]], joints[:, NUMBER[f"{side}_ankle"]]
    shank = unit(ankle - knee)
    hanging = unit(pelvis.forward - dot(pelvis.forward, shank) * shank)
    hanging = unit(hanging + _RELAXED_POINTING * shank)
    yaw = pose["trunk"][0] + sign * 0.15
    flat = np.stack([np.sin(yaw), np.full_like(yaw, -0.25), np.cos(yaw)])
    toes = unit(hanging + pose["foot_flat"][number] * (flat - hanging))
    size = body.foot[:, None]
    toes = _keep_above_floor(ankle, toes, size, shank + 0.3 * pelvis.forward)
    _grow(joints, f"{side}_ankle", f"{side}_foot", size * toes)


def _bend(
    root: np.ndarray,
    target: np.ndarray,
    pole: np.ndarray,
    upper: np.ndarray,
    lower: np.ndarray,
    folded_deg: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the middle joint and the end of a two-bone limb that points at ``target``.

    The middle joint lies on the side of ``pole``. A target out of reach is met halfway: the limb is
    as straight or as folded (inner angle ``folded_deg``) as it can be.
    """
    a, b = upper[:, None], lower[:, None]
    nearest = np.sqrt(a * a + b * b - 2 * a * b * np.cos(np.deg2rad(folded_deg)))
    line = target - root
    distance = length(line) + 1e-6
    line = line / distance
    reach = distance.clip(nearest, LONGEST_REACH * (a + b))
    cosine = ((a * a + reach * reach - b * b) / (2 * a * reach)).clip(-1, 1)
    bend = unit(pole - dot(pole, line) * line)
    middle = root + a * (cosine * line + np.sqrt(1 - cosine * cosine) * bend)
    return middle, root + reach * line


def _keep_above_floor(
    base: np.ndarray, direction: np.ndarray, size: np.ndarray, sideways: np.ndarray
) -> np.ndarray:
    """Turn a unit direction up until base + size * direction clears the floor, if it can."""
    steepest = ((FLOOR_MARGIN_M - base[1]) / size).clip(-1, 1)
    sinking = (steepest - direction[1]).clip(0)
    height = direction[1] + sinking
    flat_x, flat_z = direction[0] + sinking * sideways[0], direction[2] + sinking * sideways[2]
    scale = np.sqrt((1 - height * height).clip(0) / (flat_x * flat_x + flat_z * flat_z + 1e-9))
    return np.stack([flat_x * scale, height, flat_z * scale])


def _set(joints: np.ndarray, name: str, position: np.ndarray) -> None:
    joints[:, NUMBER[name]] = position


def _grow(joints: np.ndarray, parent: str, child: str, offset: np.ndarray) -> np.ndarray:
    position = joints[:, NUMBER[parent]] + offset
    joints[:, NUMBER[child]] = position
    return position
