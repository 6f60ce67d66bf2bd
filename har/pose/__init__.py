"""Poses of people in videos: estimators, tracking, and their place before the camera."""

from har.pose.estimators import ESTIMATORS, PoseEstimator, build_estimator
from har.pose.extraction import PoseSettings, VideoPoses, extract_poses
from har.pose.people import Person
from har.pose.tracking import Tracker

__all__ = [
    "ESTIMATORS",
    "Person",
    "PoseEstimator",
    "PoseSettings",
    "Tracker",
    "VideoPoses",
    "build_estimator",
    "extract_poses",
]
