"""Measures of poses: size and proportions of the body, and how steady they are."""

import numpy as np

from har.quality.measure import Measures
from har.quality.pose_block import PoseBlock
from har.quality.statistics import divide, norm

BODY = Measures("pose")
_STATURE = (
    (("left_ankle", "right_ankle"), ("left_knee", "right_knee")),
    (("left_knee", "right_knee"), ("left_hip", "right_hip")),
)


@BODY.add("bone_variation", "skeleton", "share", (0, None), "low")
def bone_variation(block: PoseBlock) -> np.ndarray:
    """Return the standard deviation of bone lengths over the clip, as a share of the length.

    The mean over the bones. Bones of a body do not change; in 2D they do with the view.
    """
    length, usable = block.bones
    mean = block.bone_means
    deviation = length - np.nan_to_num(mean)[block.clip]
    spread = np.sqrt(block.column_means(deviation**2, usable))
    return _mean_known(divide(spread, mean))


@BODY.add("bone_jitter", "skeleton", "share", (0, None), "low")
def bone_jitter(block: PoseBlock) -> np.ndarray:
    """Return the change of bone lengths from frame to frame, as a share of the length."""
    length, usable = block.bones
    change = np.abs(np.diff(length, axis=0, prepend=length[:1]))
    both = usable & np.roll(usable, 1, axis=0)
    both &= block.continues[:, None]
    return _mean_known(divide(block.column_means(change, both), block.bone_means))


@BODY.add("bone_asymmetry", "skeleton", "share", (0, None), "low")
def bone_asymmetry(block: PoseBlock) -> np.ndarray:
    """Return the difference of left and right bone lengths, as a share of their mean.

    The mean over the pairs of limbs; about 0 for a body, large for wrong proportions.
    """
    first, second = _mirrored_edges(block)
    left, right = block.bone_means[:, first], block.bone_means[:, second]
    return _mean_known(divide(2 * np.abs(left - right), left + right))


@BODY.add("trunk_m", "size", "m", (0, None), "middle")
def trunk_m(block: PoseBlock) -> np.ndarray:
    """Return the length of the trunk, from the base of the spine to the neck; 3D in metres only."""
    return block.trunk if block.is_3d and block.unit == "m" else np.full(len(block), np.nan)


@BODY.add("leg_m", "size", "m", (0, None), "middle")
def leg_m(block: PoseBlock) -> np.ndarray:
    """Return the length of the legs, from hip over knee to ankle; 3D in metres only."""
    total = np.zeros(len(block))
    if not (block.is_3d and block.unit == "m"):
        return np.full(len(block), np.nan)
    for lower, upper in _STATURE:
        sides = []
        for one, other in zip(lower, upper, strict=True):
            start, start_seen = block.joint_mean((one,))
            end, end_seen = block.joint_mean((other,))
            sides.append(block.median(norm(end - start), start_seen & end_seen))
        total += _mean_known(np.stack(sides, axis=1))
    return total


@BODY.add("lean_deg", "viewpoint", "deg", (0, 90), "neither")
def lean_deg(block: PoseBlock) -> np.ndarray:
    """Return how far the trunk leans to a side in the picture, the median over the clip.

    Large for people who lie, and for a camera that hangs crooked.
    """
    base, base_seen = block.landmark("spine_base")
    top, top_seen = block.landmark("spine_top")
    across, along = (top - base).T[:2]
    both = base_seen & top_seen
    angle = block.median(np.rad2deg(np.arctan2(across, np.abs(along))), both)
    return np.abs(angle)


@BODY.add("person_height_px", "size", "px", (0, None), "high")
def person_height_px(block: PoseBlock) -> np.ndarray:
    """Return the height of the person in the picture, the median over the clip; 2D pixels only."""
    if block.is_3d or block.unit != "px":
        return np.full(len(block), np.nan)
    y = block.joints[..., 1]
    low = np.where(block.seen, y, np.inf).min(axis=1)
    high = np.where(block.seen, y, -np.inf).max(axis=1)
    return block.median(np.where(block.present, high - low, 0), block.present)


@BODY.add("depth_ratio", "skeleton", "share", (0, None), "high")
def depth_ratio(block: PoseBlock) -> np.ndarray:
    """Return the extent of the body in depth as a share of its extent in the picture; 3D only.

    0 where the depth is missing or flat.
    """
    if not block.is_3d:
        return np.full(len(block), np.nan)
    count = np.maximum(block.seen.sum(axis=1), 1)[:, None]
    centre = block.joints.sum(axis=1) / count
    offset = (block.joints - centre[:, None]) * block.seen[..., None]
    spread = np.sqrt((offset**2).sum(axis=1) / count)
    flat = np.hypot(spread[:, 0], spread[:, 1])
    usable = block.present & (flat > 0)
    return block.median(spread[:, 2] / np.where(flat > 0, flat, 1), usable)


def _mirrored_edges(block: PoseBlock) -> tuple[list[int], list[int]]:
    """Return the edges that have a partner on the other side, and their partners."""
    mirror = block.layout.flip_permutation
    at = {frozenset(edge): number for number, edge in enumerate(block.layout.edge_indices.tolist())}
    pairs = {
        number: at.get(frozenset(int(mirror[joint]) for joint in edge), number)
        for edge, number in at.items()
    }
    kept = [(a, b) for a, b in pairs.items() if a < b]
    return [a for a, _ in kept], [b for _, b in kept]


def _mean_known(values: np.ndarray) -> np.ndarray:
    """Return the mean over columns (N, K) of what is no NaN; NaN where all are."""
    known = np.isfinite(values)
    return divide(np.where(known, values, 0).sum(axis=1), known.sum(axis=1))
