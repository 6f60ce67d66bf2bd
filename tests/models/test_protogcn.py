import pytest
import torch
from models_helper import random_joints
from torch.nn import functional as F

from har.models.classifier import SkeletonClassifier
from har.models.cost import count_macs, parameter_count
from har.models.fusion.early import EarlyFusion
from har.models.head_prototype import PrototypeHead
from har.models.skeleton.dgstgcn import DGSTGCN
from har.models.skeleton.protogcn import ProtoGCN
from har.models.temporal.average import GlobalAverage
from har.skeleton.layout import load_layout

SIZES = {"base_channels": 24, "blocks": 3, "stages": (3,)}


def small_model() -> ProtoGCN:
    torch.manual_seed(0)
    return ProtoGCN(load_layout("coco17"), **SIZES)


def small_head(**options) -> PrototypeHead:
    torch.manual_seed(0)
    sizes = {"prototypes": 10, "embedding": 6, "prototype_dropout": 0.0}
    return PrototypeHead(8, 5, load_layout("coco17"), **{**sizes, **options}).double()


def random_graphs(clips: int, channels: int = 8) -> torch.Tensor:
    rng = torch.Generator().manual_seed(4)
    return torch.randn(clips, channels, 17, 17, generator=rng, dtype=torch.float64)


def test_network_is_dgstgcn():
    model, twin = small_model(), DGSTGCN(load_layout("coco17"), **SIZES)
    twin.load_state_dict(model.state_dict())
    x = random_joints(2, people=1, joints=17)[:, 0]
    assert torch.equal(model.train()(x), twin.train()(x))


def test_graphs_of_the_last_block_are_there_once_and_only_in_training():
    model = small_model()
    x = random_joints(2, people=1, joints=17)[:, 0]
    assert model.take_side_features() is None
    model.train()(x)
    graphs = model.take_side_features()
    assert graphs.shape == (2, model.out_channels, 17, 17)
    assert graphs.requires_grad
    assert model.take_side_features() is None
    model.eval()(x)
    assert model.take_side_features() is None


def test_reconstruction_is_the_literal_one():
    module, graphs = small_head().reconstruct.train(), random_graphs(3)
    images = []
    for clip in graphs:
        pairs = clip.reshape(8, -1).T
        assigned = (pairs @ module.assign.weight.T).softmax(dim=1)
        images.append((assigned @ module.prototypes.weight.T).T.reshape(8, 17, 17))
    mixed = F.conv2d(torch.stack(images), module.mix.weight[:, :, None, None], module.mix.bias)
    normed = F.batch_norm(mixed, None, None, module.norm.weight, module.norm.bias, training=True)
    expected = F.relu(normed).mean(dim=1).reshape(3, -1)
    torch.testing.assert_close(module(graphs), expected, atol=1e-10, rtol=1e-10)


def test_auxiliary_loss_is_the_written_out_one():
    head, graphs = small_head(weight=0.2, temperature=0.125, momentum=0.9), random_graphs(4)
    labels = torch.tensor([1, 1, 3, 1])
    logits = F.one_hot(torch.tensor([1, 1, 3, 2]), 5).double()  # the last clip is mistaken
    embedded = head.embed(head.reconstruct(graphs))
    memory = head.memory.clone()
    memory[1] = 0.9 * memory[1] + 0.1 * embedded[:2].mean(0)
    memory[3] = 0.9 * memory[3] + 0.1 * embedded[2]
    cosine = F.cosine_similarity(embedded[:, None], memory[None], dim=2)
    expected = 0.2 * F.cross_entropy(cosine / 0.125, labels)
    loss = head.auxiliary_loss(logits, labels, graphs)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(head.memory, memory.detach())


def test_auxiliary_loss_takes_probabilities_of_classes():
    labels, logits = torch.tensor([1, 1, 3, 1]), torch.eye(5)[[1, 1, 3, 2]]
    by_class, by_share = (
        small_head().auxiliary_loss(logits, targets, random_graphs(4))
        for targets in (labels, F.one_hot(labels, 5).double())
    )
    torch.testing.assert_close(by_class, by_share)


def test_auxiliary_loss_reaches_the_backbone():
    model, layout = small_model(), load_layout("coco17")
    head = PrototypeHead(model.out_channels, 5, layout, prototypes=10, embedding=6)
    for block in model.blocks:
        torch.nn.init.constant_(block.spatial.channel_scale, 0.1)
    features = model(random_joints(4, people=1, joints=17)[:, 0])
    logits = head(features.mean((1, 2)))
    labels = torch.tensor([0, 1, 2, 1])
    head.auxiliary_loss(logits, labels, model.take_side_features()).backward()
    assert all(p.grad is not None for p in head.reconstruct.parameters())
    assert model.blocks[0].spatial.adjacency.grad.any()
    assert head.classify.linear.weight.grad is None


def test_no_graphs_no_auxiliary_loss():
    assert small_head().auxiliary_loss(torch.zeros(2, 5), torch.tensor([0, 1])) == 0


def test_cost_is_the_published_one():
    layout = load_layout("ntu25")
    body = ProtoGCN(layout)
    pooling = GlobalAverage(body.out_channels)
    head = PrototypeHead(body.out_channels, 60, layout, prototypes=400)
    classifier = SkeletonClassifier(EarlyFusion({"joint": 3}), body, pooling, head)
    of_the_loss = parameter_count(head.embed)
    assert parameter_count(classifier) - of_the_loss == pytest.approx(4.19e6, rel=0.01)


@pytest.mark.slow
def test_multiply_accumulates_are_the_published_ones_less_what_the_prediction_does_without():
    layout = load_layout("ntu25")
    body = ProtoGCN(layout)
    pooling = GlobalAverage(body.out_channels)
    head = PrototypeHead(body.out_channels, 60, layout, prototypes=400)
    classifier = SkeletonClassifier(EarlyFusion({"joint": 3}), body, pooling, head)
    streams = {"joint": random_joints(1, people=2, frames=100)}
    macs = count_macs(classifier, streams, torch.ones(1, 2, dtype=torch.bool))
    assert macs + _prototypes(head) + _graphs_of_all_frames(body) == pytest.approx(7.70e9, rel=0.02)


def _prototypes(head: PrototypeHead) -> int:
    """Return what the reconstruction of a clip costs, in training only."""
    layers = (head.reconstruct.assign, head.reconstruct.prototypes, head.reconstruct.mix)
    return 25**2 * sum(layer.weight.numel() for layer in layers)


def _graphs_of_all_frames(body: ProtoGCN) -> int:
    """Return what is saved by averaging over frames before the graphs' 1x1 convolutions."""
    frames, total = 100, 0
    for block in body.blocks:
        weights = block.spatial.senders.weight.numel() + block.spatial.receivers.weight.numel()
        total += 2 * 25 * (frames - 1) * weights
        frames //= block.temporal.branches.stride
    return total
