"""PoseC3D: Revisiting Skeleton-based Action Recognition.

Duan et al., CVPR 2022, https://arxiv.org/abs/2104.13586

Not a graph but a video network: every joint becomes a channel of heatmaps, and a slim SlowOnly
ResNet-50 (three stages, no early down-sampling, temporal kernels in the last two) looks at the
volume. What it sees of a pose is a picture of it:

- 3D joints are projected along one axis (``axes`` names the two that stay).
- A joint whose coordinates are all exactly zero was not seen and is not drawn; the others have
  peak 1, because a coordinate stream carries no score.
- The image is cropped to the square around all joints of the clip, so place and size are lost.
- Each person is one volume. The authors draw the people of a clip into one volume; here a backbone
  sees people apart, so two people cost twice, and their features are averaged.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from har.errors import ConfigError
from har.models.heatmaps import crop_to_body, draw_heatmaps
from har.models.layers import ChannelsLastBatchNorm
from har.skeleton.layout import Layout

EXPANSION = 4


class ConvNorm(nn.Module):
    """3D convolution with 'same' padding and batch norm, on channels-last (P, T, H, W, C)."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: tuple[int, int, int] = (1, 1, 1),
        stride: tuple[int, int, int] = (1, 1, 1),
    ):
        super().__init__()
        padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
        self.conv = nn.Conv3d(in_channels, out_channels, kernel, stride, padding, bias=False)
        self.norm = ChannelsLastBatchNorm(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv(x.permute(0, 4, 1, 2, 3)).permute(0, 2, 3, 4, 1)
        return self.norm(out.flatten(1, 2)).reshape(out.shape)


class Bottleneck(nn.Module):
    """Convolutions 1 (or 3 frames), 3x3 and 1, with a residual around them."""

    def __init__(self, in_channels: int, width: int, inflate: bool, stride: tuple[int, int, int]):
        super().__init__()
        out_channels = width * EXPANSION
        self.reduce = ConvNorm(in_channels, width, (3 if inflate else 1, 1, 1))
        self.spatial = ConvNorm(width, width, (1, 3, 3), stride)
        self.expand = ConvNorm(width, out_channels)
        self.shortcut: nn.Module = nn.Identity()
        if in_channels != out_channels or stride != (1, 1, 1):
            self.shortcut = ConvNorm(in_channels, out_channels, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        out = self.spatial(self.reduce(x).relu_()).relu_()
        return (self.expand(out) + self.shortcut(x)).relu_()


class PoseC3D(nn.Module):
    """PoseC3D backbone: SlowOnly-R50 on the heatmaps of the joints.

    Args:
        layout: joints of the input; each is one channel of the heatmaps.
        in_channels: C of the input.
        axes: channels that are drawn as x and y of the image; the others are left out. For poses
            with y up (0, 1) is the view from the front; where the transforms stand the spine along
            z, it is (0, 2). Where several streams are joined, only these of the first are seen.
        size: side of the heatmaps in pixels.
        sigma: standard deviation of the Gaussians in pixels.
        padding: margin around the body, as a share of its longer side.
        base_channels: width of the stem; each stage doubles it.
        stage_blocks: blocks of each stage.
        inflate: whether the blocks of a stage look at three frames.
        temporal_strides: step along the frames at the start of each stage.

    The output has ``out_channels`` features a person, frame and cell of the last map.

    Raises:
        ConfigError: axes that the input does not have, or stage options of different lengths.
    """

    def __init__(
        self,
        layout: Layout,
        in_channels: int = 3,
        axes: tuple[int, int] = (0, 1),
        size: int = 56,
        sigma: float = 0.6,
        padding: float = 0.25,
        base_channels: int = 32,
        stage_blocks: tuple[int, ...] = (4, 6, 3),
        inflate: tuple[bool, ...] = (False, True, True),
        temporal_strides: tuple[int, ...] = (1, 1, 2),
    ):
        super().__init__()
        _check_axes(in_channels, axes)
        _check_stages(stage_blocks, inflate, temporal_strides)
        self.axes, self.size, self.sigma, self.padding = tuple(axes), size, sigma, padding
        self.stem = ConvNorm(layout.num_joints, base_channels, (1, 7, 7))
        stages: list[nn.Module] = []
        channels = base_channels
        for number, (blocks, inflated) in enumerate(zip(stage_blocks, inflate, strict=True)):
            width, stride = base_channels * 2**number, (temporal_strides[number], 2, 2)
            for block in range(blocks):
                step = stride if block == 0 else (1, 1, 1)
                stages.append(Bottleneck(channels, width, inflated, step))
                channels = width * EXPANSION
        self.blocks = nn.Sequential(*stages)
        self.out_channels = channels
        _initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map joints (P, T, V, C) of P people to features (P, T', H' * W', out_channels)."""
        out = self.stem(self.heatmaps(x)).relu_()
        out = F.max_pool3d(out.permute(0, 4, 1, 2, 3), (1, 3, 3), stride=1, padding=(0, 1, 1))
        return self.blocks(out.permute(0, 2, 3, 4, 1)).flatten(2, 3)

    def heatmaps(self, x: Tensor) -> Tensor:
        """Return the volumes (P, T, H, W, V) drawn from joints (P, T, V, C)."""
        seen = (x != 0).any(dim=-1)
        points = torch.stack([x[..., axis] for axis in self.axes], dim=-1)
        pixels = crop_to_body(points, seen, self.size, self.padding)
        return draw_heatmaps(pixels, seen.to(x.dtype), self.size, self.sigma)


def _check_axes(in_channels: int, axes: tuple[int, int]) -> None:
    if len(axes) != 2 or axes[0] == axes[1] or not set(axes) <= set(range(in_channels)):
        raise ConfigError(
            f"axes of PoseC3D are {list(axes)}; give two different ones of "
            f"{list(range(in_channels))}, such as [0, 1]."
        )


def _check_stages(
    stage_blocks: tuple[int, ...], inflate: tuple[bool, ...], temporal_strides: tuple[int, ...]
) -> None:
    if not len(stage_blocks) == len(inflate) == len(temporal_strides):
        raise ConfigError(
            f"PoseC3D needs one value a stage: stage_blocks has {len(stage_blocks)}, inflate "
            f"{len(inflate)} and temporal_strides {len(temporal_strides)}."
        )


def _initialise(model: nn.Module) -> None:
    """Start every block as its shortcut: the last norm of each begins at zero."""
    for module in model.modules():
        if isinstance(module, nn.Conv3d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            weight = module.weight.data.contiguous(memory_format=torch.channels_last_3d)
            module.weight = nn.Parameter(weight)
        elif isinstance(module, Bottleneck):
            nn.init.zeros_(module.expand.norm.weight)
