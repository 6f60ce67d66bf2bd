import pytest
import torch
from models_helper import random_joints
from torch import nn

from har.errors import ConfigError
from har.models.cost import parameter_count
from har.models.head_mlp import MLPHead
from har.models.skeleton.act import AcT
from har.skeleton.layout import load_layout

VARIANTS = {"micro": (1, 4, 256), "small": (2, 5, 256), "base": (3, 6, 256), "large": (4, 6, 512)}
PUBLISHED = {"micro": 227e3, "small": 1040e3, "base": 2740e3, "large": 4902e3}


@pytest.mark.parametrize("variant", VARIANTS)
def test_parameters_are_the_published_ones(variant):
    heads, layers, hidden = VARIANTS[variant]
    model = AcT(load_layout("smarthome13"), 4, frames=30, heads=heads, layers=layers)
    total = parameter_count(model) + parameter_count(MLPHead(model.out_channels, 20, hidden))
    assert total == pytest.approx(PUBLISHED[variant], rel=0.01)


def test_features_equal_a_plain_encoder_with_a_class_token():
    model = AcT(load_layout("smarthome13"), 4, frames=6, heads=2, layers=2).double().eval()
    joints = torch.cat([random_joints(1, 3, 6, 13, seed)[0][..., :2] for seed in (0, 1)], -1)
    width = model.out_channels
    tokens = [model.class_token.expand(3, -1, -1), model.embed(joints.double().reshape(3, 6, 52))]
    expected = torch.cat(tokens, 1) + model.positions
    for layer in model.layers:
        twin = nn.TransformerEncoderLayer(
            width, 2, 4 * width, 0.0, "gelu", layer_norm_eps=1e-6, batch_first=True
        )
        twin = twin.double().train()  # without dropout; keeps torch from fusing the layer
        pairs = [
            (twin.self_attn, {"in_proj_": layer.attention.query_key_value}),
            (twin.self_attn.out_proj, {"": layer.attention.project}),
            (twin.linear1, {"": layer.feed_forward[0]}),
            (twin.linear2, {"": layer.feed_forward[3]}),
            (twin.norm1, {"": layer.attention_norm}),
            (twin.norm2, {"": layer.feed_forward_norm}),
        ]
        for module, sources in pairs:
            for prefix, source in sources.items():
                getattr(module, f"{prefix}weight").data.copy_(source.weight)
                getattr(module, f"{prefix}bias").data.copy_(source.bias)
        expected = twin(expected)
    features = model(joints.double())
    assert features.shape == (3, 1, 1, width)
    torch.testing.assert_close(features[:, 0, 0], expected[:, 0], atol=1e-9, rtol=1e-9)


def test_another_number_of_frames_is_refused():
    model = AcT(load_layout("smarthome13"), 3, frames=30)
    with pytest.raises(ConfigError, match=r"30 frames and got 29.*sampling\.frames alike"):
        model(torch.zeros(1, 29, 13, 3))


def test_the_head_is_two_matrices_unless_an_activation_is_asked_for():
    x = torch.randn(5, 8)
    head = MLPHead(8, 3, hidden=16).eval()
    product = head.layers[4].weight @ head.layers[1].weight
    torch.testing.assert_close(head(x), x @ product.T)
    curved = MLPHead(8, 3, hidden=16, activation="gelu").eval()
    assert not torch.allclose(curved(2 * x), 2 * curved(x))
    with pytest.raises(ConfigError, match=r"unknown activation 'swish'. Known: none, relu, gelu"):
        MLPHead(8, 3, activation="swish")
