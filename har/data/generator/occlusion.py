"""What stands between the camera and a joint: furniture, a chair's back, the own trunk."""

from dataclasses import dataclass

import numpy as np

from har.data.generator.camera import Views
from har.data.generator.layout import JOINTS, NUMBER
from har.data.generator.postures import SEAT_DEPTH
from har.data.generator.randomness import Draws
from har.data.generator.vectors import Array, vector

TRUNK_RADIUS_M = 0.13
_LIMBS = [
    number
    for number, name in enumerate(JOINTS)
    if name.startswith(("left", "right")) and not name.endswith(("shoulder", "hip"))
]


@dataclass(frozen=True, slots=True)
class Boxes:
    """One upright box a clip: whether it is there (n,), two corners (3, n) in metres."""

    present: np.ndarray
    low: Array
    high: Array

    def take(self, rows: np.ndarray) -> "Boxes":
        """Return the boxes of the given clips."""
        return Boxes(self.present[rows], self.low[:, rows], self.high[:, rows])


def obstacles(views: Views, aim: Array, draws: Draws, share: float) -> Boxes:
    """Put a table, a sofa or a counter on the line of sight of a share of the clips."""
    along, aside = draws.uniform(0.4, 0.75), draws.normal(0, 0.25)
    height = np.minimum(draws.uniform(0.45, 1.25), 0.92 * views.height_m)
    half_x, half_z = draws.uniform(0.2, 0.6), draws.uniform(0.2, 0.6)
    centre = aim + (views.position - aim) * (1 - along) + aside * views.left
    low = vector(centre[0] - half_x, 0 * height, centre[2] - half_z)
    high = vector(centre[0] + half_x, height, centre[2] + half_z)
    return Boxes(draws.chance(share), low, high)


def chair_backs(on_chair: np.ndarray, thigh: np.ndarray, draws: Draws) -> Boxes:
    """Give most chairs a back behind the sitter."""
    behind = -SEAT_DEPTH * thigh - draws.uniform(0.2, 0.3)
    top, half = draws.uniform(0.75, 1.0), draws.uniform(0.18, 0.26)
    low, high = vector(-half, 0.45, behind - 0.04), vector(half, top, behind)
    return Boxes(on_chair & draws.chance(0.7), low, high)


def hide_behind(boxes: Boxes, views: Views, joints: Array, hidden: np.ndarray) -> None:
    """Mark in ``hidden`` (V, n, T) the joints (3, V, n, T) whose line of sight meets a box."""
    rows = np.flatnonzero(boxes.present)
    eye = views.position[:, None, rows, None]
    ray = joints[:, :, rows] - eye
    ray = np.where(np.abs(ray) < 1e-5, np.float32(1e-5), ray)
    first = (boxes.low[:, None, rows, None] - eye) / ray
    second = (boxes.high[:, None, rows, None] - eye) / ray
    enter = np.minimum(first, second).max(axis=0)
    leave = np.maximum(first, second).min(axis=0)
    hidden[:, rows] |= (leave > np.maximum(enter, 0)) & (enter < 0.98)


def hide_behind_trunk(seen: Array, hidden: np.ndarray) -> None:
    """Mark in ``hidden`` the limb joints that the own trunk covers (camera coordinates)."""
    depth = np.maximum(seen[2], 0.1)
    plane = seen[:2] / depth
    bottom, top = NUMBER["pelvis"], NUMBER["spine_shoulder"]
    start, axis = plane[:, bottom], plane[:, top] - plane[:, bottom]
    limbs = plane[:, _LIMBS] - start[:, None]
    along = limbs[0] * axis[0] + limbs[1] * axis[1]
    share = (along / (axis[0] ** 2 + axis[1] ** 2 + 1e-6)).clip(0, 1)
    off_x, off_y = limbs[0] - share * axis[0], limbs[1] - share * axis[1]
    trunk_depth = depth[bottom] + share * (depth[top] - depth[bottom])
    covered = (off_x**2 + off_y**2) * trunk_depth**2 < TRUNK_RADIUS_M**2
    hidden[_LIMBS] |= covered & (depth[_LIMBS] > trunk_depth + 0.1)
