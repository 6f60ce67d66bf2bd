"""Classifiers of clips that have poses and video.

The signature, also for an export in evaluation::

    FusedClassifier.forward(streams, person_mask, frames, present, points=None) -> logits (N, K)

    streams      {name: (N, M, T, V, C) float32}, as for ``SkeletonClassifier``
    person_mask  (N, M) bool
    frames       (N, T', H, W, 3) uint8
    present      (N, 2) bool: poses, video. What is not present has no influence, whatever it holds
    points       (N, M, T, V, 2) float32, joints in the frames as shares of width and height; only
                 where ``classifier.fusion.needs_points``

In evaluation no step depends on the values of a batch: rows do not influence each other, and no
rows are chosen by masks.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from har.models.branches import PoseBranch, VideoBranch
from har.models.fusion.base import MODALITIES, ModalityFusion, PairedClips


class FusedClassifier(nn.Module):
    """Classifies clips from their poses, their frames, or both.

    A modality that a clip lacks is replaced by learned tokens; train with ``ModalityDropout`` for
    them to be of use.

    Args:
        pose, video: the branches.
        fusion: joins their feature maps.
        temporal, head: for each readout of the fusion.
        branch_loss: weight of the cross-entropy of each readout by itself, where there are several;
            that of poses counts on clips with poses, that of video on clips with video.
    """

    def __init__(
        self,
        pose: PoseBranch,
        video: VideoBranch,
        fusion: ModalityFusion,
        temporal: Mapping[str, nn.Module],
        head: Mapping[str, nn.Module],
        branch_loss: float = 1.0,
    ):
        super().__init__()
        self.pose = pose
        self.video = video
        self.fusion = fusion
        self.temporal = nn.ModuleDict(temporal)
        self.head = nn.ModuleDict(head)
        self.branch_loss = branch_loss
        self.absent = nn.ParameterDict(
            {
                "pose": nn.Parameter(torch.randn(pose.out_channels) * 0.02),
                "video": nn.Parameter(torch.randn(video.out_channels) * 0.02),
            }
        )
        self._left: tuple[dict[str, Tensor], Tensor] | None = None

    def forward(
        self,
        streams: Mapping[str, Tensor],
        person_mask: Tensor,
        frames: Tensor,
        present: Tensor,
        points: Tensor | None = None,
    ) -> Tensor:
        """Return logits (N, K); the arguments are told at the top of this file."""
        clips = only_present(streams, person_mask, frames, present, points)
        scores = self.readout_scores(clips)
        if self.training:
            self._left = scores, clips.present
        return self.fusion.combine(scores, clips.present)

    def readout_scores(self, clips: PairedClips) -> dict[str, Tensor]:
        """Return the logits (N, K) of each readout."""
        return {name: self.head[name](x) for name, x in self._vectors(clips).items()}

    def features(
        self,
        streams: Mapping[str, Tensor],
        person_mask: Tensor,
        frames: Tensor,
        present: Tensor,
        points: Tensor | None = None,
    ) -> Tensor:
        """Return what the heads see of each clip, side by side, (N, sum of C)."""
        clips = only_present(streams, person_mask, frames, present, points)
        return torch.cat(list(self._vectors(clips).values()), dim=1)

    def auxiliary_loss(self, logits: Tensor, labels: Tensor, person_mask: Tensor) -> Tensor | None:  # noqa: ARG002
        """Return the losses of the readouts and of the fusion on the last pass in training.

        Args:
            logits: of that pass; not used.
            labels: classes (N,).
            person_mask: not used.
        """
        if self._left is None:
            return None
        scores, present = self._left
        self._left = None
        losses = [] if len(scores) == 1 else self._readout_losses(scores, present, labels)
        own = self.fusion.own_loss()
        losses += [] if own is None else [own]
        return torch.stack(losses).sum() if losses else None

    def _vectors(self, clips: PairedClips) -> dict[str, Tensor]:
        maps = self.fusion.encode(self.pose, self.video, clips)
        filled = {
            name: torch.where(
                clips.present[:, MODALITIES.index(name), None, None, None],
                x,
                self.absent[name].to(x.dtype),
            )
            for name, x in maps.items()
        }
        joined = self.fusion(filled, clips.present)
        return {name: self.temporal[name](x) for name, x in joined.items()}

    def _readout_losses(
        self, scores: Mapping[str, Tensor], present: Tensor, labels: Tensor
    ) -> list[Tensor]:
        losses = []
        for name, own in scores.items():
            count = present[:, MODALITIES.index(name)] if name in MODALITIES else present.any(1)
            each = F.cross_entropy(own.float(), labels, reduction="none")
            mean = torch.where(count, each, 0).sum() / count.sum().clamp(min=1)
            losses.append(self.branch_loss * mean)
        return losses


def only_present(
    streams: Mapping[str, Tensor],
    person_mask: Tensor,
    frames: Tensor,
    present: Tensor,
    points: Tensor | None = None,
) -> PairedClips:
    """Return the clips with zeros for what is absent; poses without anybody are absent."""
    seen = present[:, 0] & person_mask.any(1)
    filmed = present[:, 1]
    return PairedClips(
        {name: _kept(x, seen) for name, x in streams.items()},
        person_mask & seen[:, None],
        _kept(frames, filmed),
        torch.stack([seen, filmed], dim=1),
        None if points is None else _kept(points, seen),
    )


def _kept(x: Tensor, rows: Tensor) -> Tensor:
    return torch.where(rows.view(-1, *[1] * (x.ndim - 1)), x, torch.zeros_like(x))
