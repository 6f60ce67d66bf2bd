"""A skeleton clip as flat pictures see it: projected joints, limb sides, limits.

Letters: M people, T frames, V joints, C coordinates, E edges.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from har.errors import HarError

# Axis and sign that point right and up in each view, by the vertical axis of the recording.
_VIEWS: dict[str, dict[str, tuple[tuple[int, int], tuple[int, int]]]] = {
    "y": {"front": ((0, 1), (1, 1)), "side": ((2, 1), (1, 1))},
    "-y": {"front": ((0, 1), (1, -1)), "side": ((2, 1), (1, -1))},
    "z": {"front": ((0, 1), (2, 1)), "side": ((1, 1), (2, 1))},
}
_HEAD_NAMES = ("head", "nose")


@dataclass(frozen=True, slots=True)
class SkeletonClip:
    """What is needed to draw a clip.

    Attributes:
        joints: (M, T, V, C) with C of 2 (pixels, y down) or 3.
        confidence: (M, T, V); a joint with 0 is not drawn.
        edges: (E, 2) int, joint indices of each limb.
        joint_names: V names; a name with "left" or "right" in it gives the side.
        fps: frames a second.
        up: which axis of a 3D recording points up: "y", "-y" or "z".

    Raises:
        HarError: shapes that do not fit, an unknown ``up``, or nothing visible in the whole clip.
    """

    joints: np.ndarray
    confidence: np.ndarray
    edges: np.ndarray
    joint_names: Sequence[str]
    fps: float
    up: str = "y"

    def __post_init__(self) -> None:
        shape = self.joints.shape
        if len(shape) != 4 or shape[3] not in (2, 3):
            raise HarError(f"Joints to draw must have shape (M, T, V, 2 or 3), got {shape}.")
        if self.confidence.shape != shape[:3]:
            raise HarError(
                f"Confidence has shape {self.confidence.shape}, joints need {shape[:3]}."
            )
        if len(self.joint_names) != shape[2]:
            raise HarError(f"{shape[2]} joints but {len(self.joint_names)} joint names.")
        edges = self.edges
        if edges.ndim != 2 or edges.shape[1] != 2 or (edges < 0).any() or (edges >= shape[2]).any():
            raise HarError(f"Edges must be pairs of joint indices in 0..{shape[2] - 1}.")
        if self.up not in _VIEWS:
            raise HarError(f"The upward axis must be one of {list(_VIEWS)}, got '{self.up}'.")
        if not self.fps > 0:
            raise HarError(f"Frames a second must be above 0, got {self.fps}.")
        if not self.visible.any():
            raise HarError("There is nothing to draw: no joint of the clip has confidence above 0.")

    @property
    def frame_count(self) -> int:
        """T."""
        return self.joints.shape[1]

    @property
    def visible(self) -> np.ndarray:
        """(M, T, V) bool: which joints are drawn."""
        return self.confidence > 0

    def views(self, side_view: bool) -> tuple[str, ...]:
        """Return the views to draw.

        Raises:
            HarError: a side view of a 2D clip.
        """
        if side_view and self.joints.shape[3] == 2:
            raise HarError("A 2D clip has no side view; draw it without side_view.")
        return ("front", "side") if side_view else ("front",)

    def project(self, view: str) -> np.ndarray:
        """Return the joints seen from the front or the side, (M, T, V, 2): right and up."""
        if self.joints.shape[3] == 2:
            return self.joints * np.array([1, -1])
        (right, right_sign), (up, up_sign) = _VIEWS[self.up][view]
        return self.joints[..., [right, up]] * np.array([right_sign, up_sign])

    def limb_sides(self) -> list[str]:
        """Return "left", "right" or "centre" for each edge."""
        return [
            _side(self.joint_names[first]) or _side(self.joint_names[second]) or "centre"
            for first, second in self.edges
        ]

    def head(self) -> int | None:
        """Return the index of the joint to draw as a head, if the layout has one."""
        names = [name.lower() for name in self.joint_names]
        return next((names.index(name) for name in _HEAD_NAMES if name in names), None)


def bounds(points: np.ndarray, visible: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and highest coordinates of the visible points, each (C,).

    Args:
        points: (..., C).
        visible: (...) bool, true somewhere.
    """
    seen = points[visible]
    return seen.min(axis=0), seen.max(axis=0)


def _side(name: str) -> str | None:
    return next((side for side in ("left", "right") if side in name.lower()), None)
