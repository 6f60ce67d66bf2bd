"""Step forms of what comes before the network: normalisation and streams.

Transforms that take the place or the direction of a body where it is first seen keep that frame.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from har.data.transforms import (
    AlignShoulders,
    AlignSpine,
    AlignVertical,
    Center,
    Compose,
    ConvertLayout,
    ScaleImage,
    Transform,
)
from har.data.transforms.landmarks import landmark_joints, point_joints
from har.export.graph import Recipe
from har.export.onnx_file import ExportError
from har.export.stepwise.state import Memory, Stateful, Tape, Timing
from har.samples import Batch
from har.skeleton.layout import Layout
from har.skeleton.streams import compute_stream

LOOKS_AHEAD = ("joint_motion", "bone_motion", "velocity", "acceleration")
OF_EACH_FRAME = (ConvertLayout, ScaleImage)


class Reference(Stateful):
    """The frame that a transform refers to: joints and, as a last coordinate, confidence.

    Args:
        transform: looks at the first frame that shows some joints, or at the latest.
        layout: of the joints that come in.
        coordinates: C of the joints.
    """

    def __init__(self, transform: Transform, layout: Layout, coordinates: int):
        super().__init__((layout.num_joints, coordinates + 1))
        self.transform = transform
        self.layout = layout
        self.needed = needed_joints(transform, layout)
        self.latest = isinstance(transform, Center) and transform.every_frame

    def forward(self, tape: Tape, batch: Batch) -> Batch:
        """Transform a batch of one person a row, (P, 1, K, V, C), as what follows on the frame."""
        kept = tape.states[self.name][:, None, None]
        joints = torch.cat([kept[..., :-1], batch.joints], dim=2)
        confidence = torch.cat([kept[..., -1], batch.confidence], dim=2)
        self._keep(tape, joints[:, 0], confidence[:, 0])
        known = _batch(joints, confidence)
        out = self.transform(known, self.layout, torch.Generator())
        return _batch(out.joints[:, :, 1:], out.confidence[:, :, 1:])

    def _keep(self, tape: Tape, joints: Tensor, confidence: Tensor) -> None:
        shown = (confidence[..., self.needed] > 0).all(-1).int()
        last = shown.shape[1] - 1
        place = last - shown.flip(1).argmax(1) if self.latest else shown.argmax(1)
        found = shown.amax(1)[:, None, None]
        frames = torch.cat([joints, confidence[..., None]], dim=-1)
        index = place[:, None, None, None].expand(-1, 1, *frames.shape[2:])
        tape.updated[self.name] = frames.gather(1, index)[:, 0] * found


class StepNormalise(nn.Module):
    """Step form of a chain of normalising transforms.

    Raises:
        ExportError: one of them needs all frames of a clip.
    """

    def __init__(self, recipe: Recipe, coordinates: int):
        super().__init__()
        layout = recipe.layout
        steps: list[nn.Module] = []
        self.plain: dict[int, tuple[Transform, Layout]] = {}
        for number, transform in enumerate(_chain(recipe.normalise)):
            if isinstance(transform, OF_EACH_FRAME):
                self.plain[number] = (transform, layout)
                steps.append(nn.Identity())
            else:
                steps.append(Reference(transform, layout, coordinates))
            layout = transform.output_layout(layout)
        self.steps = nn.ModuleList(steps)

    def forward(self, tape: Tape, poses: Tensor, confidence: Tensor) -> Batch:
        """Map poses (P, K, V, C) to a normalised batch of one person a row."""
        seen = (confidence > 0)[..., None]
        batch = _batch(torch.where(seen, poses, 0)[:, None], confidence[:, None])
        for number, step in enumerate(self.steps):
            if number in self.plain:
                transform, layout = self.plain[number]
                batch = transform(batch, layout, torch.Generator())
            else:
                batch = step(tape, batch)
        return batch


class StepStreams(nn.Module):
    """Step form of the streams; those that look a frame ahead make all wait for it."""

    def __init__(self, names: Sequence[str], layout: Layout, coordinates: int, hop: int):
        super().__init__()
        self.names, self.layout = tuple(names), layout
        self.waits = any(name in LOOKS_AHEAD for name in names)
        self.frames = Memory(2 * self.waits, (layout.num_joints, coordinates + 1), Timing(hop))
        self.after = Timing(hop).later(int(self.waits))

    def forward(self, tape: Tape, batch: Batch) -> dict[str, Tensor]:
        """Return the streams, each (P, 1, K, V, C)."""
        frames = torch.cat([batch.joints, batch.confidence[..., None]], dim=-1)[:, 0]
        window = self.frames(tape, frames).all()[:, None]
        joints, confidence = window[..., :-1], window[..., -1]
        streams = {
            name: compute_stream(name, joints, self.layout, confidence) for name in self.names
        }
        return {n: s[:, :, 1:-1] if self.waits else s for n, s in streams.items()}


def needed_joints(transform: Transform, layout: Layout) -> list[int]:
    """Return the joints that a frame must show for a transform to refer to it.

    Raises:
        ExportError: the transform looks at all frames of a clip.
    """
    kind = type(transform).__name__
    if isinstance(transform, Center):
        return list(point_joints(layout, transform.point, kind))
    if isinstance(transform, AlignSpine):
        names = (transform.bottom, transform.top)
    elif isinstance(transform, AlignShoulders | AlignVertical):
        names = ("left_shoulder", "right_shoulder")
    else:
        raise ExportError(f"{kind} looks at all frames of a clip: it has no step-wise form")
    return [joint for name in names for joint in landmark_joints(layout, name, kind)]


def _chain(transform: Transform) -> list[Transform]:
    if isinstance(transform, Compose):
        return [step for part in transform.transforms for step in _chain(part)]
    return [transform]


def _batch(joints: Tensor, confidence: Tensor) -> Batch:
    nothing = torch.zeros(1, dtype=torch.int64)
    return Batch(joints, confidence, (confidence > 0).flatten(2).any(2), nothing, nothing)
