import pytest
import torch
from torch import nn

from har.models.skeleton.stgcnpp import TemporalModule
from har.models.temporal_modules import (
    MultiScaleTemporal,
    UnitTemporalConv,
    equal_widths,
    temporal_max_pool,
)


@pytest.mark.parametrize("stride", [1, 2])
def test_merging_is_the_module_of_stgcnpp(stride):
    theirs = TemporalModule(20, stride, dropout=0.0)
    ours = MultiScaleTemporal(20, 20, 3, stride, (1, 2, 3, 4), merge=True)
    opened = ours.branches.open.out_features
    pairs = [
        (ours.branches.open_norm, theirs.reduce_norm),
        (ours.branches.convolutions, theirs.convolutions),
        (ours.norm, theirs.merge_norm),
        (ours.merge[1], theirs.merge),
        (ours.merge[2], theirs.norm),
    ]
    with torch.no_grad():
        for name in ("weight", "bias"):
            value = getattr(theirs.reduce, name)
            getattr(ours.branches.open, name).copy_(value[:opened])
            getattr(ours.branches.pointwise.conv, name).copy_(value[opened:])
    for own, other in pairs:
        own.load_state_dict(other.state_dict())
    x = torch.randn(3, 11, 5, 20)
    torch.testing.assert_close(ours(x), theirs(x), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("max_pool", "pointwise"), [(True, False), (False, True), (False, False)])
@pytest.mark.parametrize("stride", [1, 2])
def test_branches_can_be_left_out(max_pool, pointwise, stride):
    module = MultiScaleTemporal(
        6, 10, stride=stride, residual=True, max_pool=max_pool, pointwise=pointwise
    )
    assert module(torch.randn(2, 7, 3, 6)).shape == (2, -(-7 // stride), 3, 10)


def test_widths_may_differ_when_branches_merge():
    module = MultiScaleTemporal(6, 10, widths=(5, 4, 3, 2), merge=True)
    assert module(torch.randn(2, 7, 3, 6)).shape == (2, 7, 3, 10)


def test_the_first_branch_takes_the_remainder():
    assert equal_widths(64, 6) == (14, 10, 10, 10, 10, 10)


@pytest.mark.parametrize("stride", [1, 2])
def test_max_pool_takes_three_frames(stride):
    x = torch.rand(2, 8, 3, 4)
    expected = [x[:, max(t - 1, 0) : t + 2].amax(1) for t in range(0, 8, stride)]
    torch.testing.assert_close(temporal_max_pool(x, stride), torch.stack(expected, 1))


@pytest.mark.parametrize("kernel_size", [1, 9])
def test_unit_convolution_with_and_without_norm_and_relu(kernel_size):
    x = torch.randn(2, 9, 3, 4)
    bare = UnitTemporalConv(4, 5, kernel_size, stride=2, norm=False)
    full = UnitTemporalConv(4, 5, kernel_size, stride=2, act=True)
    full.conv.load_state_dict(bare.conv.state_dict())
    assert isinstance(bare.norm, nn.Identity)
    torch.testing.assert_close(full(x), torch.relu(full.norm(bare(x))))
    assert full(x).shape == (2, 5, 3, 5)
