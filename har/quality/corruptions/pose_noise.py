"""Wrong places of joints: noise, outliers, bone lengths, and the habits of another estimator.

Levels around those that were measured: against motion capture most joints of Kinect v2 are off by
50 to 100 mm, v1 is worse, and gross outliers come on top (Wang, Kurillo, Ofli and Bajcsy, 2015,
https://arxiv.org/abs/1512.04134).
"""

from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import torch
from torch import Tensor

from har.quality.corruptions.pose_base import (
    PoseCorruption,
    draw,
    draw_normal,
    rebuilt,
    seen,
    units_per_metre,
)
from har.samples import Batch
from har.skeleton.layout import Layout

OUTLIER_M = 0.5
_FAR_PARTS = ("wrist", "hand", "thumb", "pinky", "index", "ankle", "foot", "heel")
_MIDDLE_PARTS = ("elbow", "knee")
_FAR, _MIDDLE, _NEAR = 1.3, 1.0, 0.7


@dataclass(frozen=True)
class JointJitter(PoseCorruption):
    """Independent Gaussian noise, more on hands and feet than on the trunk.

    The level is the root mean square over the joints of the standard deviation a coordinate;
    hands and feet have 1.3 parts of it where the trunk has 0.7.
    """

    name: ClassVar[str] = "joint_jitter"
    parameter: ClassVar[str] = "noise of a coordinate, m"
    levels: ClassVar[tuple[float, ...]] = (0.01, 0.025, 0.05, 0.08, 0.12)

    def corrupt(self, batch: Batch, layout: Layout, rng: torch.Generator) -> Batch:
        """Return the batch with noise on every seen joint."""
        noise = draw_normal(batch, tuple(batch.joints.shape), rng)
        amplitude = self.level * units_per_metre(batch, layout)[:, None, None, None, None]
        profile = batch.joints.new_tensor(_noise_profile(layout))[:, None]
        return rebuilt(batch, batch.joints + noise * amplitude * profile)


@dataclass(frozen=True)
class JointOutliers(PoseCorruption):
    """Single joints that jump away for one frame, by ``OUTLIER_M`` a coordinate on average."""

    name: ClassVar[str] = "joint_outliers"
    parameter: ClassVar[str] = "share of the joints that jump"
    levels: ClassVar[tuple[float, ...]] = (0.01, 0.02, 0.05, 0.1, 0.2)

    def corrupt(self, batch: Batch, layout: Layout, rng: torch.Generator) -> Batch:
        """Return the batch with some joints far off."""
        jumps = draw(batch, tuple(batch.confidence.shape), rng) < self.level
        noise = draw_normal(batch, tuple(batch.joints.shape), rng)
        distance = OUTLIER_M * units_per_metre(batch, layout)[:, None, None, None, None]
        return rebuilt(batch, batch.joints + noise * distance * jumps[..., None])


@dataclass(frozen=True)
class BoneLength(PoseCorruption):
    """Bones that are too long or too short by a factor each, the same throughout the clip.

    What hangs on a bone moves with it. A bone with an end that is not seen keeps its length.
    """

    name: ClassVar[str] = "bone_length"
    parameter: ClassVar[str] = "standard deviation of a bone's factor"
    levels: ClassVar[tuple[float, ...]] = (0.05, 0.1, 0.2, 0.3, 0.4)

    def corrupt(self, batch: Batch, layout: Layout, rng: torch.Generator) -> Batch:
        """Return the batch with other bone lengths."""
        N, M, _, V = batch.confidence.shape
        parents = torch.tensor(layout.parents, device=batch.joints.device)
        visible = seen(batch)
        bones = (batch.joints - batch.joints[..., parents, :]) * (
            visible & visible[..., parents, :]
        )
        stretch = (draw_normal(batch, (N, M, 1, V, 1), rng) * self.level).clamp(min=-0.9)
        chains = batch.joints.new_tensor(_chains(layout))
        return rebuilt(
            batch, batch.joints + torch.einsum("vb,nmtbc->nmtvc", chains, bones * stretch)
        )


@dataclass(frozen=True)
class EstimatorChange(PoseCorruption):
    """Another pose estimator: its joints sit elsewhere on the body, and it smooths over time.

    Each joint is off by a vector that stays the same for the clip; then every coordinate is the
    exponentially weighted mean of the frames so far.
    """

    name: ClassVar[str] = "estimator_change"
    parameter: ClassVar[str] = "offset of a coordinate, m; time constant of smoothing, frames"
    levels: ClassVar[tuple[tuple[float, float], ...]] = (
        (0.01, 0.5),
        (0.02, 1.0),
        (0.035, 2.0),
        (0.05, 3.0),
        (0.08, 5.0),
    )

    def corrupt(self, batch: Batch, layout: Layout, rng: torch.Generator) -> Batch:
        """Return the batch as that estimator would give it."""
        N, M, T, V, C = batch.joints.shape
        offset_m, constant = self.level
        size = offset_m * units_per_metre(batch, layout)[:, None, None, None, None]
        offsets = draw_normal(batch, (N, M, 1, V, C), rng) * size
        visible = seen(batch).to(batch.joints.dtype)
        ages = torch.arange(T, device=visible.device)[:, None] - torch.arange(
            T, device=visible.device
        )
        weights = torch.exp(-ages / constant).masked_fill(ages < 0, 0).to(visible.dtype)
        total = torch.einsum("ts,nmsvc->nmtvc", weights, batch.joints * visible)
        share = torch.einsum("ts,nmsvc->nmtvc", weights, visible)
        return rebuilt(batch, total / share.clamp(min=1e-12) + offsets)


@cache
def _noise_profile(layout: Layout) -> list[float]:
    """Return the share of the noise of each joint; their mean square is 1."""
    raw = torch.tensor([_part_noise(name) for name in layout.joints])
    return (raw / raw.square().mean().sqrt()).tolist()


def _part_noise(name: str) -> float:
    if any(part in name for part in _FAR_PARTS):
        return _FAR
    return _MIDDLE if any(part in name for part in _MIDDLE_PARTS) else _NEAR


@cache
def _chains(layout: Layout) -> list[list[float]]:
    """Return (V, V): 1 where the bone of the column lies between the root and the joint."""
    chains: Tensor = torch.zeros(layout.num_joints, layout.num_joints)
    for joint in range(layout.num_joints):
        at = joint
        while layout.parents[at] != at:
            chains[joint, at] = 1
            at = int(layout.parents[at])
    return chains.tolist()
