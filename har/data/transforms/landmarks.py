"""Where body landmarks are: in a layout, and in the clips of a batch."""

from collections.abc import Sequence
from functools import reduce
from operator import and_
from typing import NamedTuple

from har.data.transforms.arrays import Array, arrays_of, first_true, namespace, row_numbers
from har.errors import LayoutError
from har.samples import Batch
from har.skeleton.layout import LANDMARKS, Layout


class Reference(NamedTuple):
    """Landmarks in one frame of one person of each clip.

    Attributes:
        points: (N, P, C); zeros where no frame shows them all.
        person: (N,) int64, whose they are.
    """

    points: Array
    person: Array


def landmark_joints(layout: Layout, name: str, needed_by: str) -> tuple[int, ...]:
    """Return the joints whose mean is a landmark; raise LayoutError where the layout lacks it."""
    joints = layout.landmark(name)
    if joints is None:
        raise LayoutError(
            f"{needed_by} needs the landmark '{name}', which layout '{layout.name}' lacks "
            f"(joints: {', '.join(layout.joints)}). Leave the transform out, or convert to "
            "another layout before it (ConvertLayout)."
        )
    return joints


def point_joints(layout: Layout, name: str, needed_by: str) -> tuple[int, ...]:
    """Return the joints whose mean is ``root``, a joint by its name, or a landmark."""
    if name == "root":
        return (layout.index(layout.root),)
    if (joint := layout.find(name)) is not None:
        return (joint,)
    if name in LANDMARKS:
        return landmark_joints(layout, name, needed_by)
    raise LayoutError(
        f"{needed_by}: '{name}' is neither 'root', nor a joint of layout '{layout.name}' "
        f"({', '.join(layout.joints)}), nor a landmark ({', '.join(LANDMARKS)})"
    )


def all_seen(confidence: Array, joints: Sequence[int]) -> Array:
    """Return true where the person shows all of these joints, (..., V) -> (...) bool."""
    return reduce(and_, (confidence[..., joint] > 0 for joint in joints))


def first_sight(batch: Batch, landmarks: Sequence[tuple[int, ...]]) -> Reference:
    """Return the landmarks in the first frame that shows them all of the first person who has one.

    Args:
        batch: the clips.
        landmarks: P landmarks, each the joints whose mean it is.
    """
    joints, confidence = arrays_of(batch)
    clips, people, frames, *shape = joints.shape
    shown = all_seen(confidence, [joint for mean_of in landmarks for joint in mean_of])
    shown = shown.reshape(clips, people * frames)
    first = first_true(shown)
    frame = joints.reshape(clips, people * frames, *shape)[row_numbers(first), first]
    points = namespace(frame).stack([_mean(frame, mean_of) for mean_of in landmarks], 1)
    found = shown.any(1)[:, None, None]
    return Reference(points=points * found, person=first // frames)


def _mean(frame: Array, joints: tuple[int, ...]) -> Array:
    """Return the mean of joints, (N, V, C) -> (N, C)."""
    return frame[:, joints[0]] if len(joints) == 1 else frame[:, list(joints)].mean(1)
