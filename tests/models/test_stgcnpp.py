import pytest
import torch
from models_helper import random_joints, stgcnpp
from stgcnpp_reference import ReferenceSTGCNPP, pairs
from torch import nn

from har.models.cost import count_macs, parameter_count
from har.models.skeleton.stgcnpp import STGCNPP
from har.skeleton.layout import load_layout

TOLERANCE = 1e-10


@pytest.fixture(params=[("ntu25", 3), ("coco17", 2)], ids=["ntu25-3D", "coco17-2D"])
def twins(request) -> tuple[STGCNPP, ReferenceSTGCNPP, torch.Tensor]:
    """Return the model and its reference in float64, every weight random, and an input."""
    name, channels = request.param
    layout = load_layout(name)
    rng = torch.Generator().manual_seed(1)
    model = STGCNPP(layout, channels, base_channels=14, blocks=6, stages=(3, 5)).double()
    with torch.no_grad():
        for norm in (m for m in model.modules() if isinstance(m, nn.BatchNorm2d)):
            for tensor in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
                tensor.copy_(torch.rand(tensor.shape, generator=rng, dtype=tensor.dtype) + 0.5)
    reference = ReferenceSTGCNPP(model, layout.num_joints).double()
    with torch.no_grad():
        for own, rows, twin in pairs(model, reference):
            twin.copy_(own[rows].reshape(twin.shape))
    shape = (3, 13, layout.num_joints, channels)
    return model, reference, torch.randn(shape, generator=rng, dtype=torch.float64)


def test_the_reference_shares_every_number(twins):
    model, reference, _ = twins
    shared = {id(own) for own, _, _ in pairs(model, reference)}
    assert {id(p) for p in model.parameters()} <= shared
    assert sum(p.numel() for p in model.parameters()) == sum(
        p.numel() for p in reference.parameters()
    )


def test_outputs_in_evaluation(twins):
    model, reference, x = twins
    with torch.no_grad():
        ours, theirs = model.eval()(x), reference.eval()(x)
    assert ours.shape == theirs.shape == (3, 4, x.shape[2], model.out_channels)
    torch.testing.assert_close(ours, theirs, atol=TOLERANCE, rtol=TOLERANCE)


def test_outputs_gradients_and_statistics_in_training(twins):
    model, reference, x = twins
    ours, theirs = model.train()(x), reference.train()(x)
    torch.testing.assert_close(ours, theirs, atol=TOLERANCE, rtol=TOLERANCE)
    direction = torch.randn(ours.shape, generator=torch.Generator().manual_seed(2), dtype=x.dtype)
    (ours * direction).sum().backward()
    (theirs * direction).sum().backward()
    for own, rows, twin in pairs(model, reference):
        torch.testing.assert_close(
            own.detach()[rows].reshape(twin.shape), twin.detach(), atol=TOLERANCE, rtol=TOLERANCE
        )
        if twin.requires_grad:
            gradient = own.grad[rows].reshape(twin.shape)
            torch.testing.assert_close(gradient, twin.grad, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize(
    ("layout", "joints", "parameters", "macs"),
    [("ntu25", 25, 1.40e6, 2.93e9), ("coco17", 17, 1.39e6, 1.93e9)],
)
def test_cost_is_the_published_one(layout, joints, parameters, macs):
    classifier = stgcnpp(layout, num_classes=60)
    streams = {"joint": random_joints(1, people=2, frames=100, joints=joints)}
    assert parameter_count(classifier) == pytest.approx(parameters, abs=0.01e6)
    everybody = torch.ones(1, 2, dtype=torch.bool)
    assert count_macs(classifier, streams, everybody) == pytest.approx(macs, rel=0.02)


def test_skipped_people_cost_nothing():
    classifier = stgcnpp(base_channels=12, blocks=2)
    streams = {"joint": random_joints(1, people=2, frames=8)}
    one, two = (
        count_macs(classifier, streams, torch.tensor([[True, second]])) for second in (False, True)
    )
    head = classifier.head.linear.weight.numel()
    assert two - head == 2 * (one - head)
    assert classifier.training


def test_frozen_parameters_do_not_count():
    classifier = stgcnpp(base_channels=12, blocks=2)
    total = parameter_count(classifier)
    frozen = classifier.head.linear.weight.requires_grad_(False)
    assert parameter_count(classifier) == total - frozen.numel()
