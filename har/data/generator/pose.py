"""The control pose: what a motion programme says about a body, before the joints are solved."""

from collections.abc import Sequence

import numpy as np

Component = float | np.ndarray
Components = Sequence[Component] | np.ndarray

#: Name and number of components of each control.
#:
#: pelvis: position in metres (left, up, forward) on the person's floor.
#: trunk: orientation of the pelvis: yaw, pitch, roll, then a turn about the long body axis.
#: spine: chest relative to the pelvis: flexion, side bend, twist. head: nod and tilt.
#: left_wrist, right_wrist: from the shoulder, in the chest's frame (outward, up, forward), in arm
#:     lengths. left_plant, right_plant: wrist position in metres on the person's floor, used in the
#:     share given by ``plant`` (left, right), for a hand that holds on to the floor.
#: hands_down: share (left, right) in which a wrist rests on a surface, and its height in metres.
#: elbow_out: direction of the elbows, 0 downwards to pi/2 outwards (left, right).
#: left_ankle, right_ankle: position in metres. knee_out: opening of the knees (left, right).
#: foot_flat: 1 for a sole on the floor, 0 for a foot that hangs from the shank (left, right).
FIELDS = {
    "pelvis": 3,
    "trunk": 4,
    "spine": 3,
    "head": 2,
    "left_wrist": 3,
    "right_wrist": 3,
    "left_plant": 3,
    "right_plant": 3,
    "plant": 2,
    "hands_down": 3,
    "elbow_out": 2,
    "left_ankle": 3,
    "right_ankle": 3,
    "knee_out": 2,
    "foot_flat": 2,
}
_STARTS = np.cumsum([0, *FIELDS.values()])
_SLICES = {
    name: slice(int(start), int(start) + size)
    for (name, size), start in zip(FIELDS.items(), _STARTS, strict=False)
}
CONTROLS = int(_STARTS[-1])


class Pose:
    """Controls of n bodies, at one moment (values (D, n)) or as a track over time ((D, n, T))."""

    def __init__(self, values: np.ndarray):
        self.values = values

    @classmethod
    def zeros(cls, *shape: int) -> "Pose":
        """Return a pose with every control zero; ``shape`` is (n,) or (n, T)."""
        return cls(np.zeros((CONTROLS, *shape), dtype=np.float32))

    def __getitem__(self, field: str) -> np.ndarray:
        """Return a view of one control, (components, n) or (components, n, T)."""
        return self.values[_SLICES[field]]

    def change(self, **controls: Components) -> "Pose":
        """Return a copy with whole controls replaced."""
        changed = Pose(self.values.copy())
        for field, components in controls.items():
            for target, component in zip(changed[field], components, strict=True):
                target[...] = component
        return changed

    def shift(self, **controls: Components) -> "Pose":
        """Return a copy with something added to controls."""
        shifted = Pose(self.values.copy())
        for field, components in controls.items():
            for target, component in zip(shifted[field], components, strict=True):
                target += component
        return shifted

    def where(self, chosen: np.ndarray, other: "Pose") -> "Pose":
        """Return this pose for the bodies chosen (n,) and ``other`` for the rest."""
        return Pose(np.where(chosen, self.values, other.values))

    def blend(self, other: "Pose", weight: Component) -> "Pose":
        """Return the pose on the way to ``other``; weight is a number or (n,)."""
        return Pose((self.values + (other.values - self.values) * weight).astype(np.float32))


def follow(start: Pose, end: Pose, weight: np.ndarray) -> Pose:
    """Return the track at ``start`` where weight (n, T) is 0 and at ``end`` where it is 1."""
    first, last = start.values[..., None], end.values[..., None]
    return Pose(first + (last - first) * weight.astype(np.float32))
