import infogcn_reference as reference
import pytest
import torch
from models_helper import random_joints
from torch.nn import functional as F

from har.errors import ConfigError
from har.models.classifier import SkeletonClassifier
from har.models.cost import count_macs, parameter_count
from har.models.fusion.early import EarlyFusion
from har.models.head_bottleneck import BottleneckHead
from har.models.skeleton.infogcn import AttentionSpatialModule, InfoGCN, relative_matrix
from har.models.temporal.average import GlobalAverage
from har.skeleton.layout import list_layouts, load_layout
from har.skeleton.streams import compute_stream


@pytest.mark.parametrize("in_channels", [16, 8], ids=["identity", "projected"])
def test_spatial_module_is_the_literal_one(in_channels):
    rng = torch.Generator().manual_seed(3)
    module = AttentionSpatialModule(in_channels, 16, joints=7, heads=3).double().eval()
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point():
            values = torch.rand(tensor.shape, generator=rng, dtype=tensor.dtype)
            tensor.copy_(values + 0.5 if "norm" in name else values - 0.5)
    x = torch.randn(3, 5, 7, in_channels, generator=rng, dtype=torch.float64)
    torch.testing.assert_close(module(x), reference.spatial(module, x), atol=1e-10, rtol=1e-10)


def test_one_hop_takes_bones():
    layout = load_layout("ntu25")
    joints = torch.randn(1, 1, 4, 25, 3)
    bones = compute_stream("bone", joints, layout)
    root = layout.index(layout.root)
    relative = relative_matrix(layout, 1) @ joints
    keep = torch.arange(25) != root
    torch.testing.assert_close(relative[..., keep, :], bones[..., keep, :])
    assert torch.equal(relative[..., root, :], joints[..., root, :])


@pytest.mark.parametrize("name", list_layouts())
def test_hops_beyond_the_body_leave_the_joints(name):
    layout = load_layout(name)
    identity = torch.eye(layout.num_joints)
    assert torch.equal(relative_matrix(layout, 0), identity)
    assert torch.equal(relative_matrix(layout, layout.num_joints), identity)


def test_negative_hops_are_refused():
    with pytest.raises(ConfigError, match="hops is -1; give 0"):
        relative_matrix(load_layout("ntu25"), -1)


def head_with_features(**options) -> tuple[BottleneckHead, torch.Tensor]:
    torch.manual_seed(0)
    head = BottleneckHead(in_channels=8, num_classes=5, **options)
    return head, torch.randn(6, 8)


def test_bottleneck_is_noisy_in_training_only():
    head, x = head_with_features()
    assert not torch.equal(head(x), head(x))
    head.eval()
    assert torch.equal(head(x), head(x))
    silent, x = head_with_features(noise=0.0)
    assert not torch.equal(silent(x), silent(x))  # noise 0 is a spread of 1, not none


def test_targets_are_orthogonal():
    head, _ = head_with_features(target_gain=3.0)
    torch.testing.assert_close(head.targets @ head.targets.T, 9 * torch.eye(5))


def test_auxiliary_loss_is_the_written_out_one():
    head, x = head_with_features(class_weight=0.1, mean_weight=0.01)
    logits = head(x)
    latent = head._latent
    labels = torch.tensor([0, 3, 3, 0, 2, 3])
    distances = [
        F.mse_loss(latent[labels == label].mean(0), head.targets[label]) for label in (0, 2, 3)
    ]
    expected = 0.1 * sum(distances) / 3 + 0.01 * latent.mean(0).norm()
    loss = head.auxiliary_loss(logits, labels)
    torch.testing.assert_close(loss, expected)
    loss.backward()
    assert head.log_spread.weight.grad.any()
    assert head.encode.weight.grad.any()


def test_auxiliary_loss_takes_probabilities_of_classes():
    head, x = head_with_features()
    labels = torch.tensor([0, 3, 3, 0, 2, 3])
    losses = []
    for targets in (labels, F.one_hot(labels, 5).float()):
        torch.manual_seed(1)
        losses.append(head.auxiliary_loss(head(x), targets))
    torch.testing.assert_close(*losses)


def test_auxiliary_loss_is_used_up():
    head, x = head_with_features()
    labels = torch.zeros(6, dtype=torch.int64)
    logits = head(x)
    assert head.auxiliary_loss(logits, labels) > 0
    assert head.auxiliary_loss(logits, labels) == 0
    head.eval()
    assert head.auxiliary_loss(head(x), labels) == 0


def test_cost_is_the_published_one():
    body = InfoGCN(load_layout("ntu25"))
    pooling = GlobalAverage(body.out_channels)
    head = BottleneckHead(body.out_channels, 60)
    classifier = SkeletonClassifier(EarlyFusion({"joint": 3}), body, pooling, head)
    assert parameter_count(classifier) == pytest.approx(1.56e6, rel=0.01)
    streams = {"joint": random_joints(1, people=2, frames=64)}
    everybody = torch.ones(1, 2, dtype=torch.bool)
    assert count_macs(classifier, streams, everybody) == pytest.approx(1.78e9, rel=0.01)
