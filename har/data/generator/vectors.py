"""Vectors and frames in component-first arrays: (3, ...), each component contiguous.

The axes are left, up, forward (x, y, z): right-handed, metres.
"""

from dataclasses import dataclass

import numpy as np

Array = np.ndarray
TINY = 1e-6


def vector(x: Array | float, y: Array | float, z: Array | float) -> Array:
    """Stack three broadcastable components into a float32 vector (3, ...)."""
    return np.stack(np.broadcast_arrays(x, y, z)).astype(np.float32)


def dot(a: Array, b: Array) -> Array:
    """Return the scalar product over the leading axis."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def cross(a: Array, b: Array) -> Array:
    """Return the vector product over the leading axis."""
    return np.stack(
        [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
    )


def length(a: Array) -> Array:
    """Return the Euclidean norm over the leading axis."""
    return np.sqrt(dot(a, a))


def unit(a: Array) -> Array:
    """Scale to length 1; a zero vector stays zero."""
    return a / (length(a) + TINY)


def minimum_jerk(progress: Array) -> Array:
    """Map progress in [0, 1] to the smoothest point-to-point movement (Flash and Hogan, 1985)."""
    return progress**3 * (10 + progress * (6 * progress - 15))


@dataclass(frozen=True, slots=True)
class Frame:
    """An orientation as three orthonormal axes, each (3, ...)."""

    left: Array
    up: Array
    forward: Array

    def yaw(self, angle: Array) -> "Frame":
        """Turn to the left, about the frame's own up axis (radians)."""
        c, s = np.cos(angle), np.sin(angle)
        return Frame(c * self.left - s * self.forward, self.up, c * self.forward + s * self.left)

    def pitch(self, angle: Array) -> "Frame":
        """Lean forward, about the frame's own left axis (radians)."""
        c, s = np.cos(angle), np.sin(angle)
        return Frame(self.left, c * self.up + s * self.forward, c * self.forward - s * self.up)

    def roll(self, angle: Array) -> "Frame":
        """Lean to the right, about the frame's own forward axis (radians)."""
        c, s = np.cos(angle), np.sin(angle)
        return Frame(c * self.left + s * self.up, c * self.up - s * self.left, self.forward)

    def at(self, left: Array | float, up: Array | float, forward: Array | float) -> Array:
        """Return the vector with these coordinates in the frame."""
        return left * self.left + up * self.up + forward * self.forward


def world_frame(shape: tuple[int, ...]) -> Frame:
    """Return the world's axes, repeated over ``shape``."""
    axes = np.zeros((3, 3, *shape), dtype=np.float32)
    for axis in range(3):
        axes[axis, axis] = 1
    return Frame(axes[0], axes[1], axes[2])
