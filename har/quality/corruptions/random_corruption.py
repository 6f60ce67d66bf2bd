"""Any of the corruptions at random, to train against all of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from har.errors import ConfigError, did_you_mean
from har.quality.corruptions import pose_loss, pose_noise, pose_view
from har.quality.corruptions.pose_base import PoseCorruption, check_severity
from har.samples import Batch
from har.skeleton.layout import Layout

USUAL: tuple[type[PoseCorruption], ...] = (
    pose_noise.JointJitter,
    pose_noise.JointOutliers,
    pose_noise.BoneLength,
    pose_noise.EstimatorChange,
    pose_loss.JointDropout,
    pose_loss.LimbDropout,
    pose_loss.TrackLoss,
    pose_loss.SideSwap,
    pose_view.FrameRate,
)
_BY_NAME = {kind.name: kind for kind in USUAL}


@dataclass(frozen=True)
class RandomPoseCorruption:
    """Applies one random corruption at a random severity to random clips of each batch.

    Draws: which corruption and severity (2), then those of the corruption.

    Attributes:
        names: to choose among; empty for all of ``USUAL``. Turns and scales have transforms of
            their own.
        max_severity: severities up to this are equally likely.
        p: share of the clips of a batch that change.
    """

    names: Sequence[str] = ()
    max_severity: int = 3
    p: float = 0.5

    def __post_init__(self) -> None:
        check_severity("RandomPoseCorruption", self.max_severity)
        for name in self.names:
            if name not in _BY_NAME:
                raise ConfigError(
                    f"RandomPoseCorruption: there is no '{name}'.{did_you_mean(name, _BY_NAME)} "
                    f"There are: {', '.join(_BY_NAME)}"
                )

    def __call__(self, batch: Batch, layout: Layout, rng: torch.Generator) -> Batch:
        """Return the batch with some clips corrupted."""
        kinds = [_BY_NAME[name] for name in self.names] or list(USUAL)
        first, second = torch.rand(2, generator=rng).tolist()
        severity = 1 + int(second * self.max_severity)
        return kinds[int(first * len(kinds))](severity=severity, p=self.p)(batch, layout, rng)

    def output_layout(self, layout: Layout) -> Layout:
        """Return the layout of the joints that come out: that of those that go in."""
        return layout
