"""What every pose estimator offers, and how one is built by its name."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from inspect import signature
from typing import Any, Protocol

import numpy as np

from har.errors import ConfigError, did_you_mean
from har.pose.people import Person


class PoseEstimator(Protocol):
    """Finds the people in the frames of one video after the other.

    Building one is cheap; networks are loaded with the first frame, so that worker processes may
    be forked before.

    Attributes:
        layout: name of the joint layout.
        dims: 3 for people with ``world`` joints, 2 for those without.
    """

    layout: str
    dims: int

    def start(self) -> None:
        """Forget the frames so far; a new video begins."""
        ...

    def estimate(self, pixels: np.ndarray) -> list[Person]:
        """Return the people in the next frame.

        Args:
            pixels: (H, W, 3) uint8, RGB.
        """
        ...

    def close(self) -> None:
        """Free what the estimator holds."""
        ...


@dataclass(frozen=True, slots=True)
class EstimatorKind:
    """Where an estimator lives, and what it needs.

    Attributes:
        module, name: of its class.
        about: one line for a listing.
    """

    module: str
    name: str
    about: str


ESTIMATORS: Mapping[str, EstimatorKind] = {
    "mediapipe": EstimatorKind(
        "har.pose.mediapipe_pose", "MediaPipePose", "33 joints in 3D; weights come with it"
    ),
    "rtmlib": EstimatorKind(
        "har.pose.rtmlib_pose", "RtmlibPose", "2D poses by ONNX files of RTMPose, RTMO or ViTPose"
    ),
    "mmpose": EstimatorKind(
        "har.pose.mmpose_pose", "MMPose", "any top-down model of MMPose, and its 2D to 3D lifters"
    ),
}


def build_estimator(name: str, **options: Any) -> PoseEstimator:
    """Build an estimator.

    Raises:
        ConfigError: there is no such estimator, it has no such option, it lacks one, or its
            package is not installed.
    """
    if name not in ESTIMATORS:
        raise ConfigError(
            f"there is no pose estimator '{name}'.{did_you_mean(name, ESTIMATORS)} "
            f"There are: {', '.join(ESTIMATORS)}"
        )
    kind = ESTIMATORS[name]
    build = getattr(importlib.import_module(kind.module), kind.name)
    known = signature(build).parameters
    for option in options:
        if option not in known:
            raise ConfigError(
                f"the pose estimator '{name}' has no option '{option}'."
                f"{did_you_mean(option, known)} It has: {', '.join(known)}"
            )
    needed = [key for key, p in known.items() if p.default is p.empty and key not in options]
    if needed:
        raise ConfigError(f"the pose estimator '{name}' needs a value for {', '.join(needed)}")
    estimator: PoseEstimator = build(**options)
    return estimator
