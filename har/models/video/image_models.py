"""Image models of timm, frame by frame: TSN, and TSM with a shift of channels in time.

TSN: Wang et al., ECCV 2016, https://arxiv.org/abs/1608.00859; the consensus over frames is the
temporal module. TSM: Lin et al., ICCV 2019, https://arxiv.org/abs/1811.08383.
"""

from typing import Any

import torch
from torch import Tensor, nn

from har.errors import ConfigError, did_you_mean
from har.extras import require
from har.models.video.pretrained import load_pretrained


class TemporalShift(nn.Module):
    """Moves an eighth of the channels to the next frame, and an eighth to the one before.

    Args:
        layer: what follows the shift; maps (N * T, C, H, W).
        share: divisor of the channels that move each way.
    """

    def __init__(self, layer: nn.Module, share: int = 8):
        super().__init__()
        self.layer = layer
        self.share = share
        self.frames = 1

    def forward(self, x: Tensor) -> Tensor:
        clips = x.unflatten(0, (-1, self.frames))
        moved = clips.shape[2] // self.share
        shifted = torch.zeros_like(clips)
        shifted[:, :-1, :moved] = clips[:, 1:, :moved]
        shifted[:, 1:, moved : 2 * moved] = clips[:, :-1, moved : 2 * moved]
        shifted[:, :, 2 * moved :] = clips[:, :, 2 * moved :]
        return self.layer(shifted.flatten(0, 1))


class ImageModel(nn.Module):
    """A model of timm on each frame of a clip.

    Args:
        name: of the model in timm, such as ``resnet18`` or ``vit_small_patch16_224``.
        weights: path of a file of weights of this model, or None for weights at random.
        shift: put a ``TemporalShift`` before the first convolution of every residual block (TSM).
    """

    def __init__(self, name: str = "resnet18", weights: str | None = None, shift: bool = False):
        super().__init__()
        timm = require("timm", "video")
        if not timm.is_model(name):
            models = timm.list_models()
            raise ConfigError(f"timm has no model '{name}'.{did_you_mean(name, models)}")
        self.net: Any = timm.create_model(name, pretrained=False)
        head = self.net.pretrained_cfg["classifier"]
        url = self.net.pretrained_cfg.get("url") or ""
        load_pretrained(self.net, weights, url, f"{head}.")
        self.net.reset_classifier(0)
        self.out_channels: int = self.net.num_features
        self.mean = tuple(self.net.pretrained_cfg["mean"])
        self.std = tuple(self.net.pretrained_cfg["std"])
        self.shifts = _insert_shifts(self.net, name) if shift else []
        self.is_transformer = type(self.net).__name__ == "VisionTransformer"

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, T, H, W) to (N, T, S, C)."""
        frames = x.shape[2]
        for shift in self.shifts:
            shift.frames = frames
        features = self.net.forward_features(x.transpose(1, 2).flatten(0, 1))
        return _tokens(features, self.out_channels).unflatten(0, (-1, frames))

    def token_maps(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map (N, 3, T, H, W) to the patches after the first block and the output, (N, T, S, C).

        The first has the patches only, the output what ``forward`` gives. Of a ViT only.
        """
        images = x.transpose(1, 2).flatten(0, 1)
        last, (first,) = self.net.forward_intermediates(
            images, indices=[0], output_fmt="NLC", norm=False
        )
        frames = x.shape[2]
        return first.unflatten(0, (-1, frames)), last.unflatten(0, (-1, frames))


def _tokens(features: Tensor, channels: int) -> Tensor:
    """Turn the features of images, of any of timm's forms, into (N * T, S, C)."""
    if features.ndim == 3:
        return features
    if features.shape[1] == channels and features.shape[-1] != channels:
        return features.flatten(2).transpose(1, 2)
    return features.flatten(1, 2)


def _insert_shifts(net: nn.Module, name: str) -> list[TemporalShift]:
    shifts = []
    for block in list(net.modules()):
        first = getattr(block, "conv1", None)
        if isinstance(first, nn.Conv2d) and hasattr(block, "conv2"):
            shift = TemporalShift(first)
            block.conv1 = shift
            shifts.append(shift)
    if not shifts:
        raise ConfigError(f"shift=true: {name} has no residual blocks to shift in; use a resnet")
    return shifts
