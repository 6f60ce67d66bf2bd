"""VPN: poses say where and when the video is worth looking at.

Das et al., VPN: Learning Video-Pose Embedding for Activities of Daily Living, ECCV 2020,
https://arxiv.org/abs/2007.03056
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from har.errors import ConfigError
from har.models.fusion.base import JOINT, ModalityFusion, resample


class PoseDrivenAttention(ModalityFusion):
    """Attention over places and over frames of the video, made from the poses.

    The map of the places has a fixed size and is resampled to that of the features; the weights of
    the frames follow the poses in time. Classified are the weighted features of the video, added to
    those without weights. A loss brings embeddings of both modalities near to each other.

    Args:
        map_channels: C of each modality.
        hidden_channels: width of the networks of the attention.
        grid: cells along a side of the map of places.
        embedding_channels: width of the embeddings.
        embedding_weight: of their loss; 0 leaves it out.
    """

    def __init__(
        self,
        map_channels: Mapping[str, int],
        hidden_channels: int = 128,
        grid: int = 7,
        embedding_channels: int = 128,
        embedding_weight: float = 1.0,
    ):
        super().__init__()
        self.grid = grid
        self.spatial = _two_layers(map_channels["pose"], hidden_channels, grid * grid)
        self.temporal = _two_layers(map_channels["pose"], hidden_channels, 1)
        self.embed = nn.ModuleDict(
            {name: nn.Linear(width, embedding_channels) for name, width in map_channels.items()}
        )
        self.embedding_weight = embedding_weight
        self.readouts = {JOINT: map_channels["video"]}
        self._distance: Tensor | None = None

    def forward(self, maps: Mapping[str, Tensor], present: Tensor) -> dict[str, Tensor]:
        pose, video = maps["pose"], maps["video"]
        if self.training and self.embedding_weight:
            self._distance = self._embedding_distance(pose, video, present)
        places, frames = self.attention(pose, video.shape[1], video.shape[2])
        return {JOINT: video + video * (frames[:, :, None] * places[:, None])[..., None]}

    def attention(self, pose: Tensor, frames: int, places: int) -> tuple[Tensor, Tensor]:
        """Return the weights of places (N, S) in (0, 1), and of frames (N, T) with mean 1.

        Args:
            pose: feature map (N, T', V, C).
            frames: T of the video's features.
            places: S of them.

        Raises:
            ConfigError: S is no square number.
        """
        side = math.isqrt(places)
        if side * side != places:
            raise ConfigError(
                f"pose-driven attention needs a square map of places, the video backbone gives "
                f"{places} (a transformer adds a token of the whole picture): choose a "
                "convolutional model.video.backbone"
            )
        grid = torch.sigmoid(self.spatial(pose.mean(dim=(1, 2)))).unflatten(1, (self.grid, -1))
        spatial = resample(resample(grid, side, dim=1), side, dim=2).flatten(1)
        scores = resample(self.temporal(pose.mean(dim=2)).squeeze(-1), frames, dim=1)
        return spatial, scores.softmax(dim=1) * frames

    def own_loss(self) -> Tensor | None:
        """Return the distance of the embeddings on the last pass in training."""
        distance, self._distance = self._distance, None
        return None if distance is None else self.embedding_weight * distance

    def _embedding_distance(self, pose: Tensor, video: Tensor, present: Tensor) -> Tensor:
        """Return the mean L1 distance of unit embeddings, over clips that have both."""
        found = {"pose": pose, "video": video}
        unit = {n: F.normalize(self.embed[n](x.mean(dim=(1, 2))), dim=1) for n, x in found.items()}
        distance = (unit["pose"] - unit["video"]).abs().sum(1)
        both = present.all(1)
        return torch.where(both, distance, 0).sum() / both.sum().clamp(min=1)


def _two_layers(in_channels: int, hidden_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(in_channels, hidden_channels), nn.Tanh(), nn.Linear(hidden_channels, out_channels)
    )
