"""Scale normalisation: bodies of all sizes, at all distances, in the same numbers."""

from dataclasses import dataclass, replace

import torch

from har.data.transforms.arrays import Array, arrays_of, lengths_of, namespace, row_numbers
from har.data.transforms.base import Transform
from har.data.transforms.checks import check_dimensions, check_positive
from har.data.transforms.geometry import scaling
from har.data.transforms.landmarks import all_seen, first_sight, landmark_joints
from har.data.transforms.linear import LinearTransform, Moving
from har.data.transforms.masking import seen
from har.samples import Batch
from har.skeleton.layout import Layout

_SMALLEST = 1e-6


@dataclass(frozen=True)
class ScaleBody(LinearTransform):
    """Divides by the mean length of the first person's spine over the frames that show it.

    A clip that never shows it stays as it is. Distances from the origin are scaled too.

    Attributes:
        bottom, top: landmarks at the ends of the spine.
    """

    bottom: str = "spine_base"
    top: str = "spine_top"

    def move(self, clips: Moving, layout: Layout, rng: torch.Generator) -> Moving:  # noqa: ARG002
        """Return the clips, to be scaled; see ``LinearTransform``."""
        joints, confidence = arrays_of(clips.batch)
        bottom = landmark_joints(layout, self.bottom, "ScaleBody")
        top = landmark_joints(layout, self.top, "ScaleBody")
        person = first_sight(clips.batch, [bottom, top]).person
        rows = row_numbers(person)
        shown = all_seen(confidence, bottom + top)[rows, person]
        body = joints[rows, person]
        spine = body[:, :, list(top)].mean(2) - body[:, :, list(bottom)].mean(2)
        lengths = lengths_of(clips.differences(spine)) * shown
        length = lengths.sum(1) / shown.sum(1).clip(1)
        return clips.turned(scaling(1 / _usable(length)[:, None], joints.shape[-1]))


@dataclass(frozen=True)
class ScaleBox(Transform):
    """Maps the box around all that is seen in a clip, over its people and frames, to [-1, 1].

    Attributes:
        keep_shape: divide all axes by the longest side. Otherwise each axis fills [-1, 1] by
            itself, as the usual recipe for Northwestern-UCLA does.
    """

    keep_shape: bool = True

    def __call__(self, batch: Batch, layout: Layout, rng: torch.Generator) -> Batch:  # noqa: ARG002
        """Return the scaled batch; see ``Transform``."""
        visible = seen(batch)
        low = batch.joints.masked_fill(~visible, torch.inf).amin((1, 2, 3), keepdim=True)
        high = batch.joints.masked_fill(~visible, -torch.inf).amax((1, 2, 3), keepdim=True)
        half = (high - low) / 2
        if self.keep_shape:
            half = half.amax(-1, keepdim=True)
        middle = ((low + high) / 2).nan_to_num()
        return replace(batch, joints=(batch.joints - middle) / _usable(half) * visible)


@dataclass(frozen=True)
class ScaleImage(Transform):
    """Maps pixels so that x fills [-1, 1] over the width of the image and y over its height.

    Attributes:
        width_px, height_px: size of the image that the poses were found in.
    """

    width_px: float
    height_px: float

    def __post_init__(self) -> None:
        check_positive("ScaleImage", width_px=self.width_px, height_px=self.height_px)

    def __call__(self, batch: Batch, layout: Layout, rng: torch.Generator) -> Batch:  # noqa: ARG002
        """Return the scaled batch; see ``Transform``."""
        check_dimensions("ScaleImage", batch, 2)
        half = batch.joints.new_tensor([self.width_px / 2, self.height_px / 2])
        return replace(batch, joints=(batch.joints - half) / half * seen(batch))


def _usable(lengths: Array) -> Array:
    """Return the lengths, with 1 where one cannot be divided by."""
    functions = namespace(lengths)
    return functions.where(functions.isfinite(lengths) & (lengths > _SMALLEST), lengths, 1)
