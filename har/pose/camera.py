"""Places hip-centred joints in the space before the camera, so that falling is seen as motion.

A pose about the hips does not tell whether the hips themselves go down. Where they are follows from
the picture: the shift t is looked for that brings the projection of all joints of a frame, by a
pinhole camera, nearest to where they are seen. With X a joint about the hips, (u, v) its place from
the middle of the picture and f the focal length, f (Xx + tx) / (Xz + tz) = u, which is linear in t,
and so for v. Joints count by their confidence.

The focal length is seldom known and is guessed from a field of view. A wrong guess stretches the
depth tz by the factor that f is wrong. Sideways and vertical motion hardly change, because they
follow from metres per pixel, which the size of the body in the picture gives.
"""

import math
from dataclasses import dataclass

import numpy as np

from har.errors import ConfigError

NEAREST_M = 0.2
"""Nobody is nearer to the camera."""

_LEAST_WEIGHT = 1e-4


@dataclass(frozen=True, slots=True)
class PinholeCamera:
    """A camera that looks straight through the middle of its picture.

    Attributes:
        width, height: of the picture in pixels.
        focal_px: focal length in pixels.
    """

    width: int
    height: int
    focal_px: float

    @classmethod
    def from_view(cls, width: int, height: int, view_deg: float) -> "PinholeCamera":
        """Return the camera with a field of view, in degrees along the longer side.

        Raises:
            ConfigError: the angle is not between 10 and 170 degrees.
        """
        if not 10 <= view_deg <= 170:
            raise ConfigError(f"view_deg must be between 10 and 170 degrees, not {view_deg:g}")
        focal = max(width, height) / 2 / math.tan(math.radians(view_deg) / 2)
        return cls(width, height, focal)

    def project(self, joints: np.ndarray) -> np.ndarray:
        """Return the pixels (..., 2) of points (..., 3), x right, y down and z away, in metres."""
        depth = np.maximum(joints[..., 2:], 1e-6)
        middle = np.array([self.width, self.height]) / 2
        return joints[..., :2] / depth * self.focal_px + middle


def find_translation(
    world: np.ndarray, image: np.ndarray, confidence: np.ndarray, camera: PinholeCamera
) -> np.ndarray:
    """Return where the hips are, (..., 3) in metres, x right, y down and z away from the camera.

    Args:
        world: (..., V, 3) joints about the hips, in metres in the same directions.
        image: (..., V, 2) where they are seen, in pixels.
        confidence: (..., V).
        camera: that took the picture.
    """
    middle = np.array([camera.width, camera.height]) / 2
    ray = (image.astype(np.float64) - middle) / camera.focal_px
    equations = np.zeros((*ray.shape, 3))
    equations[..., 0, 0] = equations[..., 1, 1] = 1
    equations[..., 2] = -ray
    wanted = ray * world[..., 2:] - world[..., :2]
    weight = np.maximum(confidence.astype(np.float64) ** 2, _LEAST_WEIGHT)
    squares = np.einsum("...vic,...vid,...v->...cd", equations, equations, weight)
    right = np.einsum("...vic,...vi,...v->...c", equations, wanted, weight)
    found = np.linalg.solve(squares + 1e-9 * np.eye(3), right[..., None])[..., 0]
    nearest = NEAREST_M - world[..., 2].min(axis=-1)
    return _no_nearer(found, ray, world, weight, nearest)


def _no_nearer(
    found: np.ndarray, ray: np.ndarray, world: np.ndarray, weight: np.ndarray, nearest: np.ndarray
) -> np.ndarray:
    """Move people who came out too near, or behind the camera, to the nearest depth."""
    depth = np.maximum(found[..., 2], nearest)
    across = ray * (world[..., 2] + depth[..., None])[..., None] - world[..., :2]
    mean = (across * weight[..., None]).sum(axis=-2) / weight.sum(axis=-1)[..., None]
    placed = np.concatenate([mean, depth[..., None]], axis=-1)
    return np.where((found[..., 2] < nearest)[..., None], placed, found)


def upright(joints: np.ndarray) -> np.ndarray:
    """Return (..., 3) joints with y up and x to the left, as depth cameras give them."""
    return joints * np.array([-1, -1, 1], joints.dtype)
