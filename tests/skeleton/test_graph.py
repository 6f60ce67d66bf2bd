"""Graphs against tiny independent loops."""

import numpy as np
import pytest
import torch

from har.errors import ConfigError
from har.skeleton.graph import hop_distance, k_hop_adjacency, multi_scale_graph, spatial_graph
from har.skeleton.layout import Layout, list_layouts, load_layout

EVERY_LAYOUT = pytest.mark.parametrize("name", list_layouts())


def reference_spatial_graph(layout: Layout) -> list[list[list[float]]]:
    """Build the three parts entry by entry, from the joint names."""
    joints = layout.joints
    out_degree = {j: sum(a == j for a, _ in layout.edges) for j in joints}
    in_degree = {j: sum(b == j for _, b in layout.edges) for j in joints}
    identity = [[float(row == column) for column in joints] for row in joints]
    inward = [
        [1 / out_degree[column] if (column, row) in layout.edges else 0.0 for column in joints]
        for row in joints
    ]
    outward = [
        [1 / in_degree[column] if (row, column) in layout.edges else 0.0 for column in joints]
        for row in joints
    ]
    return [identity, inward, outward]


@EVERY_LAYOUT
def test_spatial_graph_equals_the_reference_loop(name):
    layout = load_layout(name)
    graph = spatial_graph(layout)
    assert graph.dtype == torch.float32
    assert torch.equal(graph, torch.tensor(reference_spatial_graph(layout)))


@EVERY_LAYOUT
def test_spatial_graph_columns_sum_to_one_or_nothing(name):
    layout = load_layout(name)
    _, inward, outward = spatial_graph(layout).sum(dim=1)
    is_root = torch.arange(layout.num_joints) == layout.index(layout.root)
    torch.testing.assert_close(inward, (~is_root).float())
    has_child = torch.tensor([any(b == j for _, b in layout.edges) for j in layout.joints])
    torch.testing.assert_close(outward, has_child.float())


def test_spatial_graph_entries_of_ntu25():
    layout = load_layout("ntu25")
    _, inward, outward = spatial_graph(layout)
    head, neck, top = (layout.index(j) for j in ("head", "neck", "spine_shoulder"))
    assert inward[neck, head] == 1
    assert inward[head, neck] == 0
    assert outward[head, neck] == 1
    # spine, neck and two shoulders hang on the top of the spine
    assert outward[neck, top] == 0.25


def test_spatial_graph_is_new_at_every_call():
    layout = load_layout("ntu25")
    spatial_graph(layout).zero_()
    assert spatial_graph(layout).any()


@EVERY_LAYOUT
def test_hop_distance_equals_breadth_first_search(name):
    layout = load_layout(name)
    neighbours: dict[str, set[str]] = {joint: set() for joint in layout.joints}
    for a, b in layout.edges:
        neighbours[a].add(b)
        neighbours[b].add(a)
    distance = hop_distance(layout)
    assert distance.dtype == np.int64
    for start in layout.joints:
        seen, ring, hops = {start: 0}, {start}, 0
        while ring:
            hops += 1
            ring = {n for joint in ring for n in neighbours[joint]} - set(seen)
            seen |= dict.fromkeys(ring, hops)
        assert distance[layout.index(start)].tolist() == [seen[j] for j in layout.joints]


def test_k_hop_adjacencies_share_out_all_pairs():
    layout = load_layout("ntu25")
    diameter = hop_distance(layout).max()
    total = sum(k_hop_adjacency(layout, hops) for hops in range(diameter + 1))
    assert (total == 1).all()
    assert not k_hop_adjacency(layout, diameter + 1).any()


def test_multi_scale_graph_equals_the_reference_loop():
    layout = load_layout("coco17")
    graph = multi_scale_graph(layout, 4)
    assert torch.equal(graph[0], torch.eye(17))
    for scale in range(1, 4):
        joined = k_hop_adjacency(layout, scale) + np.eye(17)
        degree = joined.sum(axis=0)
        for a in range(17):
            for b in range(17):
                expected = joined[a, b] / np.sqrt(degree[a] * degree[b])
                assert graph[scale, a, b].item() == pytest.approx(expected, rel=1e-6)


def test_multi_scale_graph_beyond_the_diameter_is_the_identity():
    assert torch.equal(multi_scale_graph(load_layout("coco17"), 13)[12], torch.eye(17))


def test_bad_counts():
    layout = load_layout("coco17")
    with pytest.raises(ConfigError, match="hops is -1; give 0"):
        k_hop_adjacency(layout, -1)
    with pytest.raises(ConfigError, match="scales is 0; give 1 or more"):
        multi_scale_graph(layout, 0)
