"""PoseC3D: Revisiting Skeleton-based Action Recognition.

Duan et al., CVPR 2022, https://arxiv.org/abs/2104.13586

Not a graph but a video network: every joint becomes a channel of heatmaps, and a slim SlowOnly
ResNet-50 (three stages, no early down-sampling, temporal kernels in the last two) looks at the
volume. What it sees of a pose is a picture of it:

- 3D joints are projected along one axis (``axes`` names the two that stay).
- A joint whose coordinates are all exactly zero was not seen and is not drawn; the others have
  peak 1, because a coordinate stream carries no score.
- The image is cropped to the square around all joints of the clip, so place and size are lost.
- Each person is one volume: two people cost twice, and their features are averaged. The authors
  draw all people of a clip into one volume, which is what ``person_slots`` is for.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from har.errors import ConfigError
from har.models.checks import check_least
from har.models.graph_blocks import check_slots
from har.models.heatmaps import crop_to_body, draw_heatmaps
from har.models.layers import ChannelsLastBatchNorm
from har.models.temporal_modules import temporal_max_pool
from har.skeleton.layout import Layout

EXPANSION = 4
MOST_COORDINATES = 3


class ConvNorm(nn.Module):
    """3D convolution with 'same' padding and batch norm, on channels-last (P, T, H, W, C).

    No kernel here extends over both time and space. So each is a matrix product or a convolution
    of two axes, which the libraries compute several times faster than one of three.
    """

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
        out = self._convolve(x)
        return self.norm(out.flatten(1, 2)).reshape(out.shape)

    def _convolve(self, x: Tensor) -> Tensor:
        weight, bias = self.conv.weight, self.conv.bias
        frames, rows, columns = self.conv.stride
        length, height, width = self.conv.kernel_size
        if length == height == width == 1:
            return F.linear(x[:, ::frames, ::rows, ::columns], weight.flatten(1), bias)
        if length == 1:
            x = x[:, ::frames]
            images, padding = x.flatten(0, 1).permute(0, 3, 1, 2), (height // 2, width // 2)
            out = F.conv2d(images, weight[:, :, 0], bias, (rows, columns), padding)
            return out.permute(0, 2, 3, 1).unflatten(0, x.shape[:2])
        x = x[:, :, ::rows, ::columns]
        series = x.flatten(2, 3).permute(0, 3, 1, 2)
        out = F.conv2d(series, weight[..., 0], bias, (frames, 1), (length // 2, 0))
        return out.permute(0, 2, 3, 1).unflatten(2, x.shape[2:4])


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
        out = F.relu(self.spatial(F.relu(self.reduce(x))))
        return F.relu(self.expand(out) + self.shortcut(x))


class PoseC3D(nn.Module):
    """PoseC3D backbone: SlowOnly-R50 on the heatmaps of the joints.

    Args:
        layout: joints of the input; each is one channel of the heatmaps.
        in_channels: C of the input.
        axes: channels that are drawn as x and y of the image; the others are left out. For poses
            with y up (0, 1) is the view from the front; where the transforms stand the spine along
            z, it is (0, 2).
        size: side of the heatmaps in pixels.
        sigma: standard deviation of the Gaussians in pixels.
        padding: margin around the body, as a share of its longer side.
        base_channels: width of the stem; each stage doubles it.
        stage_blocks: blocks of each stage.
        inflate: whether the blocks of a stage look at three frames.
        temporal_strides: step along the frames at the start of each stage.
        person_slots: people of a clip that are drawn into one volume, as by the authors; more than
            1 needs ``skip_absent_people=false``.

    The output has ``out_channels`` features a person, frame and cell of the last map.

    Raises:
        ConfigError: more channels than a pose has, axes that the input does not have, stage options
            of different lengths, or a picture too small for them.
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
        person_slots: int = 1,
    ):
        super().__init__()
        _check_channels(in_channels)
        _check_axes(in_channels, axes)
        _check_stages(stage_blocks, inflate, temporal_strides)
        _check_picture(size, sigma, len(stage_blocks))
        self.axes, self.size, self.sigma, self.padding = tuple(axes), size, sigma, padding
        self.person_slots = person_slots
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
        features = self.blocks(self.enter(self.heatmaps(x))).flatten(2, 3)
        return features.repeat_interleave(self.person_slots, 0)

    def enter(self, volumes: Tensor) -> Tensor:
        """Map heatmaps (P, T, H, W, V) to the first feature map (P, T, H, W, base_channels)."""
        out = F.relu(self.stem(volumes))
        return image_max_pool(out.flatten(0, 1)).reshape(out.shape)

    def stages(self) -> list[list[Bottleneck]]:
        """Return the blocks stage by stage; each stage halves height and width."""
        found: list[list[Bottleneck]] = []
        for block in self.blocks:
            assert isinstance(block, Bottleneck)
            if block.spatial.conv.stride[1] > 1:
                found.append([])
            found[-1].append(block)
        return found

    def heatmaps(self, x: Tensor) -> Tensor:
        """Return the volumes (P / person_slots, T, H, W, V) drawn from joints (P, T, V, C)."""
        check_slots(x.shape[0], self.person_slots)
        seen = (x != 0).any(dim=-1)
        points = torch.stack([x[..., axis] for axis in self.axes], dim=-1)
        clips = self._side_by_side(points), self._side_by_side(seen)
        pixels = crop_to_body(*clips, self.size, self.padding)
        apart = pixels.unflatten(2, (self.person_slots, -1)).transpose(1, 2).flatten(0, 1)
        volumes = draw_heatmaps(apart, seen.to(x.dtype), self.size, self.sigma)
        if self.person_slots == 1:
            return volumes
        return volumes.unflatten(0, (-1, self.person_slots)).amax(1)

    def _side_by_side(self, people: Tensor) -> Tensor:
        """Return the joints of all people of a clip together, (N, T, M*V, ...)."""
        return people.unflatten(0, (-1, self.person_slots)).transpose(1, 2).flatten(2, 3)


def image_max_pool(x: Tensor) -> Tensor:
    """Take the maximum of 3x3 cells of images (B, H, W, C), of values that are 0 or more.

    A pooling of three axes has no gradient on a GPU where training is deterministic; there the
    rows and the columns are taken one after the other.
    """
    if x.is_cuda:
        of_rows = temporal_max_pool(x)
        return temporal_max_pool(of_rows.transpose(1, 2)).transpose(1, 2)
    return F.max_pool2d(x.permute(0, 3, 1, 2), 3, stride=1, padding=1).permute(0, 2, 3, 1)


def _check_channels(in_channels: int) -> None:
    if in_channels > MOST_COORDINATES:
        raise ConfigError(
            f"PoseC3D draws the joints of one stream and would ignore most of {in_channels} "
            "channels: choose stream=joint and model/fusion=early; for several streams "
            "model=multi_stream, or a run for each, joined with `har fuse`"
        )


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


def _check_picture(size: int, sigma: float, stages: int) -> None:
    check_least(2**stages, size=size)  # each stage halves it
    if sigma <= 0:
        raise ConfigError(f"sigma is {sigma}; give more than 0.")


def _initialise(model: nn.Module) -> None:
    """Start every block as its shortcut: the last norm of each begins at zero."""
    for module in model.modules():
        if isinstance(module, nn.Conv3d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            weight = module.weight.data.contiguous(memory_format=torch.channels_last_3d)
            module.weight = nn.Parameter(weight)
        elif isinstance(module, Bottleneck):
            nn.init.zeros_(module.expand.norm.weight)
