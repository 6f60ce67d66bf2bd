"""RGBPoseConv3D: two 3D convolutional pathways that exchange features on their way.

Duan et al., Revisiting Skeleton-based Action Recognition, CVPR 2022,
https://arxiv.org/abs/2104.13586, section 3.4 and appendix: PoseC3D on heatmaps in the frame of the
video, SlowOnly on the video, lateral connections both ways after the video's stages 2 and 3 (the
pose's 1 and 2), and two heads whose losses and scores count the same.

Here the features of the other pathway are projected, resampled and added, not concatenated, and the
projections begin at zero: so published weights of either pathway fit, and start as they are.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from har.errors import ConfigError
from har.models.branches import PoseBranch, VideoBranch
from har.models.fusion.base import PairedClips, resample
from har.models.fusion.late import LateFusion
from har.models.heatmaps import draw_heatmaps
from har.models.skeleton.posec3d import PoseC3D
from har.models.video.classifier import channels_last
from har.models.video.pytorchvideo_models import PyTorchVideo

PROBE = (1, 3, 8, 64, 64)


class LateralFusion(LateFusion):
    """Runs both pathways together, stage by stage.

    The heatmaps of all people are drawn into one volume, at their places in the frames, so that
    cells of both pathways show the same part of the picture. The more often poses are read than
    frames (``data.poses.rate``), the more the pose pathway sees of time; the authors take 4.

    Args:
        map_channels: C of each modality.
        backbones: ``PoseC3D`` as pose, and a model of PyTorchVideo with one pathway as video.
        stages: pairs of a stage of the video and a stage of the pose, from 1, after which the
            pathways exchange features.

    Raises:
        ConfigError: a backbone is of another kind, or a stage does not exist.
    """

    needs_points = True

    def __init__(
        self,
        map_channels: Mapping[str, int],
        backbones: Mapping[str, nn.Module],
        stages: Sequence[Sequence[int]] = ((2, 1), (3, 2)),
    ):
        super().__init__(map_channels)
        pose, video = _checked(backbones)
        widths = _stage_channels(video), [s[-1].expand.conv.out_channels for s in pose.stages()]
        _check_stages(stages, len(widths[0]), len(widths[1]))
        self.stages = {int(v): int(p) for v, p in stages}
        self.to_pose, self.to_video = nn.ModuleDict(), nn.ModuleDict()
        for video_stage, pose_stage in self.stages.items():
            wide, slim = widths[0][video_stage - 1], widths[1][pose_stage - 1]
            self.to_pose[str(video_stage)] = _from_zero(wide, slim)
            self.to_video[str(video_stage)] = _from_zero(slim, wide)

    def encode(self, pose: PoseBranch, video: VideoBranch, clips: PairedClips) -> dict[str, Tensor]:
        """Return the last maps of both pathways, (N, T, S, C)."""
        slim_net, wide_net = _checked({"pose": pose.backbone, "video": video.backbone})
        pixels = video.normalised(clips.frames)
        wide = wide_net.blocks[0](pixels)
        slim = _channels_first(slim_net.enter(self._heatmaps(slim_net, clips).to(pixels.dtype)))
        slim_stages = slim_net.stages()
        done = 0
        for number, stage in enumerate(wide_net.blocks[1:], start=1):
            wide = stage(wide)
            if number in self.stages:
                slim = _run(slim_stages[done : self.stages[number]], slim)
                done = self.stages[number]
                wide, slim = self._exchange(number, wide, slim, clips.present)
        slim = _run(slim_stages[done:], slim)
        return {"pose": channels_last(slim), "video": channels_last(wide)}

    def _exchange(
        self, number: int, wide: Tensor, slim: Tensor, present: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Add to each map (N, C, T, H, W) the projected other one, where that is present."""
        to_wide = _resized(self.to_video[str(number)](_channels_last(slim)), wide)
        to_slim = _resized(self.to_pose[str(number)](_channels_last(wide)), slim)
        seen, filmed = (present[:, i, None, None, None, None] for i in (0, 1))
        return wide + torch.where(seen, to_wide, 0), slim + torch.where(filmed, to_slim, 0)

    def _heatmaps(self, net: PoseC3D, clips: PairedClips) -> Tensor:
        """Return the volumes (N, T, H, W, V) of all people."""
        if clips.points is None:
            raise ConfigError(
                "lateral fusion draws the joints where they are in the frames, which these poses "
                "do not tell: extract them with coordinates=camera or coordinates=image"
            )
        points = clips.points
        seen = (points != 0).any(dim=-1) & clips.person_mask[:, :, None, None]
        pixels = points.flatten(0, 1) * net.size - 0.5
        volumes = draw_heatmaps(pixels, seen.flatten(0, 1).to(points), net.size, net.sigma)
        return volumes.unflatten(0, points.shape[:2]).amax(dim=1)


def _run(stages: Sequence[Sequence[nn.Module]], x: Tensor) -> Tensor:
    """Run blocks of PoseC3D, which keep channels last, on a map (N, C, T, H, W)."""
    last = _channels_last(x)
    for stage in stages:
        for block in stage:
            last = block(last)
    return _channels_first(last)


def _resized(x: Tensor, like: Tensor) -> Tensor:
    """Bring a map (N, T, H, W, C) to the frames, height and width of another (N, C, T, H, W)."""
    for axis in (1, 2, 3):
        x = resample(x, like.shape[axis + 1], dim=axis)
    return _channels_first(x)


def _channels_first(x: Tensor) -> Tensor:
    return x.permute(0, 4, 1, 2, 3)


def _channels_last(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 4, 1)


def _from_zero(in_channels: int, out_channels: int) -> nn.Linear:
    layer = nn.Linear(in_channels, out_channels, bias=False)
    nn.init.zeros_(layer.weight)
    return layer


def _checked(backbones: Mapping[str, nn.Module]) -> tuple[PoseC3D, PyTorchVideo]:
    pose, video = backbones["pose"], backbones["video"]
    if not isinstance(pose, PoseC3D):
        raise ConfigError(
            f"lateral fusion joins two 3D convolutional pathways; that of the poses has to be "
            f"posec3d, not {type(pose).__name__}: choose model/backbone@model.pose.backbone=posec3d"
        )
    if not isinstance(video, PyTorchVideo) or video.two_pathways:
        raise ConfigError(
            "lateral fusion joins two 3D convolutional pathways; that of the video has to be one "
            "of slow_r50 (as the authors), x3d_xs, x3d_s, x3d_m, csn_r101, r2plus1d_r50: choose "
            "model/backbone@model.video.backbone=slow_r50"
        )
    return pose, video


def _stage_channels(video: PyTorchVideo) -> list[int]:
    """Return the channels after each stage but the stem, found on a small clip."""
    training = video.training
    video.eval()
    channels = []
    with torch.no_grad():
        x = video.blocks[0](torch.zeros(PROBE, device=next(video.parameters()).device))
        for stage in video.blocks[1:]:
            x = stage(x)
            channels.append(int(x.shape[1]))
    video.train(training)
    return channels


def _check_stages(stages: Sequence[Sequence[int]], of_video: int, of_pose: int) -> None:
    fits = all(len(p) == 2 and 1 <= p[0] <= of_video and 1 <= p[1] <= of_pose for p in stages)
    rising = fits and all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(stages))
    if not (stages and rising):
        raise ConfigError(
            f"lateral fusion: stages={[list(pair) for pair in stages]} must be rising pairs of a "
            f"stage of the video (1 to {of_video}) and one of the pose (1 to {of_pose}), such as "
            "[[2, 1], [3, 2]]"
        )
