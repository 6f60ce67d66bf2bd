import pytest
import torch
from gcn_reference import (
    check_parameters,
    check_twins,
    make_twins,
    random_people,
    two_person_macs,
)
from msg3d_reference import reference_graph, reference_msg3d

from har.errors import ConfigError
from har.models.skeleton.msg3d import MSG3D, window_graph
from har.skeleton.graph import multi_scale_graph
from har.skeleton.layout import load_layout


@pytest.mark.parametrize(("name", "channels"), [("ntu25", 3), ("smarthome13", 2)])
def test_equals_the_plain_reference(name, channels):
    layout = load_layout(name)
    model = MSG3D(layout, channels, base_channels=12, graph_scales=4, window_scales=3)
    reference = reference_msg3d(layout, channels, 12, (4, 3))
    make_twins(model, reference)
    check_twins(model, reference, random_people(2, 13, layout.num_joints, channels))


@pytest.mark.parametrize("window", [3, 5])
def test_window_graph_is_that_of_the_powers_of_the_tiled_adjacency(window):
    layout = load_layout("ntu25")
    by_joint = torch.arange(window * 25).view(window, 25).T.flatten()
    expected = reference_graph(layout, 6, window)[:, by_joint[:, None], by_joint]
    torch.testing.assert_close(window_graph(layout, 6, window), expected)


def test_window_of_one_frame_is_the_multi_scale_graph():
    layout = load_layout("kinect20")
    torch.testing.assert_close(window_graph(layout, 13, 1), multi_scale_graph(layout, 13))


@pytest.mark.parametrize(("scales", "window"), [(0, 3), (2, 4)])
def test_sizes_that_make_no_graph(scales, window):
    with pytest.raises(ConfigError, match=f"scales is {scales}, window is {window}; give 1 or"):
        window_graph(load_layout("ntu25"), scales, window)


def test_cost_is_the_published_one():
    model = MSG3D(load_layout("ntu25"))
    check_parameters(model, 3.20)
    assert two_person_macs(model, frames=100) == pytest.approx(10.9e9, rel=0.02)
