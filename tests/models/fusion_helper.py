"""Small classifiers of poses and video, for every strategy of fusion."""

import torch
from torch import nn

from har.models.branches import PoseBranch, VideoBranch
from har.models.fusion.base import FrameFusion
from har.models.fusion.bilinear import BilinearFusion
from har.models.fusion.cross_attention import CrossAttentionFusion
from har.models.fusion.early import EarlyFusion
from har.models.fusion.embedding import EmbeddingFusion
from har.models.fusion.gated import GatedFusion
from har.models.fusion.late import LateFusion
from har.models.fusion.lateral import LateralFusion
from har.models.fusion.pivit import PoseInduction
from har.models.fusion.vpn import PoseDrivenAttention
from har.models.heads import LinearHead
from har.models.multimodal import FusedClassifier
from har.models.skeleton.posec3d import PoseC3D
from har.models.skeleton.recurrent import Recurrent
from har.models.skeleton.stgcnpp import STGCNPP
from har.models.temporal.average import GlobalAverage
from har.models.video.image_models import ImageModel
from har.models.video.pytorchvideo_models import PyTorchVideo
from har.skeleton.layout import load_layout

LAYOUT = load_layout("coco17")
CLASSES, FRAMES, SIZE = 5, 8, 32


class TinyConv(nn.Module):
    """Two convolutions, in place of a large video network."""

    mean, std = (0.45, 0.45, 0.45), (0.225, 0.225, 0.225)
    out_channels = 12

    def __init__(self):
        super().__init__()
        self.first = nn.Conv3d(3, 8, 3, stride=(1, 4, 4), padding=1)
        self.norm = nn.BatchNorm3d(8)
        self.second = nn.Conv3d(8, 12, 3, stride=2, padding=1)

    def forward(self, x):
        out = self.second(torch.relu(self.norm(self.first(x))))
        return out.flatten(3).permute(0, 2, 3, 1)


def pose_backbone(name):
    if name == "stgcnpp":
        return STGCNPP(LAYOUT, 3, base_channels=8, blocks=2, stages=[2])
    if name == "gru":
        return Recurrent(LAYOUT, 3, "gru", width=8, layers=1)
    return PoseC3D(LAYOUT, 3, size=16, base_channels=4, stage_blocks=(1, 1, 1))


def video_backbone(name):
    if name == "conv":
        return TinyConv()
    if name == "x3d_xs":
        return PyTorchVideo("x3d_xs")
    return ImageModel({"vit": "test_vit", "resnet": "test_resnet"}[name])


def _frames(make):
    return lambda channels, backbones: FrameFusion(make(channels))


STRATEGIES = {
    "early": (_frames(EarlyFusion), ("stgcnpp", "conv")),
    "embedding": (_frames(EmbeddingFusion), ("gru", "resnet")),
    "gated": (_frames(GatedFusion), ("stgcnpp", "conv")),
    "bilinear": (_frames(lambda c: BilinearFusion(c, 16, 8)), ("posec3d", "conv")),
    "late": (lambda c, b: LateFusion(c), ("stgcnpp", "x3d_xs")),
    "late_tuned": (lambda c, b: LateFusion(c, method="tuned"), ("gru", "conv")),
    "late_learned": (lambda c, b: LateFusion(c, method="learned"), ("stgcnpp", "conv")),
    "cross_attention": (lambda c, b: CrossAttentionFusion(c, 16, 2), ("stgcnpp", "resnet")),
    "lateral": (LateralFusion, ("posec3d", "x3d_xs")),
    "vpn": (lambda c, b: PoseDrivenAttention(c, 16, 3, 8), ("stgcnpp", "conv")),
    "pivit": (lambda c, b: PoseInduction(c, b, LAYOUT), ("stgcnpp", "vit")),
}
"""How each is made, and backbones that it is tried with."""


def make_classifier(name, pair=None):
    make, usual = STRATEGIES[name]
    pose_name, video_name = pair or usual
    torch.manual_seed(0)
    backbones = {"pose": pose_backbone(pose_name), "video": video_backbone(video_name)}
    pose = PoseBranch(EarlyFusion({"joint": 3}), backbones["pose"])
    video = VideoBranch(backbones["video"])
    fusion = make({"pose": pose.out_channels, "video": video.out_channels}, backbones)
    temporal = {name: GlobalAverage(width) for name, width in fusion.readouts.items()}
    head = {
        name: LinearHead(width, CLASSES, init_std=0.1) for name, width in fusion.readouts.items()
    }
    model = FusedClassifier(pose, video, fusion, temporal, head)
    if name == "lateral":  # its connections begin at zero
        for layer in (*fusion.to_pose.values(), *fusion.to_video.values()):
            nn.init.normal_(layer.weight, std=0.1)
    return model


def make_inputs(clips=3, people=2, frames=FRAMES, size=SIZE, seed=0):
    """Return what a classifier takes; the first clip has both people, the others one."""
    rng = torch.Generator().manual_seed(seed)
    mask = torch.ones(clips, people, dtype=torch.bool)
    mask[1:, 1:] = False
    shape = (clips, people, frames, LAYOUT.num_joints)
    joints = torch.randn(*shape, 3, generator=rng) * mask[:, :, None, None, None]
    points = torch.rand(*shape, 2, generator=rng) * mask[:, :, None, None, None]
    pixels = torch.randint(0, 256, (clips, frames, size, size, 3), generator=rng)
    present = torch.ones(clips, 2, dtype=torch.bool)
    return {
        "streams": {"joint": joints},
        "person_mask": mask,
        "frames": pixels.to(torch.uint8),
        "present": present,
        "points": points,
    }
