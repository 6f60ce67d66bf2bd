"""Small classifiers and inputs for the tests of the models."""

import torch
from torch import Tensor

from har.models.classifier import SkeletonClassifier
from har.models.fusion.early import EarlyFusion
from har.models.heads import LinearHead
from har.models.skeleton.stgcnpp import STGCNPP
from har.models.temporal.average import GlobalAverage
from har.skeleton.layout import load_layout


def stgcnpp(
    layout: str = "ntu25",
    num_classes: int = 60,
    streams: tuple[str, ...] = ("joint",),
    skip_absent_people: bool = True,
    **backbone: object,
) -> SkeletonClassifier:
    """Return a classifier as the configurations assemble it; the full ST-GCN++ by default."""
    fusion = EarlyFusion(dict.fromkeys(streams, 3))
    body = STGCNPP(load_layout(layout), fusion.out_channels, **backbone)
    pooling = GlobalAverage(body.out_channels)
    head = LinearHead(pooling.out_channels, num_classes)
    return SkeletonClassifier(fusion, body, pooling, head, skip_absent_people)


def small_stgcnpp(**options: object) -> SkeletonClassifier:
    """Return a few narrow blocks, with one change of width and stride."""
    sizes = {"base_channels": 12, "blocks": 3, "stages": (3,)}
    return stgcnpp(num_classes=5, **{**sizes, **options})


def random_joints(
    clips: int, people: int = 2, frames: int = 12, joints: int = 25, seed: int = 0
) -> Tensor:
    """Return (N, M, T, V, 3) joints."""
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(clips, people, frames, joints, 3, generator=rng)
