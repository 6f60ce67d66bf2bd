"""What joins the feature maps of poses and of video; one strategy a module.

A map has the features of a clip, (N, T, S, C): T frames and S places, which are joints or cells of
the picture. A strategy turns the maps of both modalities into one map or more, the readouts. Each
readout has a temporal module and a head of its own, and the strategy combines their scores.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from har.models.branches import PoseBranch, VideoBranch

MODALITIES = ("pose", "video")
"""In the order of the columns of a presence mask (N, 2)."""

JOINT = "joint"


@dataclass(frozen=True)
class PairedClips:
    """A batch as the branches see it; what is absent is zeros.

    Attributes:
        streams: (N, M, T, V, C) by name.
        person_mask: (N, M) bool.
        frames: (N, T, H, W, 3) uint8, or features (N, T, S, C).
        present: (N, 2) bool, poses and video.
        points: (N, M, T, V, 2) places of the joints in the frames, in [0, 1]; or None.
    """

    streams: Mapping[str, Tensor]
    person_mask: Tensor
    frames: Tensor
    present: Tensor
    points: Tensor | None = None


class ModalityFusion(nn.Module):
    """A strategy.

    Attributes:
        readouts: channels of each map that comes out, by name.
        needs_points: whether it uses where the joints are in the frames.
    """

    readouts: dict[str, int]
    needs_points = False

    def encode(self, pose: PoseBranch, video: VideoBranch, clips: PairedClips) -> dict[str, Tensor]:
        """Return the feature maps of the modalities; each by itself unless overridden."""
        return {
            "pose": pose(clips.streams, clips.person_mask),
            "video": video(clips.frames, clips.present[:, 1]),
        }

    def forward(self, maps: Mapping[str, Tensor], present: Tensor) -> dict[str, Tensor]:
        """Return the map of each readout.

        Args:
            maps: (N, T, S, C) by modality; what is absent is learned tokens.
            present: (N, 2) bool.
        """
        raise NotImplementedError

    def combine(self, scores: Mapping[str, Tensor], present: Tensor) -> Tensor:  # noqa: ARG002
        """Return the logits (N, K) of the clips from those of each readout."""
        (only,) = scores.values()
        return only

    def own_loss(self) -> Tensor | None:
        """Return the strategy's own loss on the last forward pass in training, if it has one."""
        return None


class FrameFusion(ModalityFusion):
    """Joins the modalities frame by frame with a fusion of streams.

    Joints and places are averaged first, and the shorter sequence is stretched to the longer.

    Args:
        streams: a fusion of streams, such as ``EarlyFusion`` or ``GatedFusion``, made for the
            channels of the two maps.
    """

    def __init__(self, streams: nn.Module):
        super().__init__()
        self.streams = streams
        self.readouts = {JOINT: int(streams.out_channels)}  # type: ignore[arg-type]

    def forward(self, maps: Mapping[str, Tensor], present: Tensor) -> dict[str, Tensor]:  # noqa: ARG002
        length = max(x.shape[1] for x in maps.values())
        series = {n: resample(x.mean(dim=2), length, dim=1) for n, x in maps.items()}
        as_streams = {name: x[:, None, :, None] for name, x in series.items()}
        return {JOINT: self.streams(as_streams)[:, 0]}


def resample(x: Tensor, size: int, dim: int) -> Tensor:
    """Bring an axis to another length; a new cell is the mean of what it covers of the old ones.

    It is a matrix product, so that training on a GPU stays deterministic and graphs export.
    """
    old = x.shape[dim]
    if old == size:
        return x
    edges, ends = torch.arange(size) * old / size, (torch.arange(size) + 1) * old / size
    cells = torch.arange(old)
    low = torch.maximum(edges[:, None], cells)
    covered = (torch.minimum(ends[:, None], cells + 1) - low).clamp(min=0)
    weights = (covered / covered.sum(1, keepdim=True)).to(x)
    return (x.transpose(dim, -1) @ weights.T).transpose(dim, -1)
