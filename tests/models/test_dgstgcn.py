import dgstgcn_reference as reference
import pytest
import torch
from models_helper import random_joints
from torch import nn

from har.models.classifier import SkeletonClassifier
from har.models.cost import count_macs, parameter_count
from har.models.fusion.early import EarlyFusion
from har.models.heads import LinearHead
from har.models.skeleton.dgstgcn import DGSTGCN, BodyTemporalModule, DynamicSpatialModule
from har.models.temporal.average import GlobalAverage
from har.skeleton.layout import load_layout

TOLERANCE = 1e-10


def randomised(module: nn.Module, seed: int = 0) -> nn.Module:
    """Return the module in float64 and evaluation, every number of it random."""
    rng = torch.Generator().manual_seed(seed)
    module = module.double().eval()
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point():
            values = torch.rand(tensor.shape, generator=rng, dtype=tensor.dtype)
            tensor.copy_(values + 0.5 if "norm" in name or "merge.2" in name else values - 0.5)
    return module


def random_features(*shape: int) -> torch.Tensor:
    rng = torch.Generator().manual_seed(7)
    return torch.randn(shape, generator=rng, dtype=torch.float64)


@pytest.mark.parametrize("in_channels", [16, 6], ids=["identity", "projected"])
def test_spatial_module_is_the_literal_one(in_channels):
    module = randomised(DynamicSpatialModule(in_channels, 16, joints=7, groups=4, ratio=0.125))
    x = random_features(2, 5, 7, in_channels)
    ours = module(x)
    theirs = reference.spatial(module, x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    torch.testing.assert_close(ours, theirs, atol=TOLERANCE, rtol=TOLERANCE)


@pytest.mark.parametrize("stride", [1, 2])
def test_temporal_module_is_the_literal_one(stride):
    module = randomised(BodyTemporalModule(14, joints=7, stride=stride, dropout=0.0))
    x = random_features(2, 9, 7, 14)
    ours = module(x)
    theirs = reference.temporal(module, x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    torch.testing.assert_close(ours, theirs, atol=TOLERANCE, rtol=TOLERANCE)


def test_graphs_of_the_clip_start_switched_off():
    module = DynamicSpatialModule(6, 16, joints=7, groups=4, ratio=0.125)
    graphs = module.clip_graphs(torch.randn(2, 5, 7, 6))
    assert graphs.shape == (2, 4, 2, 7, 7)
    assert not graphs.any()


def test_body_is_carried_along_only_once_learned():
    module = BodyTemporalModule(14, joints=7, stride=1, dropout=0.0).eval()
    x = torch.randn(1, 9, 7, 14)
    moved = x.clone()
    moved[:, :, 1] += 1
    with torch.no_grad():
        assert torch.allclose(module(x)[:, :, 0], module(moved)[:, :, 0], atol=1e-6)
        module.body_share.fill_(1.0)
        assert not torch.allclose(module(x)[:, :, 0], module(moved)[:, :, 0], atol=1e-3)


def test_bones_do_not_matter():
    first, second = (DGSTGCN(load_layout(n), base_channels=16) for n in ("kinect20", "utd_mhad20"))
    second.load_state_dict(first.state_dict())
    x = torch.randn(1, 8, 20, 3)
    with torch.no_grad():
        assert torch.equal(first.eval()(x), second.eval()(x))


def test_cost_is_the_published_one():
    body = DGSTGCN(load_layout("ntu25"))
    head = LinearHead(body.out_channels, 60)
    pooling = GlobalAverage(body.out_channels)
    classifier = SkeletonClassifier(EarlyFusion({"joint": 3}), body, pooling, head)
    assert parameter_count(classifier) == pytest.approx(1.70e6, rel=0.01)
    streams = {"joint": random_joints(1, people=2, frames=100)}
    everybody = torch.ones(1, 2, dtype=torch.bool)
    assert count_macs(classifier, streams, everybody) == pytest.approx(2.50e9, rel=0.02)
