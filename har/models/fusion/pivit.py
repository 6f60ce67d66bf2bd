"""pi-ViT: poses teach a video transformer, and are not needed any more once it is trained.

Reilly and Das, Just Add pi! Pose Induced Video Transformers for Understanding Activities of Daily
Living, CVPR 2024, https://arxiv.org/abs/2311.18840. Two tasks are solved beside the classification
in training only: which patch shows which joint, from the tokens after the first block (weight 1.6),
and the features of a pose model, from the last tokens (weight 1), which are classified too.

The authors' pose model is trained before and frozen; here it learns beside, by its own loss, and no
gradient of the second task reaches it.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from har.errors import ConfigError
from har.models.branches import PoseBranch, VideoBranch
from har.models.fusion.base import ModalityFusion, PairedClips
from har.skeleton.layout import Layout

INDUCED = "induced"


class PoseInduction(ModalityFusion):
    """Trains a video transformer with poses; in evaluation poses have no influence.

    Args:
        map_channels: C of each modality.
        backbones: a transformer as video; any as pose.
        layout: of the joints.
        point_weight: of the loss on where the joints are.
        feature_weight: of the mean square distance to the features of the poses.

    Raises:
        ConfigError: the video backbone is no transformer.
    """

    needs_points = True

    def __init__(
        self,
        map_channels: Mapping[str, int],
        backbones: Mapping[str, nn.Module],
        layout: Layout,
        point_weight: float = 1.6,
        feature_weight: float = 1.0,
    ):
        super().__init__()
        _check(backbones["video"])
        self.point_weight = point_weight
        self.feature_weight = feature_weight
        self.locate = nn.Linear(map_channels["video"], layout.num_joints)
        self.induce = nn.Linear(map_channels["video"], map_channels["pose"])
        self.readouts = {
            "video": map_channels["video"],
            "pose": map_channels["pose"],
            INDUCED: map_channels["pose"],
        }
        self._point_loss: Tensor | None = None
        self._feature_loss: Tensor | None = None

    def encode(self, pose: PoseBranch, video: VideoBranch, clips: PairedClips) -> dict[str, Tensor]:
        """Return the maps of both modalities in training, and of the video alone otherwise."""
        if not self.training:
            return {"video": video(clips.frames)}
        first, last = video.backbone.token_maps(video.normalised(clips.frames))  # type: ignore[operator]
        self._point_loss = self._place_loss(first, clips)
        return {"video": last, "pose": pose(clips.streams, clips.person_mask)}

    def forward(self, maps: Mapping[str, Tensor], present: Tensor) -> dict[str, Tensor]:
        if not self.training:
            return {"video": maps["video"]}
        induced = self.induce(maps["video"])
        target = maps["pose"].detach().mean(dim=(1, 2))
        distance = (induced.mean(dim=(1, 2)) - target).square().mean(1)
        self._feature_loss = _mean_where(present.all(1), distance)
        return {**maps, INDUCED: induced}

    def combine(self, scores: Mapping[str, Tensor], present: Tensor) -> Tensor:  # noqa: ARG002
        """Return the logits of the video."""
        return scores["video"]

    def own_loss(self) -> Tensor | None:
        """Return both tasks' losses on the last pass in training."""
        places, features = self._point_loss, self._feature_loss
        self._point_loss = self._feature_loss = None
        if places is None or features is None:
            return None
        return self.point_weight * places + self.feature_weight * features

    def _place_loss(self, tokens: Tensor, clips: PairedClips) -> Tensor:
        """Return the binary cross-entropy of which tokens (N, T, S, C) show which joints."""
        if clips.points is None:
            raise ConfigError(
                "pose induction learns where the joints are in the frames, which these poses do "
                "not tell: extract them with coordinates=camera or coordinates=image"
            )
        shown = joints_in_patches(clips.points, clips.person_mask, *tokens.shape[1:3])
        logits = self.locate(tokens).float()
        each = F.binary_cross_entropy_with_logits(logits, shown.to(logits), reduction="none")
        return _mean_where(clips.present.all(1), each.mean(dim=(1, 2, 3)))


def joints_in_patches(points: Tensor, person_mask: Tensor, frames: int, patches: int) -> Tensor:
    """Return which patch shows which joint, (N, T, S, V) bool.

    Args:
        points: (N, M, T', V, 2), shares of width and height; (0, 0) where a joint is not seen.
            T' is a multiple of T.
        person_mask: (N, M) bool.
        frames: T.
        patches: S, a square number.
    """
    side = math.isqrt(patches)
    inside = ((points > 0) & (points < 1)).all(dim=-1) & person_mask[:, :, None, None]
    column, row = (points.clamp(0, 1) * side).long().clamp(max=side - 1).unbind(dim=-1)
    shown = F.one_hot(row * side + column, patches).bool() & inside[..., None]
    return shown.any(1).unflatten(1, (frames, -1)).any(2).transpose(2, 3)


def _mean_where(counted: Tensor, values: Tensor) -> Tensor:
    return torch.where(counted, values, 0).sum() / counted.sum().clamp(min=1)


def _check(video: nn.Module) -> None:
    if not getattr(video, "is_transformer", False):
        raise ConfigError(
            f"pose induction (pi-ViT) needs tokens of patches, {type(video).__name__} has none: "
            "choose a transformer, model/backbone@model.video.backbone=videomae, vjepa2, or tsn "
            "with model.video.backbone.name=vit_tiny_patch16_224"
        )
