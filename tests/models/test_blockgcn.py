import blockgcn_reference as reference
import numpy as np
import pytest
import torch
from models_helper import random_joints
from scipy.sparse.csgraph import minimum_spanning_tree

from har.models.classifier import SkeletonClassifier
from har.models.cost import count_macs, parameter_count
from har.models.fusion.early import EarlyFusion
from har.models.heads import LinearHead
from har.models.skeleton.blockgcn import (
    BlockGCN,
    BlockGraphConv,
    TopologyEncoding,
    TopologyShift,
    spanning_tree_lengths,
)
from har.models.temporal.average import GlobalAverage
from har.skeleton.graph import hop_distance
from har.skeleton.layout import load_layout


def small_model(**options) -> BlockGCN:
    sizes = {"base_channels": 16, "blocks": 3, "widening": 2, "stages": (3,)}
    return BlockGCN(load_layout("coco17"), **{**sizes, **options})


@pytest.mark.parametrize("in_channels", [16, 8], ids=["identity", "projected"])
def test_spatial_module_is_the_literal_one(in_channels):
    rng = torch.Generator().manual_seed(3)
    hops = torch.from_numpy(hop_distance(load_layout("coco17")))
    module = BlockGraphConv(in_channels, 16, hops, groups=4).double().eval()
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point():
            values = torch.rand(tensor.shape, generator=rng, dtype=tensor.dtype)
            tensor.copy_(values + 0.5 if "norm" in name else values - 0.5)
    x = torch.randn(3, 5, 17, in_channels, generator=rng, dtype=torch.float64)
    theirs = reference.spatial(module, x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    torch.testing.assert_close(module(x), theirs, atol=1e-10, rtol=1e-10)


def test_bones_count_only_once_learned():
    module = BlockGraphConv(8, 8, torch.from_numpy(hop_distance(load_layout("ntu25"))), groups=2)
    graphs = module.weighted_graphs()
    expected = torch.eye(25).expand_as(graphs) / (1 + 1e-4)
    torch.testing.assert_close(graphs, expected)
    graphs.square().sum().backward()
    assert module.hop_weights.grad.isfinite().all()
    assert module.hop_weights.grad.any()


def test_spanning_trees_are_the_minimum_ones():
    rng = np.random.default_rng(0)
    points = torch.from_numpy(rng.normal(size=(4, 9, 3)))
    distances = torch.cdist(points, points)
    lengths = spanning_tree_lengths(distances)
    for own, matrix in zip(lengths, distances, strict=True):
        expected = torch.from_numpy(minimum_spanning_tree(matrix.numpy()).data)
        torch.testing.assert_close(own.sort().values, expected.sort().values)


def test_topology_is_the_literal_one():
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(3, 6, 17, 3, generator=rng, dtype=torch.float64)
    module = TopologyEncoding(elements=8).double()
    ours = module(x).detach().numpy()
    theirs = np.stack([reference.topology(module, joints) for joints in x.numpy()])
    np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_topology_ignores_place_size_and_rotation():
    x = random_joints(2).flatten(0, 1)
    rotation = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(0))).Q
    module = TopologyEncoding()
    torch.testing.assert_close(module(x), module(3 * x @ rotation + 5), atol=1e-4, rtol=1e-4)


def test_body_at_one_point_has_a_topology():
    assert TopologyEncoding()(torch.zeros(2, 4, 17, 3)).isfinite().all()


def test_topology_of_one_person_does_not_change_anothers():
    model = small_model().double().eval()
    x = random_joints(4, people=1, joints=17)[:, 0].double()
    with torch.no_grad():
        together, alone = model(x), model(x[:1])
    torch.testing.assert_close(together[:1], alone)


def test_one_person_alone_can_be_trained_on():
    shift = TopologyShift(elements=8, channels=4).train()
    alone = shift(torch.randn(1, 8))
    assert alone.shape == (1, 1, 1, 4)
    assert not shift.norm.num_batches_tracked
    small_model().train()(torch.randn(1, 8, 17, 3)).sum().backward()


def test_parameters_are_the_published_ones():
    body = BlockGCN(load_layout("ntu25"))
    head = LinearHead(body.out_channels, 60)
    pooling = GlobalAverage(body.out_channels)
    classifier = SkeletonClassifier(EarlyFusion({"joint": 3}), body, pooling, head)
    assert parameter_count(classifier) == pytest.approx(1.37e6, rel=0.01)
    streams = {"joint": random_joints(1, people=2, frames=64)}
    macs = count_macs(classifier, streams, torch.ones(1, 2, dtype=torch.bool))
    assert macs == pytest.approx(1.99e9, rel=0.01)  # as measured from the authors' code
