import pytest
import torch
from models_helper import random_joints
from torch import Tensor, nn
from torch.nn import functional as F

from har.errors import ConfigError
from har.models.cost import parameter_count
from har.models.skeleton.dstformer import DSTformer
from har.skeleton.layout import load_layout


def dstformer(layout: str = "h36m17", **options) -> DSTformer:
    sizes = {"max_frames": 20, "width": 16, "blocks": 2, "heads": 4, "representation": 12}
    return DSTformer(load_layout(layout), **{**sizes, **options})


@pytest.mark.parametrize(
    ("width", "ratio", "parameters"), [(512, 2.0, 42.5e6), (256, 4.0, 16.0e6)], ids=["full", "lite"]
)
def test_parameters_are_the_published_ones(width, ratio, parameters):
    model = dstformer(
        max_frames=243, width=width, blocks=5, heads=8, feed_forward_ratio=ratio, representation=512
    )
    assert parameter_count(model) == pytest.approx(parameters, rel=0.002)


def plain_layer(layer: nn.Module, x: Tensor, heads: int) -> Tensor:
    """Attend within (rows, L, C) head by head, then feed forward; norms come first."""
    attention = layer.attention
    rows = F.layer_norm(
        x, x.shape[-1:], layer.attention_norm.weight, layer.attention_norm.bias, 1e-6
    )
    query, key, value = (rows @ attention.query_key_value.weight.T).chunk(3, -1)
    seen = []
    for q, k, v in zip(*(part.chunk(heads, -1) for part in (query, key, value)), strict=True):
        scores = q @ k.transpose(1, 2) / q.shape[-1] ** 0.5
        seen.append(scores.softmax(-1) @ v)
    x = x + attention.project(torch.cat(seen, -1))
    return x + layer.feed_forward(layer.feed_forward_norm(x))


def plain_forward(model: DSTformer, joints: Tensor) -> Tensor:
    """Run the model as the paper writes it: rows of joints, then rows of frames."""
    people, frames, count, _ = joints.shape

    def space(layer: nn.Module, x: Tensor) -> Tensor:
        return plain_layer(layer, x.flatten(0, 1), 4).view(x.shape)

    def time(layer: nn.Module, x: Tensor) -> Tensor:
        rows = x.permute(0, 2, 1, 3).reshape(people * count, frames, -1)
        return plain_layer(layer, rows, 4).view(people, count, frames, -1).permute(0, 2, 1, 3)

    x = model.embed(joints) + model.joint_positions[None, None]
    x = x + model.frame_positions[:frames].view(1, frames, 1, -1)
    for block in model.blocks:
        one = time(block.space_first["time"], space(block.space_first["space"], x))
        other = space(block.time_first["space"], time(block.time_first["time"], x))
        share = block.weigh(torch.cat([one, other], -1)).softmax(-1)
        x = one * share[..., 0:1] + other * share[..., 1:2]
    return model.represent(model.norm(x)).tanh()


@pytest.mark.parametrize("frames", [20, 7])
def test_features_equal_the_plain_network(frames):
    rng = torch.Generator().manual_seed(0)
    model = dstformer().double().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "query_key_value.bias" not in name:
                parameter.copy_(torch.randn(parameter.shape, generator=rng) * 0.3)
    joints = random_joints(1, people=3, frames=frames, joints=17)[0].double()
    features = model(joints)
    assert features.shape == (3, frames, 17, model.out_channels)
    torch.testing.assert_close(features, plain_forward(model, joints), atol=1e-9, rtol=1e-9)


def test_both_streams_weigh_the_same_at_first():
    model = dstformer()
    tokens = torch.randn(2, 3, 17, 32)
    assert model.blocks[0].weigh(tokens).softmax(-1).unique().tolist() == [0.5]


def test_more_frames_than_positions_are_refused():
    with pytest.raises(ConfigError, match=r"positions for 20 frames and got 21.*max_frames"):
        dstformer()(torch.zeros(1, 21, 17, 3))
