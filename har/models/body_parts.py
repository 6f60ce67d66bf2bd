"""Joints sorted into body parts of equal size, for models whose attention looks at parts."""

from collections.abc import Mapping, Sequence

import numpy as np

from har.errors import LayoutError
from har.skeleton.layout import Layout

ARM = ("shoulder", "elbow", "wrist", "hand", "thumb", "pinky", "index")
LEG = ("hip", "knee", "ankle", "foot", "heel", "toe")

_KINECT_V1 = (
    ("left_shoulder", "left_elbow", "left_wrist", "left_hand"),
    ("right_shoulder", "right_elbow", "right_wrist", "right_hand"),
    ("left_hip", "left_knee", "left_ankle", "left_foot"),
    ("right_hip", "right_knee", "right_ankle", "right_foot"),
    ("spine", "spine_shoulder", "pelvis", "head"),
)
PUBLISHED: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "ntu25": (  # of the 25 joints spine_shoulder is left out
        ("left_wrist", "left_hand", "left_hand_tip", "left_thumb"),
        ("right_wrist", "right_hand", "right_hand_tip", "right_thumb"),
        ("left_hip", "left_knee", "left_ankle", "left_foot"),
        ("right_hip", "right_knee", "right_ankle", "right_foot"),
        ("left_shoulder", "right_shoulder", "left_elbow", "right_elbow"),
        ("spine", "neck", "pelvis", "head"),
    ),
    "kinect20": _KINECT_V1,
    "utd_mhad20": _KINECT_V1,
}
"""The parts that SkateFormer's authors use, of four joints each, by the name of the layout."""


def body_parts(layout: Layout, size: int = 4) -> np.ndarray:
    """Return the joints of each body part.

    Where the authors of SkateFormer give parts of that size, those. Else each arm and each leg,
    told by the joint names, is a part, from the trunk outwards. If it has more than ``size``
    joints, the inner ones of the left and the right limb are parts of their own; what belongs to
    no limb comes last. A part with fewer joints repeats its last one.

    Args:
        layout: any layout; joints it does not name as limbs belong to the middle.
        size: joints a part.

    Returns:
        (parts, size) int64 positions in the layout.
    """
    published = PUBLISHED.get(layout.name, ())
    if published and len(published[0]) == size and _has(layout, published):
        return named_parts(layout, published)
    limbs = [_limb(layout, side, words) for words in (ARM, LEG) for side in ("left_", "right_")]
    parts = [limb[-size:] for limb in limbs if limb]
    for left, right in (limbs[:2], limbs[2:]):
        pairs = (left[:-size], right[:-size])
        inner = [joint[i] for i in range(max(map(len, pairs))) for joint in pairs if i < len(joint)]
        parts += _split(inner, size)
    of_limbs = {joint for limb in limbs for joint in limb}
    parts += _split([joint for joint in range(layout.num_joints) if joint not in of_limbs], size)
    return np.array([part + part[-1:] * (size - len(part)) for part in parts], dtype=np.int64)


def named_parts(layout: Layout, parts: Sequence[Sequence[str]]) -> np.ndarray:
    """Return the positions (parts, size) of parts given by joint names.

    Raises:
        LayoutError: if the parts differ in size or the layout lacks a joint.
    """
    sizes = sorted({len(part) for part in parts})
    if len(sizes) != 1 or sizes[0] == 0:
        raise LayoutError(
            f"body parts need equally many joints, repeated where one is short; these have {sizes}."
        )
    return np.array([[layout.index(joint) for joint in part] for part in parts], dtype=np.int64)


def _has(layout: Layout, parts: Sequence[Sequence[str]]) -> bool:
    """Tell whether the layout has all the joints: a user's own may share a shipped one's name."""
    return {joint for part in parts for joint in part} <= set(layout.joints)


def _limb(layout: Layout, side: str, words: tuple[str, ...]) -> list[int]:
    """Return the joints of one arm or leg, those nearest to the root first."""
    joints = [
        position
        for position, name in enumerate(layout.joints)
        if name.startswith(side) and _is_of(name.removeprefix(side), words)
    ]
    return sorted(joints, key=lambda position: (_depth(layout, position), position))


def _is_of(name: str, words: tuple[str, ...]) -> bool:
    """Tell by the first word of a joint's name: a foot_index is of the leg."""
    return name.split("_")[0] in words


def _depth(layout: Layout, position: int) -> int:
    depth, parents = 0, layout.parents
    while parents[position] != position:
        position, depth = int(parents[position]), depth + 1
    return depth


def _split(joints: list[int], size: int) -> list[list[int]]:
    """Cut into as few parts as there can be, as even as they can be."""
    count = -(-len(joints) // size)
    return [part.tolist() for part in np.array_split(joints, count)] if joints else []
