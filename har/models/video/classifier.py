"""The path every video model shares: normalised pixels, backbone, temporal pooling, head."""

from typing import Self

import torch
from torch import Tensor, nn


class VideoClassifier(nn.Module):
    """Classifies clips of video.

    Args:
        backbone: maps pixels (N, 3, T, H, W) to features (N, T', S, C), S positions in the picture;
            its ``mean`` and ``std`` are those of the pixels in [0, 1] that it wants.
        temporal: maps those features to one vector a clip.
        head: maps one vector a clip to logits.
        frozen: leave the backbone as it is, its batch norms included, and train the rest.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, backbone: nn.Module, temporal: nn.Module, head: nn.Module, frozen: bool = False
    ):
        super().__init__()
        self.backbone = backbone
        self.temporal = temporal
        self.head = head
        self.frozen = frozen
        for name in ("mean", "std"):
            values = torch.tensor(getattr(backbone, name), dtype=torch.float32)
            self.register_buffer(name, values.view(1, -1, 1, 1, 1), persistent=False)
        if frozen:
            backbone.requires_grad_(False)

    def train(self, mode: bool = True) -> Self:
        """Set the mode; a frozen backbone stays in that of evaluation."""
        super().train(mode)
        if self.frozen:
            self.backbone.eval()
        return self

    def forward(self, frames: Tensor) -> Tensor:
        """Map frames (N, T, H, W, 3) uint8, or features (N, T', S, C), to logits (N, classes)."""
        return self.head(self.temporal(self.feature_map(frames)))

    def feature_map(self, frames: Tensor) -> Tensor:
        """Return the features of the backbone (N, T', S, C); features given pass as they are."""
        if frames.is_floating_point():
            return frames.float()
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            return self.backbone(self.normalised(frames))

    def normalised(self, frames: Tensor) -> Tensor:
        """Map frames (N, T, H, W, 3) uint8 to the pixels (N, 3, T, H, W) the backbone wants."""
        pixels = frames.permute(0, 4, 1, 2, 3).to(self.mean.dtype) / 255
        return (pixels - self.mean) / self.std


def channels_last(features: Tensor) -> Tensor:
    """Turn features (N, C, T, H, W) into (N, T, H * W, C)."""
    return features.flatten(3).permute(0, 2, 3, 1)
