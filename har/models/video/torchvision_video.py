"""Video models of torchvision: 3D residual networks, S3D, MViT and Video Swin.

R3D, MC3, R(2+1)D: Tran et al., A Closer Look at Spatiotemporal Convolutions, CVPR 2018,
https://arxiv.org/abs/1711.11248. S3D: Xie et al., ECCV 2018, https://arxiv.org/abs/1712.04851.
MViT: Fan et al., ICCV 2021, https://arxiv.org/abs/2104.11227, and Li et al., CVPR 2022,
https://arxiv.org/abs/2112.01526. Video Swin: Liu et al., CVPR 2022,
https://arxiv.org/abs/2106.13230.
"""

from typing import Any, Literal

from torch import Tensor, nn

from har.extras import require
from har.models.video.classifier import channels_last
from har.models.video.pretrained import load_pretrained

Name = Literal[
    "r3d_18", "mc3_18", "r2plus1d_18", "s3d", "mvit_v1_b", "mvit_v2_s",
    "swin3d_t", "swin3d_s", "swin3d_b",
]  # fmt: skip

_KINETICS = ((0.43216, 0.394666, 0.37645), (0.22803, 0.22145, 0.216989))
_MVIT = ((0.45, 0.45, 0.45), (0.225, 0.225, 0.225))
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


class TorchvisionVideo(nn.Module):
    """A model of torchvision up to its last feature map.

    Args:
        name: of the model. MViT takes 16 frames of 224 by 224 pixels, the others any size.
        weights: path of the published file, "cache", or None; see ``load_pretrained``.
    """

    def __init__(self, name: Name, weights: str | None = None):
        super().__init__()
        models = require("torchvision.models.video", "video")
        model = getattr(models, name)(weights=None)
        family, head, statistics = _family(name)
        published = require("torchvision.models", "video").get_model_weights(name).DEFAULT
        load_pretrained(model, weights, published.url, head)
        self.mean, self.std = statistics
        self.net = family(model)
        self.out_channels: int = self.net.out_channels

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, T, H, W) to (N, T', S, C)."""
        return self.net(x)


class _Residual(nn.Module):
    def __init__(self, model: Any):
        super().__init__()
        self.stages = nn.Sequential(
            model.stem, model.layer1, model.layer2, model.layer3, model.layer4
        )
        self.out_channels = model.fc.in_features

    def forward(self, x: Tensor) -> Tensor:
        return channels_last(self.stages(x))


class _S3D(nn.Module):
    def __init__(self, model: Any):
        super().__init__()
        self.stages = model.features
        self.out_channels = model.classifier[1].in_channels

    def forward(self, x: Tensor) -> Tensor:
        return channels_last(self.stages(x))


class _Swin(nn.Module):
    def __init__(self, model: Any):
        super().__init__()
        self.stages = nn.Sequential(model.patch_embed, model.pos_drop, model.features, model.norm)
        self.out_channels = model.num_features

    def forward(self, x: Tensor) -> Tensor:
        return self.stages(x).flatten(2, 3)


class _MViT(nn.Module):
    def __init__(self, model: Any):
        super().__init__()
        self.conv_proj = model.conv_proj
        self.pos_encoding = model.pos_encoding
        self.blocks = model.blocks
        self.norm = model.norm
        self.out_channels = model.head[-1].in_features

    def forward(self, x: Tensor) -> Tensor:
        places = self.pos_encoding
        grid = (places.temporal_size, *places.spatial_size)
        x = places(self.conv_proj(x).flatten(2).transpose(1, 2))
        for block in self.blocks:
            x, grid = block(x, grid)
        return self.norm(x)[:, 1:].unflatten(1, (grid[0], -1))


def _family(name: str) -> tuple[type[Any], str, tuple[Any, Any]]:
    """Return the class that cuts the model, the prefix of its head, and the pixel statistics."""
    if name.startswith("mvit"):
        return _MViT, "head.", _MVIT
    if name.startswith("swin"):
        return _Swin, "head.", _IMAGENET
    if name == "s3d":
        return _S3D, "classifier.", _KINETICS
    return _Residual, "fc.", _KINETICS
