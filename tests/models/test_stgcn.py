import pytest
import torch
from gcn_reference import (
    check_parameters,
    check_twins,
    make_twins,
    random_people,
    two_person_macs,
)
from stgcn_reference import reference_stgcn

from har.models.skeleton.stgcn import STGCN, distance_graph
from har.skeleton.layout import load_layout

SIZES = {"base_channels": 8, "blocks": 4, "stages": (3, 4)}


@pytest.mark.parametrize(("name", "channels"), [("ntu25", 3), ("coco17", 2)])
def test_equals_the_plain_reference(name, channels):
    layout = load_layout(name)
    model = STGCN(layout, channels, **SIZES)
    reference = reference_stgcn(distance_graph(layout), channels, 8, 4, (3, 4))
    make_twins(model, reference)
    check_twins(model, reference, random_people(3, 13, layout.num_joints, channels))


@pytest.mark.parametrize("name", ["ntu25", "coco17", "smarthome13"])
def test_weights_that_come_to_a_joint_sum_to_one(name):
    graph = distance_graph(load_layout(name))
    torch.testing.assert_close(graph.sum((0, 1)), torch.ones(graph.shape[1]))


def test_neighbours_are_parted_by_their_distance_to_the_root():
    layout = load_layout("ntu25")
    elbow, shoulder, wrist = map(layout.index, ("left_elbow", "left_shoulder", "left_wrist"))
    itself, farther, nearer = distance_graph(layout)
    assert itself.diagonal().bool().all()
    assert itself.count_nonzero() == layout.num_joints
    assert farther[wrist, elbow] == nearer[shoulder, elbow] == pytest.approx(1 / 3)
    assert farther[shoulder, elbow] == nearer[wrist, elbow] == 0


def test_cost_is_the_published_one():
    model = STGCN(load_layout("ntu25"))
    check_parameters(model, 3.10)
    assert two_person_macs(model, frames=100) == pytest.approx(5.70e9, rel=0.02)
