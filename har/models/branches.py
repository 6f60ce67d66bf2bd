"""The two branches of a classifier of poses and video: clips in, feature maps out."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from har.errors import ConfigError
from har.models.video.classifier import VideoClassifier


class PoseBranch(nn.Module):
    """Feature maps of poses.

    Args:
        fusion: joins the streams into one input (N, M, T, V, C).
        backbone: maps (P, T, V, C) to features (P, T', V', C').
    """

    def __init__(self, fusion: nn.Module, backbone: nn.Module):
        super().__init__()
        if getattr(backbone, "person_slots", 1) > 1:
            raise ConfigError(
                "a model of poses and video sees people one by one: set "
                "model.pose.backbone.person_slots=1"
            )
        self.fusion = fusion
        self.backbone = backbone
        self.out_channels = int(backbone.out_channels)  # type: ignore[arg-type]

    def forward(self, streams: Mapping[str, Tensor], person_mask: Tensor) -> Tensor:
        """Map streams and a person mask (N, M) to features (N, T', V', C'), mean over people."""
        joined = self.fusion(streams)
        shape = person_mask.shape
        found = _of_rows(self.backbone, joined.flatten(0, 1), person_mask.flatten(), self.training)
        by_clip = found.unflatten(0, shape)
        there = person_mask[:, :, None, None, None]
        total = torch.where(there, by_clip, 0).sum(1)
        return total / person_mask.sum(1).clamp(min=1).to(total.dtype)[:, None, None, None]


class VideoBranch(VideoClassifier):
    """Feature maps of video.

    Args:
        backbone, frozen: as in ``VideoClassifier``.
    """

    def __init__(self, backbone: nn.Module, frozen: bool = False):
        super().__init__(backbone, nn.Identity(), nn.Identity(), frozen)
        self.out_channels = int(backbone.out_channels)  # type: ignore[arg-type]

    def forward(self, frames: Tensor, present: Tensor | None = None) -> Tensor:
        """Map frames (N, T, H, W, 3) to features (N, T', S, C)."""
        if present is None:
            return self.feature_map(frames)
        return _of_rows(self.feature_map, frames, present, self.training)


def _of_rows(
    network: Callable[[Tensor], Tensor], rows: Tensor, chosen: Tensor, training: bool
) -> Tensor:
    """Return features of each row; in training only chosen rows are computed, the others are zero.

    So absent rows enter no statistic of batch norm. In evaluation all rows are computed.
    """
    if not training or bool(chosen.all()) or not bool(chosen.any()):
        return network(rows)
    found = network(rows[chosen])
    full = found.new_zeros(len(rows), *found.shape[1:])
    return full.index_put((chosen,), found)
