import hdgcn_reference as reference
import pytest
import torch
from models_helper import random_joints

from har.errors import ConfigError, LayoutError
from har.models.classifier import SkeletonClassifier
from har.models.cost import count_macs, parameter_count
from har.models.fusion.early import EarlyFusion
from har.models.heads import LinearHead
from har.models.skeleton.hdgcn import (
    CENTERS,
    HDGCN,
    HierarchicalModule,
    hierarchy_graph,
    hierarchy_levels,
)
from har.models.temporal.average import GlobalAverage
from har.skeleton.layout import Layout, list_layouts, load_layout

PUBLISHED_LEVELS = {  # joints of Kinect v2, counted from 1 as the dataset does
    "belly": "2; 1 21; 3 5 9 13 17; 4 6 10 14 18; 7 11 15 19; 8 12 16 20; 22 23 24 25",
    "chest": "21; 2 3 5 9; 1 4 6 10; 7 11 13 17; 8 12 14 18; 15 19 22 23 24 25; 16 20",
    "hip": "1; 2 13 17; 14 18 21; 3 5 9 15 19; 4 6 10 16 20; 7 11; 8 12 22 23 24 25",
}


@pytest.mark.parametrize("center", PUBLISHED_LEVELS)
def test_levels_of_kinect_are_the_published_ones(center):
    levels = hierarchy_levels(load_layout("ntu25"), center)
    written = "; ".join(" ".join(str(joint + 1) for joint in level) for level in levels)
    assert written == PUBLISHED_LEVELS[center]


@pytest.mark.parametrize("center", CENTERS)
@pytest.mark.parametrize("name", list_layouts())
def test_every_joint_is_in_one_level(name, center):
    layout = load_layout(name)
    levels = hierarchy_levels(layout, center)
    assert sorted(joint for level in levels for joint in level) == list(range(layout.num_joints))
    assert all(len(level) for level in levels)
    assert 2 <= len(levels) <= 7


def test_graph_joins_neighbouring_levels_completely():
    levels = hierarchy_levels(load_layout("ntu25"), "chest")
    graph = hierarchy_graph(levels)
    inner, outer = levels[1], levels[2]
    assert graph.shape == (6, 3, 25, 25)
    assert torch.equal(
        graph[1, 0].diagonal().nonzero()[:, 0], torch.tensor(sorted([*inner, *outer]))
    )
    assert (graph[1, 1][outer][:, inner] == 1 / len(outer)).all()
    assert (graph[1, 2][inner][:, outer] == 1 / len(inner)).all()
    torch.testing.assert_close(graph[1].sum(), torch.tensor(2.0 * (len(inner) + len(outer))))


@pytest.mark.parametrize(
    ("in_channels", "attention"), [(16, True), (6, False)], ids=["attention", "first-block"]
)
def test_spatial_module_is_the_literal_one(in_channels, attention):
    levels = hierarchy_levels(load_layout("coco17"), "hip")
    rng = torch.Generator().manual_seed(3)
    module = HierarchicalModule(in_channels, 16, levels, attention).double().eval()
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point():
            values = torch.rand(tensor.shape, generator=rng, dtype=tensor.dtype)
            tensor.copy_(values + 0.5 if "norm" in name else values - 0.5)
    x = torch.randn(3, 5, 17, in_channels, generator=rng, dtype=torch.float64)
    theirs = reference.spatial(module, levels, x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    torch.testing.assert_close(module(x), theirs, atol=1e-10, rtol=1e-10)


def test_unknown_center_is_refused():
    with pytest.raises(
        ConfigError, match=r"center is 'chst'; give one of belly, chest, hip.*chest"
    ):
        hierarchy_levels(load_layout("ntu25"), "chst")


def test_one_level_is_refused():
    with pytest.raises(ConfigError, match="levels is 1; give 2 or more"):
        hierarchy_levels(load_layout("ntu25"), "hip", levels=1)


def test_layout_that_is_all_centre_is_refused():
    layout = Layout("hips", ("left_hip", "right_hip"), (("left_hip", "right_hip"),), "right_hip")
    with pytest.raises(LayoutError, match="'hips' has no joint away from the hip"):
        hierarchy_levels(layout, "hip")


def test_layout_without_the_landmark_starts_at_its_root():
    joints = ("elbow", "wrist", "tip")
    layout = Layout("arm", joints, (("wrist", "elbow"), ("tip", "wrist")), "elbow")
    assert [level.tolist() for level in hierarchy_levels(layout, "hip")] == [[0], [1], [2]]


@pytest.mark.slow
def test_cost_is_the_published_one():
    body = HDGCN(load_layout("ntu25"))
    head = LinearHead(body.out_channels, 60)
    pooling = GlobalAverage(body.out_channels)
    classifier = SkeletonClassifier(EarlyFusion({"joint": 3}), body, pooling, head)
    assert parameter_count(classifier) == pytest.approx(1.66e6, rel=0.01)
    streams = {"joint": random_joints(1, people=2, frames=64)}
    everybody = torch.ones(1, 2, dtype=torch.bool)
    saved = 0.043e9  # the edge convolutions project each node once, not once for each edge
    macs = count_macs(classifier, streams, everybody)
    assert macs + saved == pytest.approx(1.82e9, rel=0.01)
