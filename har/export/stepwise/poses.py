"""Step forms of what comes before the network: normalisation and streams.

Transforms that take the place or the direction of a body where it is first seen keep that frame.
"""

from collections.abc import Sequence

import numpy as np
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
from har.data.transforms.masking import seen, seen_from
from har.export.graph import Recipe
from har.export.onnx_file import ExportError
from har.export.stepwise.choice import Choice
from har.export.stepwise.clock import Timing
from har.export.stepwise.state import Memory, Stateful, Tape, read
from har.samples import Batch
from har.skeleton.layout import Layout
from har.skeleton.streams import compute_stream

LOOKS_AHEAD = ("joint_motion", "bone_motion", "velocity", "acceleration")
OF_EACH_FRAME = (ConvertLayout, ScaleImage)
PROBE = 1024.0
"""How far out a map is probed: far enough that an origin some metres away rounds nothing off."""
KNOWN = 2.0
"""More than any confidence."""


class FirstSight(Stateful):
    """Step form of a transform that refers to the first frame that shows some joints.

    What such a transform does with all frames is one affine map. Once it is known it is kept, as
    what it adds to the origin and to a unit of each axis, with a last row that says so; before, it
    leaves the frames as they are.

    Args:
        transform: of that kind.
        layout: of the joints that come in.
        coordinates: C of the joints.
    """

    probes: Tensor
    identity: Tensor

    def __init__(self, transform: Transform, layout: Layout, coordinates: int):
        super().__init__((coordinates + 2, coordinates))
        self.transform, self.layout = transform, layout
        self.needed = needed_joints(transform, layout)
        probes = torch.zeros(layout.num_joints, coordinates)
        probes[1 : coordinates + 1] = PROBE * torch.eye(coordinates)
        self.register_buffer("probes", probes, persistent=False)
        self.register_buffer("identity", torch.eye(coordinates), persistent=False)

    def forward(self, tape: Tape, batch: Batch) -> Batch:
        """Transform a batch of one person a row, (P, 1, K, V, C)."""
        kept = tape.states[self.name]
        shows = batch.confidence[:, 0, :, self.needed].amin(-1).amax(1)
        new = shows > kept[:, -1, 0] * KNOWN
        maps = Choice.apply(new.any(), self._maps(batch, new, kept), kept)
        tape.updated[self.name] = maps
        origin, linear = maps[:, None, None, :1], maps[:, None, None, 1:-1] + self.identity
        return _batch((batch.joints @ linear + origin) * seen(batch), batch.confidence)

    def _maps(self, batch: Batch, new: Tensor, kept: Tensor) -> Tensor:
        """Return the maps (P, C + 2, C), of the rows where ``new`` from the frames at hand."""
        rows, corners = batch.joints.shape[0], self.shape[0] - 1
        probes = self.probes.expand(rows, 1, 1, -1, -1)
        joints = torch.cat([batch.joints, probes], dim=2)
        confidence = torch.cat([batch.confidence, torch.ones_like(probes[..., 0])], dim=2)
        moved = self.transform(_batch(joints, confidence), self.layout, torch.Generator())
        change = moved.joints[:, 0, -1, :corners] - self.probes[:corners]
        origin = change[:, :1]
        linear = (change[:, 1:] - origin) / PROBE
        known = torch.ones_like(origin)
        return torch.where(new[:, None, None], torch.cat([origin, linear, known], dim=1), kept)


class LatestPoint(Stateful):
    """Step form of centring every frame: on the point, or where it was shown last.

    Args:
        transform: of that kind.
        layout: of the joints that come in.
        coordinates: C of the joints.
    """

    def __init__(self, transform: Center, layout: Layout, coordinates: int):
        super().__init__((1, coordinates))
        self.joints = needed_joints(transform, layout)

    def forward(self, tape: Tape, batch: Batch) -> Batch:
        """Centre a batch of one person a row, (P, 1, K, V, C)."""
        shown = (batch.confidence[:, 0, :, self.joints] > 0).all(-1)[..., None, None]
        points = batch.joints[:, 0, :, self.joints].mean(2, keepdim=True)
        latest, origins = tape.states[self.name], []
        for number in range(points.shape[1]):
            latest = torch.where(shown[:, number], points[:, number], latest)
            origins.append(latest)
        tape.updated[self.name] = latest
        origin = torch.stack(origins, dim=1)[:, None]
        return _batch(seen_from(batch, origin), batch.confidence)


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
            elif isinstance(transform, Center) and transform.every_frame:
                steps.append(LatestPoint(transform, layout, coordinates))
            else:
                steps.append(FirstSight(transform, layout, coordinates))
            layout = transform.output_layout(layout)
        self.steps = nn.ModuleList(steps)

    def forward(self, tape: Tape, poses: Tensor, confidence: Tensor) -> Batch:
        """Map poses (P, K, V, C) to a normalised batch of one person a row."""
        shown = torch.where((confidence > 0)[..., None], poses, 0)
        batch = _batch(shown[:, None], confidence[:, None])
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
        timing, joints = Timing(hop), layout.num_joints
        self.after = timing.later(int(self.waits))
        if self.waits:
            self.frames = Memory(2, joints, coordinates + 1, timing)
            places = np.arange(self.frames.size)[:, None]
            self.window = self.frames.reader(places, np.arange(joints))

    def forward(self, tape: Tape, batch: Batch) -> dict[str, Tensor]:
        """Return the streams, each (P, 1, K, V, C)."""
        joints, confidence = (
            self._window(tape, batch) if self.waits else (batch.joints, batch.confidence)
        )
        streams = {
            name: compute_stream(name, joints, self.layout, confidence) for name in self.names
        }
        return {n: s[:, :, 1:-1] if self.waits else s for n, s in streams.items()}

    def _window(self, tape: Tape, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return joints and confidence of the step's frames, a frame late, and those around."""
        new = torch.cat([batch.joints, batch.confidence[..., None]], dim=-1)
        window = read(tape, self.frames(tape, new), self.window)
        window = window.view(-1, 1, self.frames.size, *new.shape[3:])
        return window[..., :-1], window[..., -1]


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
