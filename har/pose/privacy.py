"""Hides people in pictures: faces or whole people blurred, silhouettes, or skeletons alone.

Where people are follows from their joints, so it works with every estimator. Whoever is not found
is not hidden: only ``skeleton``, which keeps no pixel of the picture, hides everybody.
"""

from collections.abc import Sequence

import numpy as np

from har.errors import ConfigError, did_you_mean
from har.extras import require
from har.pose.people import Person
from har.skeleton.layout import Layout

MODES = ("none", "face", "person", "silhouette", "skeleton")
FACE = (
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_mouth",
    "right_mouth",
    "head",
)

_HEAD_SHARE = 0.75
_FACE_SPREADS = 2.2
_LIMB_SHARE = 0.42
_FILL = (105, 105, 105)
_PAPER = (250, 250, 250)
_BLUR_SHARE = 1 / 24


def check_mode(mode: str) -> None:
    """Refuse a mode that is not one of ``MODES``."""
    if mode not in MODES:
        raise ConfigError(
            f"unknown privacy '{mode}'.{did_you_mean(mode, MODES)} There are: {', '.join(MODES)}"
        )


def hide(pixels: np.ndarray, people: Sequence[Person], layout: Layout, mode: str) -> np.ndarray:
    """Return a picture in which the people are hidden; the one given stays as it is.

    Args:
        pixels: (H, W, 3) uint8.
        people: who is in it.
        layout: of their joints.
        mode: one of ``MODES``.
    """
    check_mode(mode)
    if mode == "none":
        return pixels.copy()
    if mode == "skeleton":
        return np.full_like(pixels, _PAPER)
    mask = cover(pixels.shape[:2], people, layout, whole=mode != "face")
    hidden = np.full_like(pixels, _FILL) if mode == "silhouette" else _coarse(pixels)
    return np.where(mask[..., None], hidden, pixels)


def cover(
    shape: tuple[int, int], people: Sequence[Person], layout: Layout, whole: bool
) -> np.ndarray:
    """Return which pixels (H, W) bool the people cover; ``whole``: not only their heads.

    Joints of little confidence count as well: too much is hidden rather than too little.
    """
    cv2 = require("cv2", "pose")
    mask = np.zeros(shape, np.uint8)
    for person in people:
        centre, radius = head_circle(person, layout)
        cv2.circle(mask, _pixel(centre), max(round(radius), 2), 1, -1)
        if not whole:
            continue
        thick = max(round(_LIMB_SHARE * shoulder_width(person, layout)), 3)
        for start, end in layout.edge_indices:
            ends = (_pixel(person.image[start]), _pixel(person.image[end]))
            cv2.line(mask, *ends, 1, thick)
        if (torso := _torso(person, layout)) is not None:
            cv2.fillConvexPoly(mask, cv2.convexHull(torso), 1)
            cv2.polylines(mask, [cv2.convexHull(torso)], True, 1, thick)
    return mask.astype(bool)


def head_circle(person: Person, layout: Layout) -> tuple[np.ndarray, float]:
    """Return middle (2,) and radius of a circle about the head, in pixels."""
    joints = [index for name in FACE if (index := layout.find(name)) is not None]
    points = person.image[joints] if joints else person.image[:1]
    centre = points.mean(axis=0)
    spread = np.linalg.norm(points - centre, axis=1).max() if len(points) > 1 else 0.0
    return centre, max(_FACE_SPREADS * float(spread), _HEAD_SHARE * shoulder_width(person, layout))


def shoulder_width(person: Person, layout: Layout) -> float:
    """Return a width of the body in pixels that does not vanish from the side."""
    shoulders = [layout.find(f"{side}_shoulder") for side in ("left", "right")]
    across = 0.0
    if None not in shoulders:
        left, right = (person.image[int(index or 0)] for index in shoulders)
        across = float(np.linalg.norm(left - right))
    return max(across, 0.22 * person.size)


def _torso(person: Person, layout: Layout) -> np.ndarray | None:
    names = ("left_shoulder", "right_shoulder", "right_hip", "left_hip")
    corners = [layout.find(name) for name in names]
    if None in corners:
        return None
    found = person.image[[int(index or 0) for index in corners]]
    rounded: np.ndarray = np.clip(np.rint(found), -(2**15), 2**15).astype(np.int32)
    return rounded


def _coarse(pixels: np.ndarray) -> np.ndarray:
    """Return the picture without anything by which somebody could be known again.

    It is first averaged over blocks, which cannot be undone, and then blurred.
    """
    cv2 = require("cv2", "pose")
    height, width = pixels.shape[:2]
    block = max(round(min(height, width) * _BLUR_SHARE), 2)
    small = (max(width // block, 1), max(height // block, 1))
    reduced = cv2.resize(pixels, small, interpolation=cv2.INTER_AREA)
    blurred: np.ndarray = cv2.resize(reduced, (width, height), interpolation=cv2.INTER_LINEAR)
    return blurred


def _pixel(point: np.ndarray) -> tuple[int, int]:
    x, y = np.clip(np.rint(point), -(2**15), 2**15)
    return int(x), int(y)
