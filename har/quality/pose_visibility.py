"""Measures of poses: how much of the people is seen."""

import numpy as np

from har.quality.measure import Measures
from har.quality.pose_block import LOW_CONFIDENCE, PoseBlock

VISIBILITY = Measures("pose")
_RATIO = (0.0, 1.0)
_LOWER_LEGS = ("left_knee", "right_knee", "left_ankle", "right_ankle", "left_foot", "right_foot")
_HEAD = ("head", "nose", "left_eye", "right_eye", "left_ear", "right_ear")


@VISIBILITY.add("duration_sec", "time", "s", (0, None), "middle")
def duration_sec(block: PoseBlock) -> np.ndarray:
    """Return the length of the clip."""
    return block.frame_count / block.fps


@VISIBILITY.add("invalid_ratio", "visibility", "share", _RATIO, "low")
def invalid_ratio(block: PoseBlock) -> np.ndarray:
    """Return the share of joints of the main person whose coordinates are no finite numbers."""
    return block.invalid


@VISIBILITY.add("absent_ratio", "visibility", "share", _RATIO, "low")
def absent_ratio(block: PoseBlock) -> np.ndarray:
    """Return the share of frames in which the main person is not seen at all."""
    return 1 - np.nan_to_num(block.mean(block.present.astype(float)))


@VISIBILITY.add("people", "crowding", "people", (0, None), "neither")
def people(block: PoseBlock) -> np.ndarray:
    """Return the most people seen in one frame."""
    return block.largest(block.people)


@VISIBILITY.add("crowded_ratio", "crowding", "share", _RATIO, "low")
def crowded_ratio(block: PoseBlock) -> np.ndarray:
    """Return the share of frames with more than one person."""
    return block.mean((block.people > 1).astype(float))


@VISIBILITY.add("missing_ratio", "visibility", "share", _RATIO, "low")
def missing_ratio(block: PoseBlock) -> np.ndarray:
    """Return the share of joints that are not seen, in frames that show the person."""
    return block.mean(1 - block.seen.mean(axis=1), block.present)


@VISIBILITY.add("missing_run_sec", "visibility", "s", (0, None), "low")
def missing_run_sec(block: PoseBlock) -> np.ndarray:
    """Return the longest time for which one joint is not seen."""
    frame = np.arange(len(block.clip))
    before = np.searchsorted(block.clip, block.clip) - 1
    last_seen = np.maximum.accumulate(np.where(block.seen, frame[:, None], before[:, None]), axis=0)
    run = (frame[:, None] - last_seen).max(axis=1, initial=0)
    return block.largest(run) / block.fps


@VISIBILITY.add("occlusion_ratio", "visibility", "share", _RATIO, "low")
def occlusion_ratio(block: PoseBlock) -> np.ndarray:
    """Return the share of joints that are missing or of confidence under 0.5, where a person is."""
    return block.mean((block.confidence < LOW_CONFIDENCE).mean(axis=1), block.present)


@VISIBILITY.add("confidence_mean", "visibility", "confidence", _RATIO, "high")
def confidence_mean(block: PoseBlock) -> np.ndarray:
    """Return the mean confidence of the joints that are seen."""
    count = block.seen.sum(axis=1)
    mean = block.confidence.sum(axis=1) / np.maximum(count, 1)
    return block.mean(mean, block.present)


@VISIBILITY.add("truncated_ratio", "visibility", "share", _RATIO, "low")
def truncated_ratio(block: PoseBlock) -> np.ndarray:
    """Return the share of frames in which the head or both lower legs are out of sight.

    The sign of a person at the border of the picture, or behind furniture.
    """
    cut = np.zeros(len(block.clip), bool)
    for names in (_LOWER_LEGS, _HEAD):
        if any(block.layout.find(name) is not None for name in names):
            cut |= ~block.joint_mean(names)[1]
    return block.mean(cut.astype(float), block.present)
