"""Changes of the order of frames."""

from dataclasses import dataclass

import torch

from har.data.transforms.base import Transform
from har.data.transforms.checks import check_in_unit_interval, check_not_negative
from har.data.transforms.draws import chosen_clips, uniform
from har.data.transforms.frame_order import take_frames
from har.samples import Batch
from har.skeleton.layout import Layout


@dataclass(frozen=True)
class TemporalReverse(Transform):
    """Plays clips backwards. Not for labels with a direction, such as sitting down or falling.

    Draws: who changes (N).

    Attributes:
        p: share of the clips that change.
    """

    p: float = 0.5

    def __post_init__(self) -> None:
        check_in_unit_interval("TemporalReverse", p=self.p)

    def __call__(self, batch: Batch, layout: Layout, rng: torch.Generator) -> Batch:  # noqa: ARG002
        """Return the batch with some clips reversed; see ``Transform``."""
        chosen = chosen_clips(batch, self.p, rng)
        forward = torch.arange(batch.joints.shape[2], device=chosen.device)
        return take_frames(batch, torch.where(chosen[:, None], forward.flip(0), forward))


@dataclass(frozen=True)
class TemporalShift(Transform):
    """Moves clips earlier or later in their window; the first or last frame fills the gap.

    Draws: who changes (N), shifts (N).

    Attributes:
        max_frames: the shift is a whole number within plus and minus this, all equally likely.
        p: share of the clips that change.
    """

    max_frames: int = 4
    p: float = 0.5

    def __post_init__(self) -> None:
        check_not_negative("TemporalShift", max_frames=self.max_frames)
        check_in_unit_interval("TemporalShift", p=self.p)

    def __call__(self, batch: Batch, layout: Layout, rng: torch.Generator) -> Batch:  # noqa: ARG002
        """Return the shifted batch; see ``Transform``."""
        chosen = chosen_clips(batch, self.p, rng)
        draws = uniform(batch, (len(batch),), -self.max_frames, self.max_frames + 1, rng)
        shifts = draws.floor().clamp(max=self.max_frames).long() * chosen
        frames = batch.joints.shape[2]
        places = torch.arange(frames, device=chosen.device)
        return take_frames(batch, (places - shifts[:, None]).clamp(0, frames - 1))
