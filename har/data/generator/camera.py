"""Pinhole cameras around the person.

Camera coordinates follow the Kinect: x to the sensor's left, y up, z away from the sensor, in
metres. The image is not mirrored: u grows to the right, v downwards, so u = cx - f x / z and
v = cy - f y / z.
"""

from dataclasses import dataclass

import numpy as np

from har.data.generator.randomness import Draws
from har.data.generator.vectors import Array, cross, dot, unit, vector

IMAGE_SIZE_PX = (512, 424)
FOCAL_PX = 365.0
DISTANCE_RANGE_M = (1.5, 7.0)
HEIGHT_RANGE_M = (0.5, 3.0)
NEAREST_VISIBLE_M = 0.5
_NEAREST_APPROACH_M = 1.2
_YAW_SPREAD_DEG = 75.0


@dataclass(frozen=True, slots=True)
class Views:
    """Cameras of n clips.

    Attributes:
        position: (3, n) metres on the person's floor.
        left, up, forward: axes of the camera, each (3, n).
        distance_m: over the floor, from the camera to the person's mean place.
        yaw_deg: where the camera stands, seen from the person: 0 in front, 90 at the left, -180
            to 180.
        pitch_deg: tilt downwards.
        height_m: above the floor.
    """

    position: Array
    left: Array
    up: Array
    forward: Array
    distance_m: Array
    yaw_deg: Array
    pitch_deg: Array
    height_m: Array

    def take(self, rows: np.ndarray) -> "Views":
        """Return the cameras of the given rows."""
        axes = (self.position, self.left, self.up, self.forward)
        numbers = (self.distance_m, self.yaw_deg, self.pitch_deg, self.height_m)
        return Views(*(a[:, rows] for a in axes), *(v[rows] for v in numbers))

    def coordinates(self, points: Array) -> Array:
        """Return points (3, V, n, T) in camera coordinates."""
        offset = points - self.position[:, None, :, None]
        axes = (self.left, self.up, self.forward)
        return np.stack([dot(axis[:, None, :, None], offset) for axis in axes])


def place_cameras(
    cameras: np.ndarray, camera_count: int, draws: Draws, pelvis: np.ndarray
) -> Views:
    """Set up a camera for each clip, aimed near the person.

    Args:
        cameras: (n,) camera numbers; each has its own sector, height and usual distance, from which
            the clips differ a little.
        camera_count: how many cameras share the full circle.
        draws: of the n clips.
        pelvis: (3, n, T) where the people are.
    """
    sector = 360.0 * cameras / camera_count + 20.0
    yaw_deg = (sector + draws.uniform(-_YAW_SPREAD_DEG, _YAW_SPREAD_DEG) + 180) % 360 - 180
    middle = pelvis.mean(axis=2)
    roaming = np.hypot(pelvis[0] - middle[0, :, None], pelvis[2] - middle[2, :, None]).max(axis=1)
    usual = 2.2 + 2.8 * ((0.3 + 0.755 * cameras) % 1)
    nearest = np.maximum(DISTANCE_RANGE_M[0], roaming + _NEAREST_APPROACH_M)
    distance = (usual + draws.normal(0.3, 0.7)).clip(nearest, DISTANCE_RANGE_M[1])
    height = 0.6 + 2.2 * ((0.25 + 0.618 * cameras) % 1) + draws.uniform(-0.2, 0.2)
    height = height.clip(*HEIGHT_RANGE_M)
    yaw = np.deg2rad(yaw_deg)
    position = vector(
        middle[0] + distance * np.sin(yaw), height, middle[2] + distance * np.cos(yaw)
    )
    aim_height = 0.4 + 0.5 * middle[1] + draws.normal(0, 0.12)
    aim = vector(middle[0] + draws.normal(0, 0.2), aim_height, middle[2] + draws.normal(0, 0.2))
    forward = unit(aim - position)
    left = unit(cross(vector(0 * yaw, 0 * yaw + 1, 0 * yaw), forward))
    pitch_deg = np.rad2deg(np.arcsin(-forward[1]))
    return Views(
        position, left, cross(forward, left), forward, distance, yaw_deg, pitch_deg, height
    )


def project(points: Array) -> tuple[Array, Array]:
    """Return pixels (2, ...) of points (3, ...) in camera coordinates, and whether in the image."""
    depth = np.maximum(points[2], 0.1)
    width, height = IMAGE_SIZE_PX
    pixels = np.stack(
        [width / 2 - FOCAL_PX * points[0] / depth, height / 2 - FOCAL_PX * points[1] / depth]
    )
    inside = (pixels[0] >= 0) & (pixels[0] < width) & (pixels[1] >= 0) & (pixels[1] < height)
    return pixels, inside & (points[2] > NEAREST_VISIBLE_M)
