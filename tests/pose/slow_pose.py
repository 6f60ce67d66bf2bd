"""An estimator that is slower than the camera."""

import time

import numpy as np
from pose_helper import SquarePose

from har.pose.people import Person


class SlowPose(SquarePose):
    """Takes a quarter of a second for a frame."""

    def estimate(self, pixels: np.ndarray) -> list[Person]:
        time.sleep(0.25)
        return super().estimate(pixels)
