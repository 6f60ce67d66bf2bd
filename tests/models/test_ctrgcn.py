import pytest
import torch
from ctrgcn_reference import reference_ctrgcn
from gcn_reference import (
    check_parameters,
    check_twins,
    make_twins,
    random_people,
    two_person_macs,
)

from har.models.skeleton.ctrgcn import CTRGCN
from har.models.temporal_modules import FoldingTemporalConv
from har.skeleton.graph import spatial_graph
from har.skeleton.layout import load_layout


@pytest.mark.parametrize(("name", "channels"), [("ntu25", 3), ("coco17", 2)])
def test_equals_the_plain_reference(name, channels):
    layout = load_layout(name)
    model = CTRGCN(layout, channels, base_channels=16, blocks=4, stages=(3, 4))
    reference = reference_ctrgcn(spatial_graph(layout), channels, 16, 4, (3, 4))
    make_twins(model, reference)
    check_twins(model, reference, random_people(3, 13, layout.num_joints, channels))


def test_the_refinement_starts_at_zero_and_the_graph_convolution_almost():
    spatial = CTRGCN(load_layout("coco17"), blocks=2).blocks[1].spatial
    graphs = spatial.refined_graph(torch.randn(2, 17, 64))
    expected = spatial_graph(load_layout("coco17")).transpose(0, 1).expand(2, 64, -1, -1, -1)
    torch.testing.assert_close(graphs, expected)
    assert spatial.norm.weight.eq(1e-6).all()


@pytest.mark.parametrize(("frames", "macs"), [(100, 2.97e9), (64, 1.94e9)])
def test_cost_is_the_published_one_less_what_the_early_mean_saves(frames, macs):
    layout = load_layout("ntu25")
    model = CTRGCN(layout)
    check_parameters(model, 1.45)
    plain = reference_ctrgcn(spatial_graph(layout), 3, 64, 10, (5, 8)).requires_grad_(False)
    plain.out_channels = model.out_channels
    assert two_person_macs(plain, frames) == pytest.approx(macs, rel=0.02)
    assert two_person_macs(model, frames) < 0.93 * macs


def test_one_person_alone_gets_the_same():
    model = CTRGCN(load_layout("coco17"), base_channels=16, blocks=3, stages=(3,)).double().eval()
    people = random_people(2, 9, 17, 3)
    torch.testing.assert_close(model(people[:1]), model(people)[:1])


@pytest.mark.parametrize("stride", [1, 2])
def test_joints_folded_into_people_convolve_alike(stride):
    conv = FoldingTemporalConv(4, 6, kernel_size=5, stride=stride, dilation=2)
    x = torch.randn(3, 11, 7, 4)
    folded = conv(x.transpose(1, 2).reshape(21, 11, 1, 4)).view(3, 7, -1, 6).transpose(1, 2)
    torch.testing.assert_close(folded, conv(x))
