"""Corruptions of poses and video in five severities, seeded, to test and to train against."""

from collections.abc import Mapping

from har.errors import ConfigError, did_you_mean
from har.quality.corruptions.pose_base import SEVERITIES, PoseCorruption
from har.quality.corruptions.pose_loss import (
    FrameDropout,
    JointDropout,
    LimbDropout,
    PersonDropout,
    PersonSwap,
    SideSwap,
    TrackLoss,
)
from har.quality.corruptions.pose_noise import (
    BoneLength,
    EstimatorChange,
    JointJitter,
    JointOutliers,
)
from har.quality.corruptions.pose_view import (
    CameraRoll,
    CameraTilt,
    DepthLoss,
    FrameRate,
    Scale,
    ViewAngle,
)
from har.quality.corruptions.random_corruption import RandomPoseCorruption
from har.quality.corruptions.video_base import VideoCorruption
from har.quality.corruptions.video_image import (
    H264,
    DefocusBlur,
    Downscale,
    Jpeg,
    MotionBlur,
    Occluder,
)
from har.quality.corruptions.video_light import LensFog, LowLight, OverExposure, SensorNoise, Shadow
from har.quality.corruptions.video_motion import FrameDrop, Rotation, Shake, VideoFrameRate

__all__ = [
    "CORRUPTIONS",
    "POSE_CORRUPTIONS",
    "SEVERITIES",
    "VIDEO_CORRUPTIONS",
    "PoseCorruption",
    "RandomPoseCorruption",
    "VideoCorruption",
    "pose_corruption",
    "video_corruption",
]

_POSE: tuple[type[PoseCorruption], ...] = (
    JointJitter, JointOutliers, BoneLength, EstimatorChange,
    JointDropout, LimbDropout, FrameDropout, TrackLoss, PersonDropout, SideSwap, PersonSwap,
    Scale, ViewAngle, CameraTilt, CameraRoll, DepthLoss, FrameRate,
)  # fmt: skip
_VIDEO: tuple[type[VideoCorruption], ...] = (
    SensorNoise, LowLight, OverExposure, Shadow, LensFog, Occluder,
    DefocusBlur, MotionBlur, Downscale, Jpeg, H264,
    FrameDrop, VideoFrameRate, Shake, Rotation,
)  # fmt: skip

POSE_CORRUPTIONS: Mapping[str, type[PoseCorruption]] = {c.name: c for c in _POSE}
VIDEO_CORRUPTIONS: Mapping[str, type[VideoCorruption]] = {c.name: c for c in _VIDEO}
CORRUPTIONS: Mapping[str, type[PoseCorruption] | type[VideoCorruption]] = {
    **POSE_CORRUPTIONS,
    **VIDEO_CORRUPTIONS,
}
"""Those of poses and of video; no two have the same name."""


def pose_corruption(name: str, severity: int) -> PoseCorruption:
    """Return a corruption of ``POSE_CORRUPTIONS``; raise ConfigError where there is none."""
    _check(name, POSE_CORRUPTIONS, "poses")
    return POSE_CORRUPTIONS[name](severity=severity)


def video_corruption(name: str, severity: int) -> VideoCorruption:
    """Return a corruption of ``VIDEO_CORRUPTIONS``; raise ConfigError where there is none."""
    _check(name, VIDEO_CORRUPTIONS, "video")
    return VIDEO_CORRUPTIONS[name](severity=severity)


def _check(name: str, known: Mapping[str, type], what: str) -> None:
    if name not in known:
        raise ConfigError(
            f"'{name}' is no corruption of {what}.{did_you_mean(name, known)} "
            f"There are: {', '.join(known)}"
        )
