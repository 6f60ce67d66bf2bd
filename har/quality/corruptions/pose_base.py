"""What all corruptions of poses share, and the few operations they are made of."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from har.errors import ConfigError
from har.samples import Batch
from har.skeleton.layout import Layout

SEVERITIES = (1, 2, 3, 4, 5)
TORSO_M = 0.49
"""From the hips to the shoulders of a body of 1.70 m: (0.818 - 0.530) of its height (Drillis and
Contini, 1966)."""

_BODY_M = 1.7


@dataclass(frozen=True)
class PoseCorruption(ABC):
    """A fault of camera or pose estimator, in five severities: a pure function of a batch.

    It is called as the transforms of ``har.data.transforms`` are, so that it can also augment
    training batches. Unlike them it may leave a clip without anybody, as real faults do. Lengths
    are told in metres of a body of 1.70 m and scaled to the body in the clip, so that they mean
    the same in metres, pixels and normalised coordinates. Severities draw the same random numbers:
    with equal seeds a higher one does more of the same. Joints that are NaN or infinite count as
    not seen.

    Attributes:
        severity: 1 (hardly visible) to 5 (the worst that a working system meets).
        p: share of the clips that change.
    """

    name: ClassVar[str]
    parameter: ClassVar[str]
    levels: ClassVar[tuple[Any, ...]]
    dimensions: ClassVar[tuple[int, ...]] = (2, 3)

    severity: int = 3
    p: float = 1.0

    def __post_init__(self) -> None:
        check_severity(self.name, self.severity)
        if not 0 <= self.p <= 1:
            raise ConfigError(f"{self.name}: p={self.p} must be in [0, 1]")

    def __call__(self, batch: Batch, layout: Layout, rng: torch.Generator) -> Batch:
        """Return the corrupted batch.

        Args:
            batch: clips on any device.
            layout: the joints of the batch.
            rng: on the CPU, wherever the batch is. One number a clip is drawn first, which decides
                with probability ``p`` whether the clip changes.

        Raises:
            ConfigError: the joints have a number of coordinates that it cannot be applied to.
        """
        coordinates = batch.joints.shape[-1]
        if coordinates not in self.dimensions:
            raise ConfigError(
                f"{self.name} needs {self.dimensions[0]}D joints, these are {coordinates}D"
            )
        chosen = draw(batch, (len(batch),), rng) < self.p
        batch = without_broken_joints(batch)
        changed = self.corrupt(batch, layout, rng)
        return replace(
            changed,
            joints=torch.where(chosen[:, None, None, None, None], changed.joints, batch.joints),
            confidence=torch.where(
                chosen[:, None, None, None], changed.confidence, batch.confidence
            ),
            person_mask=torch.where(chosen[:, None], changed.person_mask, batch.person_mask),
        )

    @abstractmethod
    def corrupt(self, batch: Batch, layout: Layout, rng: torch.Generator) -> Batch:
        """Return the batch with every clip corrupted."""

    @property
    def level(self) -> Any:
        """What ``parameter`` is at this severity."""
        return self.levels[self.severity - 1]

    def output_layout(self, layout: Layout) -> Layout:
        """Return the layout of the joints that come out: that of those that go in."""
        return layout


def check_severity(owner: str, severity: int) -> None:
    """Raise ConfigError for a severity that does not exist."""
    if severity not in SEVERITIES:
        raise ConfigError(f"{owner}: severity={severity} must be a whole number from 1 to 5")


def draw(batch: Batch, shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
    """Return uniform numbers in [0, 1), on the device of the batch."""
    return torch.rand(shape, generator=rng).to(batch.joints.device)


def draw_normal(batch: Batch, shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
    """Return standard normal numbers, on the device of the batch."""
    return torch.randn(shape, generator=rng).to(batch.joints.device)


def draw_runs(batch: Batch, people: int, length: int, rng: torch.Generator) -> Tensor:
    """Return uniform numbers (N, people, T) that stay the same for ``length`` frames at a time."""
    clips, frames = len(batch), batch.joints.shape[2]
    blocks = draw(batch, (clips, people, frames // length + 2), rng)
    starts = (draw(batch, (clips, people, 1), rng) * length).long()
    places = torch.arange(frames, device=starts.device) + starts
    return blocks.gather(2, places // length)


def seen(batch: Batch) -> Tensor:
    """Return (N, M, T, V, 1) bool: true for a joint with confidence above 0."""
    return (batch.confidence > 0).unsqueeze(-1)


def keep_only(batch: Batch, kept: Tensor) -> Batch:
    """Set the other joints to zero with confidence 0; ``kept`` broadcasts to (N, M, T, V)."""
    return rebuilt(batch, batch.joints, batch.confidence * kept)


def rebuilt(batch: Batch, joints: Tensor, confidence: Tensor | None = None) -> Batch:
    """Return the batch with other joints; those not seen are zeros, and the mask is who is left."""
    confidence = batch.confidence if confidence is None else confidence
    visible = confidence > 0
    return replace(
        batch,
        joints=joints.masked_fill(~visible.unsqueeze(-1), 0),
        confidence=confidence,
        person_mask=batch.person_mask & visible.flatten(2).any(2),
    )


def without_broken_joints(batch: Batch) -> Batch:
    """Mark joints with NaN or infinite coordinates or confidence as not seen."""
    finite = batch.joints.isfinite().all(-1) & batch.confidence.isfinite()
    if bool(finite.all()):
        return batch
    return rebuilt(batch, batch.joints, batch.confidence.where(finite, 0))


def take_frames(batch: Batch, frames: Tensor) -> Batch:
    """Return the batch showing the frames ``(N, T)``, int64, of each clip."""
    rows = torch.arange(len(batch), device=frames.device)[:, None]
    joints = batch.joints.transpose(1, 2)[rows, frames].transpose(1, 2)
    confidence = batch.confidence.transpose(1, 2)[rows, frames].transpose(1, 2)
    return rebuilt(batch, joints, confidence)


def centre(batch: Batch) -> Tensor:
    """Return the mean of all joints that a clip shows, (N, 1, 1, 1, C)."""
    visible = seen(batch)
    count = visible.sum((1, 2, 3), keepdim=True).clamp(min=1)
    return (batch.joints * visible).sum((1, 2, 3), keepdim=True) / count


def units_per_metre(batch: Batch, layout: Layout) -> Tensor:
    """Return how long a metre of the body is in the coordinates of each clip, (N,).

    Taken from the torso: the length that 90 % of the frames do not exceed, because a torso seen
    from its end looks short in 2D. Clips without a torso are judged by their tallest pose.
    """
    lengths = _torso_lengths(batch, layout).flatten(1)
    torso = lengths.nanquantile(0.9, dim=1) / TORSO_M
    return torch.where(torso > 0, torso, _pose_extents(batch) / _BODY_M)


def _torso_lengths(batch: Batch, layout: Layout) -> Tensor:
    """Return (N, M, T), NaN where a frame does not show the whole torso."""
    bottom, top = (layout.landmark(name) for name in ("spine_base", "spine_top"))
    if bottom is None or top is None:
        return batch.joints.new_full(batch.joints.shape[:3], torch.nan)
    ends = [batch.joints[..., list(joints), :].mean(3) for joints in (bottom, top)]
    shown = (batch.confidence[..., list(bottom + top)] > 0).all(-1)
    return (ends[1] - ends[0]).norm(dim=-1).where(shown, torch.nan)


def _pose_extents(batch: Batch) -> Tensor:
    """Return the longest side of the box around any pose of a clip, (N,)."""
    visible = seen(batch)
    low = batch.joints.masked_fill(~visible, torch.inf).amin(3)
    high = batch.joints.masked_fill(~visible, -torch.inf).amax(3)
    return (high - low).flatten(1).amax(1).clamp(min=0)
