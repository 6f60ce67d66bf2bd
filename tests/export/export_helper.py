"""Small classifiers with weights that matter, and clips with absent people and unseen joints."""

import torch
from torch import Tensor, nn

from har.data.transforms import AlignVertical, Center, Compose, Transform
from har.export.graph import Recipe, prepare
from har.models.classifier import SkeletonClassifier
from har.models.fusion.early import EarlyFusion
from har.models.heads import LinearHead
from har.models.temporal.average import GlobalAverage
from har.skeleton.layout import load_layout
from har.skeleton.streams import compute_stream

LAYOUT = "ntu25"
JOINTS, CLASSES = 25, 5
NORMALISE = Compose((Center("spine_mid"), AlignVertical()))


def recipe(streams: tuple[str, ...] = ("joint",), normalise: Transform = NORMALISE) -> Recipe:
    return Recipe(normalise, load_layout(LAYOUT), streams)


def classifier(
    backbone: type[nn.Module], streams: tuple[str, ...] = ("joint",), **options: object
) -> SkeletonClassifier:
    """Return a classifier in evaluation, every number moved off its start."""
    torch.manual_seed(0)
    fusion = EarlyFusion(dict.fromkeys(streams, 3))
    body = backbone(load_layout(LAYOUT), fusion.out_channels, **options)
    rng = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in body.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=rng))
        for module in body.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.momentum = 1.0
        body.train()(torch.randn(4, 16, JOINTS, fusion.out_channels, generator=rng))
    head = LinearHead(body.out_channels, CLASSES, init_std=0.1)
    return SkeletonClassifier(fusion, body, GlobalAverage(body.out_channels), head).eval()


def clips(
    count: int = 2, people: int = 2, frames: int = 12, seed: int = 0, hidden: float = 0.1
) -> tuple[Tensor, Tensor]:
    """Return poses (N, M, T, V, 3) and confidence; the last clip lacks its last person."""
    rng = torch.Generator().manual_seed(seed)
    walk = torch.randn(count, people, frames, JOINTS, 3, generator=rng).cumsum(2) / 10
    poses = walk + torch.randn(count, people, 1, JOINTS, 3, generator=rng)
    confidence = (torch.rand(poses.shape[:-1], generator=rng) > hidden).float()
    confidence[:, :, 0] = 1
    if people > 1:
        confidence[-1, -1] = 0
    return poses, confidence


def expected(model: nn.Module, of: Recipe, poses: Tensor, confidence: Tensor) -> Tensor:
    """Return probabilities by the path of training and testing."""
    batch = prepare(poses, confidence, of)
    streams = {
        name: compute_stream(name, batch.joints, of.model_layout, batch.confidence)
        for name in of.streams
    }
    with torch.no_grad():
        return model(streams, batch.person_mask).softmax(1)
