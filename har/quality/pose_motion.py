"""Measures of poses: noise, speed, gaps in time, and where the action lies in the clip."""

import numpy as np

from har.quality.measure import Measures
from har.quality.pose_block import PoseBlock
from har.quality.statistics import divide, norm

MOTION = Measures("pose")
IMPLAUSIBLE_SPEED = 25.0
_SECOND_DIFFERENCE = np.sqrt(6)
_MEDIAN_LENGTH = {2: 1.1774, 3: 1.5382}
"""Median length of a vector of standard normal numbers, by how many it has."""
_FROZEN_STEP = 1e-4
_SWAP_SHARE = 0.5
_SMALLEST_SWAP = 0.15
_TRUNK_CORNERS = ("left_hip", "right_hip", "spine_base", "spine_top")
_POINTS = 0.3
_SURE = 0.3
_MOVING = 0.25
_PAUSE_SEC = 0.4
_END_SEC = 0.2


@MOTION.add("jitter", "noise", "trunk lengths", (0, None), "low")
def jitter(block: PoseBlock) -> np.ndarray:
    """Return the noise of the joints from frame to frame: median second difference, as a sigma.

    For white noise of standard deviation s the second difference has s times the root of 6;
    even motion leaves it. Noise that a sensor has smoothed over time is underestimated.
    """
    x = block.joints
    if len(x) < 3:
        return np.full(len(block), np.nan)
    change = norm(x[:-2] - 2 * x[1:-1] + x[2:])
    usable = block.seen[:-2] & block.seen[1:-1] & block.seen[2:]
    usable &= (block.continues[1:-1] & block.continues[2:])[:, None]
    middle = _pad(change, 1, 1), _pad(usable, 1, 1)
    typical = block.quantile(*middle, 0.5)
    return divide(typical / (_MEDIAN_LENGTH[x.shape[2]] * _SECOND_DIFFERENCE), block.trunk)


@MOTION.add("speed_max", "noise", "trunk lengths a second", (0, None), "low")
def speed_max(block: PoseBlock) -> np.ndarray:
    """Return the speed that 1 % of the steps of joints exceed."""
    speed, usable = block.speed
    return block.quantile(speed, usable, 0.99)


@MOTION.add("implausible_speed_ratio", "noise", "share", (0, 1), "low")
def implausible_speed_ratio(block: PoseBlock) -> np.ndarray:
    """Return the share of steps of joints above 25 trunk lengths a second, some 12 m/s.

    Hands of adults stay below that in daily life.
    """
    speed, usable = block.speed
    fast = ((speed > IMPLAUSIBLE_SPEED) & usable).sum(axis=1)
    return divide(block.total(fast), block.total(usable.sum(axis=1)))


@MOTION.add("teleport", "tracking", "trunk lengths", (0, None), "low")
def teleport(block: PoseBlock) -> np.ndarray:
    """Return the largest step of the trunk from one frame to the next."""
    centre, seen = block.centre
    step = _step(centre)
    usable = block.continues & seen & np.roll(seen, 1)
    found = block.largest(np.where(usable, step, 0))
    return divide(np.where(block.total(usable) > 0, found, np.nan), block.trunk)


@MOTION.add("frozen_ratio", "time", "share", (0, 1), "low")
def frozen_ratio(block: PoseBlock) -> np.ndarray:
    """Return the share of frames that repeat the pose of the frame before."""
    return block.mean(_frozen(block).astype(float), block.continues)


@MOTION.add("fresh_fps", "time", "frames a second", (0, None), "high")
def fresh_fps(block: PoseBlock) -> np.ndarray:
    """Return the rate of frames that differ from the one before."""
    return block.fps * (1 - np.nan_to_num(frozen_ratio(block)))


@MOTION.add("motion_extent", "tracking", "trunk lengths", (0, None), "neither")
def motion_extent(block: PoseBlock) -> np.ndarray:
    """Return the spread of the joints over the clip, about their mean places; near 0 for a picture.

    A track on furniture or on a photograph does not move.
    """
    variance = np.zeros((len(block), block.layout.num_joints))
    for axis in range(block.joints.shape[2]):
        values = block.joints[..., axis].astype(np.float64)
        mean = np.nan_to_num(block.column_means(values, block.seen))
        variance += np.nan_to_num(block.column_means((values - mean[block.clip]) ** 2, block.seen))
    return divide(np.sqrt(variance.mean(axis=1)), block.trunk)


@MOTION.add("swap_ratio", "tracking", "share", (0, 1), "low")
def swap_ratio(block: PoseBlock) -> np.ndarray:
    """Return the share of frames in which left and right seem to have changed places.

    They change where, exchanged, the joints would lie at less than half the distance from the frame
    before. Which of the two assignments is wrong, the feet tell, which point ahead; without feet in
    3D it is the rarer one.
    """
    exchanged = _exchanges(block)
    share = block.mean(exchanged.astype(float), block.present)
    ahead = block.total(np.where(exchanged, -1, 1) * _feet_point_ahead(block))
    sure = np.abs(ahead) > _SURE * block.total(block.present.astype(float))
    wrong = np.where(sure, ahead < 0, share > 0.5)
    return np.where(wrong, 1 - share, share)


@MOTION.add("bouts", "content", "bouts", (0, None), "neither")
def bouts(block: PoseBlock) -> np.ndarray:
    """Return the number of bouts of motion, divided by rests of 0.4 s and more.

    Several in one clip hint at several activities.
    """
    energy, moving = _moving(block)
    frame = np.arange(len(energy))
    start_of_clip = np.searchsorted(block.clip, block.clip)
    earlier = np.where(moving, frame, -1)
    last = np.maximum.accumulate(np.concatenate([[-1], earlier[:-1]])) if len(frame) else earlier
    rest = frame - np.maximum(last, -1) - 1
    first = last < start_of_clip
    begins = moving & (first | (rest >= _PAUSE_SEC * block.fps[block.clip]))
    return block.total(begins.astype(float))


@MOTION.add("cut_start", "content", "share", (0, None), "low")
def cut_start(block: PoseBlock) -> np.ndarray:
    """Return the motion in the first 0.2 s as a share of the clip's strong motion.

    Near 1 where the action has begun before the clip.
    """
    return _motion_at_end(block, first=True)


@MOTION.add("cut_end", "content", "share", (0, None), "low")
def cut_end(block: PoseBlock) -> np.ndarray:
    """Return the motion in the last 0.2 s as a share of the clip's strong motion."""
    return _motion_at_end(block, first=False)


def _motion_at_end(block: PoseBlock, first: bool) -> np.ndarray:
    energy, usable = block.energy
    start = np.searchsorted(block.clip, block.clip)
    frame = np.arange(len(energy)) - start
    if not first:
        frame = block.frame_count[block.clip] - 1 - frame
    near = usable & (frame < np.maximum(_END_SEC * block.fps, 2)[block.clip])
    strong = block.quantile(energy, usable, 0.9)
    return divide(block.mean(energy, near), strong)


def _exchanges(block: PoseBlock) -> np.ndarray:
    """Return (R,) bool: frames whose sides are exchanged against the first frame of the clip."""
    mirror = block.layout.flip_permutation
    paired = np.flatnonzero(mirror != np.arange(len(mirror)))
    if len(block.clip) < 2 or not len(paired):
        return np.zeros(len(block.clip), bool)
    now, before = block.joints[1:, paired], block.joints[:-1, paired]
    swapped = block.joints[1:, mirror[paired]]
    usable = (block.seen[1:] & block.seen[:-1])[:, paired] & block.seen[1:, mirror[paired]]
    own = (norm(now - before) * usable).sum(axis=1)
    other = (norm(swapped - before) * usable).sum(axis=1)
    trunk = np.nan_to_num(block.trunk)[block.clip[1:]]
    large = own > _SMALLEST_SWAP * usable.sum(axis=1) * trunk
    flips = np.cumsum(_pad((other < _SWAP_SHARE * own) & large & block.continues[1:], 1, 0))
    first = np.searchsorted(block.clip, block.clip)
    return np.asarray((flips - flips[first]) % 2 == 1)


def _feet_point_ahead(block: PoseBlock) -> np.ndarray:
    """Return (R,) 1 where the feet point to where left and right say is ahead, -1 behind, else 0.

    2D does not tell, nor do feet that are not seen.
    """
    names = ("left_ankle", "right_ankle", "left_foot", "right_foot")
    if not block.is_3d or any(block.layout.find(name) is None for name in names):
        return np.zeros(len(block.clip))
    (left, a), (right, b), (base, c), (top, d) = map(block.landmark, _TRUNK_CORNERS)
    ankles, _ = block.joint_mean(names[:2])
    feet, _ = block.joint_mean(names[2:])
    seen = a & b & c & d & block.seen[:, [block.layout.index(name) for name in names]].all(axis=1)
    ahead = np.cross(left - right, top - base)
    along = ((feet - ankles) * ahead).sum(axis=1)
    clear = np.abs(along) > _POINTS * norm(feet - ankles) * norm(ahead)
    return np.where(seen & clear, np.sign(along), 0)


def _moving(block: PoseBlock) -> tuple[np.ndarray, np.ndarray]:
    """Return the energy of each frame, and whether it is a quarter of the clip's strong motion."""
    energy, usable = block.energy
    strong = np.nan_to_num(block.quantile(energy, usable, 0.9))
    return energy, usable & (energy > _MOVING * strong[block.clip]) & (energy > 0)


def _frozen(block: PoseBlock) -> np.ndarray:
    """Return (R,) bool: frames in which the person is, as in the frame before."""
    step = (
        np.abs(np.diff(block.joints, axis=0, prepend=block.joints[:1]))
        .reshape(len(block.clip), -1)
        .max(axis=1, initial=0)
    )
    same_seen = (block.seen == np.roll(block.seen, 1, axis=0)).all(axis=1)
    limit = _FROZEN_STEP * np.nan_to_num(block.trunk)[block.clip]
    return (step <= limit) & same_seen & block.present & block.continues


def _step(points: np.ndarray) -> np.ndarray:
    """Return (R,) the distance of each point from the one before."""
    return norm(np.diff(points, axis=0, prepend=points[:1]))


def _pad(values: np.ndarray, before: int, after: int) -> np.ndarray:
    """Return values with further rows of zeros, so that there is one for each frame again."""
    return np.pad(values, [(before, after)] + [(0, 0)] * (values.ndim - 1))
