"""Measures of poses: where the camera stands, from the body and the floor it stands on.

Camera coordinates are those of depth sensors: y up along the camera's axis, z away from it; data
with y down are turned. The camera is taken to be upright, so that its tilt is one angle. The tilt
follows from people who stand or sit upright; of a camera that shows such a person in some of its
clips it is known in all of them.
"""

from dataclasses import dataclass, replace

import numpy as np

from har.quality.measure import Measures
from har.quality.pose_block import PoseBlock
from har.quality.statistics import divide, norm

VIEW = Measures("pose")
_TURN = (-180.0, 180.0)
_ALIGNED = np.cos(np.deg2rad(20))
_LEAN = np.sin(np.deg2rad(15))
_PITCH_RANGE_DEG = (-20.0, 70.0)
_STRAIGHT_LEGS = 1.15
_LEAST_FRAMES = 5
_TRUSTED_SHARE = 0.6
_NEAREST_M = 0.3
_SHOULDERS_OF_TRUNK = 0.65


@dataclass(frozen=True, eq=False)
class View:
    """What the measures of the viewpoint share, for N clips and R frames.

    Attributes:
        pitch_deg: (N,) tilt of the camera downwards; NaN where nobody is upright.
        up: (N, 3) the vertical in camera coordinates; that of a level camera where unknown.
        base: (R, 3) the base of the spine; usable where ``known``.
        known: (R,) bool.
        facing: (R, 3) where the body faces, on the floor; not normalised.
        oriented: (R,) bool, where ``facing`` is known.
    """

    pitch_deg: np.ndarray
    up: np.ndarray
    base: np.ndarray
    known: np.ndarray
    facing: np.ndarray
    oriented: np.ndarray


def view_of(block: PoseBlock, prior_deg: np.ndarray | None = None) -> View | None:
    """Return what is known of the viewpoint; None for 2D, and for data not in metres.

    Args:
        block: the clips.
        prior_deg: (N,) tilt of the cameras where it is known otherwise, else NaN; used for clips
            in which nobody is upright.
    """
    if not block.is_3d or block.unit != "m":
        return None
    joints = _camera_axes(block)
    turned = replace(block, joints=joints)
    trusted = replace(turned, confidence=_trusted(block))
    own = _pitch_deg(trusted)
    pitch = own if prior_deg is None else np.where(np.isfinite(own), own, prior_deg)
    tilt = np.deg2rad(np.nan_to_num(pitch))
    up = np.stack([np.zeros_like(tilt), np.cos(tilt), -np.sin(tilt)], axis=1)
    base, known = turned.landmark("spine_base")
    facing, oriented = _facing(trusted, up[block.clip])
    in_front = known & (base[:, 2] > _NEAREST_M)
    return View(pitch, up, base, in_front, facing, oriented & in_front)


def measure_view(block: PoseBlock, prior_deg: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Return all measures of the viewpoint, each (N,); NaN where they cannot be told."""
    view = view_of(block, prior_deg)
    if view is None:
        nothing = {name: np.full(len(block), np.nan) for name in VIEW.functions}
        return nothing | {"view_angle_deg": flat_view_angle_deg(block)}
    return {name: function(block, view) for name, function in VIEW.functions.items()}


@VIEW.add("camera_pitch_deg", "viewpoint", "deg", (-90, 90), "neither")
def camera_pitch_deg(block: PoseBlock, view: View) -> np.ndarray:  # noqa: ARG001
    """Return the tilt of the camera downwards."""
    return view.pitch_deg


@VIEW.add("camera_height_m", "viewpoint", "m", (None, None), "neither")
def camera_height_m(block: PoseBlock, view: View) -> np.ndarray:
    """Return the height of the camera above the lowest joints of the clip, which is the floor."""
    height = (_camera_axes(block) * view.up[block.clip][:, None]).sum(axis=2)
    lowest = block.quantile(height, block.seen & view.known[:, None], 0.02)
    return np.where(np.isfinite(view.pitch_deg), -lowest, np.nan)


@VIEW.add("distance_m", "viewpoint", "m", (0, None), "neither")
def distance_m(block: PoseBlock, view: View) -> np.ndarray:
    """Return the distance over the floor from the camera to the person's mean place in the clip."""
    along = _level(view.base, view.up[block.clip])
    return norm(np.stack([block.mean(axis, view.known) for axis in along.T], axis=1))


@VIEW.add("yaw_deg", "viewpoint", "deg", _TURN, "neither")
def yaw_deg(block: PoseBlock, view: View) -> np.ndarray:
    """Return where the camera stands, seen from the person: 0 in front, 90 at the left."""
    mean, _ = _mean_direction(block, view)
    return np.rad2deg(np.angle(mean))


@VIEW.add("view_angle_deg", "viewpoint", "deg", (0, 180), "neither")
def view_angle_deg(block: PoseBlock, view: View) -> np.ndarray:
    """Return how far from in front the camera stands: 0 in front, 90 at a side, 180 behind."""
    return np.abs(yaw_deg(block, view))


@VIEW.add("turning", "viewpoint", "share", (0, 1), "neither")
def turning(block: PoseBlock, view: View) -> np.ndarray:
    """Return how much the person turns: 0 faces one way throughout, 1 all ways alike."""
    mean, known = _mean_direction(block, view)
    return np.where(known, 1 - np.minimum(np.abs(mean), 1), np.nan)


def flat_view_angle_deg(block: PoseBlock) -> np.ndarray:
    """Return the view angle from the width of the shoulders in the picture; coarse, 2D only.

    In the picture the left shoulder of a person in front of the camera is on the right.
    """
    if block.is_3d:
        return np.full(len(block), np.nan)
    left, left_seen = block.landmark("left_shoulder")
    right, right_seen = block.landmark("right_shoulder")
    width = block.median(left[:, 0] - right[:, 0], left_seen & right_seen)
    share = divide(width, _SHOULDERS_OF_TRUNK * block.trunk)
    return np.rad2deg(np.arccos(np.clip(share, -1, 1)))


def _mean_direction(block: PoseBlock, view: View) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean over the clip of the direction to the camera, seen from the person.

    As complex numbers of at most 1, with the direction as angle; NaN where it is not known. Frames
    weigh as much as the line of shoulders and hips is level: of a person who lies on a side it
    stands upright and tells no direction.
    """
    up = view.up[block.clip]
    to_camera = _level(-view.base, up)
    left = np.cross(up, view.facing)
    usable = view.oriented & (norm(to_camera) > 0)
    ahead, aside = (
        block.mean(np.nan_to_num(divide((axis * to_camera).sum(axis=1), norm(to_camera))), usable)
        for axis in (view.facing, left)
    )
    weight = block.mean(norm(view.facing), usable)
    mean = divide(ahead, weight) + 1j * divide(aside, weight)
    return mean, np.isfinite(mean)


def _facing(block: PoseBlock, up: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where shoulders and hips face, on the floor, (R, 3), and where both are seen."""
    across = np.zeros((len(block.clip), 3))
    seen = np.zeros(len(block.clip), bool)
    for part in ("shoulder", "hip"):
        left, left_seen = block.landmark(f"left_{part}")
        right, right_seen = block.landmark(f"right_{part}")
        both = left_seen & right_seen
        across += np.where(both[:, None], left - right, 0)
        seen |= both
    return np.cross(_level(across, up), up), seen


def _pitch_deg(block: PoseBlock) -> np.ndarray:
    """Return the tilt by clip, from frames in which the person stands, or else sits upright."""
    base, base_seen = block.landmark("spine_base")
    top, top_seen = block.landmark("spine_top")
    knees, knees_seen = _both(block, "knee")
    ankles, ankles_seen = _both(block, "ankle")
    trunk, legs, shanks = top - base, base - ankles, knees - ankles
    seen = base_seen & top_seen & ankles_seen
    long_legs = norm(legs) > _STRAIGHT_LEGS * np.nan_to_num(block.trunk)[block.clip]
    stands = seen & long_legs & _aligned(trunk, legs) & _plausible(legs)
    upright = trunk + shanks
    sits = seen & knees_seen & _aligned(trunk, shanks) & _plausible(upright)
    standing, sitting = _median_pitch(block, legs, stands), _median_pitch(block, upright, sits)
    return np.where(np.isfinite(standing), standing, sitting)


def _median_pitch(block: PoseBlock, axis: np.ndarray, where: np.ndarray) -> np.ndarray:
    enough = block.total(where.astype(float)) >= _LEAST_FRAMES
    return np.where(enough, block.median(_tilt_deg(axis), where), np.nan)


def _tilt_deg(axis: np.ndarray) -> np.ndarray:
    return np.rad2deg(np.arctan2(-axis[:, 2], axis[:, 1]))


def _plausible(axis: np.ndarray) -> np.ndarray:
    """Return whether an axis can be the vertical: hardly sideways, and within a camera's tilts."""
    length = np.maximum(norm(axis), 1e-9)
    tilt = _tilt_deg(axis)
    low, high = _PITCH_RANGE_DEG
    return (np.abs(axis[:, 0]) < _LEAN * length) & (tilt >= low) & (tilt <= high)


def _aligned(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    length = norm(first) * norm(second)
    return (first * second).sum(axis=1) > _ALIGNED * length


def _level(vectors: np.ndarray, up: np.ndarray) -> np.ndarray:
    """Return the part of vectors that lies in the floor."""
    return vectors - (vectors * up).sum(axis=1, keepdims=True) * up


def _both(block: PoseBlock, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of a left and a right joint (R, 3), and whether both are trusted (R,)."""
    sides = [block.joint_mean((f"{side}_{part}",)) for side in ("left", "right")]
    return (sides[0][0] + sides[1][0]) / 2, sides[0][1] & sides[1][1]


def _trusted(block: PoseBlock) -> np.ndarray:
    """Return the confidence without joints that are much less certain than is usual in the clip."""
    usual = np.nan_to_num(block.quantile(block.confidence, block.seen, 0.75))
    return np.where(
        block.confidence >= _TRUSTED_SHARE * usual[block.clip][:, None], block.confidence, 0
    )


def _camera_axes(block: PoseBlock) -> np.ndarray:
    """Return the joints with y up: data whose heads are mostly below the hips are turned over."""
    base, base_seen = block.landmark("spine_base")
    top, top_seen = block.landmark("spine_top")
    both = base_seen & top_seen
    rises = (top - base)[both, 1]
    if len(rises) and np.median(rises) < 0:
        return block.joints * np.array([-1, -1, 1], np.float32)
    return block.joints
