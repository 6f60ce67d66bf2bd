import math

import pytest
import torch
from models_helper import random_joints
from torch import nn

from har.errors import ConfigError
from har.models.attention import DropPath, EncoderLayer, sinusoidal_positions
from har.models.skeleton.transformer import Transformer
from har.skeleton.layout import load_layout


@pytest.mark.parametrize("norm_first", [True, False])
def test_a_layer_equals_that_of_torch(norm_first):
    torch.manual_seed(0)
    ours = EncoderLayer(16, 4, 32, norm_first=norm_first).double()
    theirs = nn.TransformerEncoderLayer(
        16, 4, 32, 0.0, "gelu", batch_first=True, norm_first=norm_first
    ).double()
    pairs = {
        "self_attn.in_proj_": "attention.query_key_value.",
        "self_attn.out_proj.": "attention.project.",
        "linear1.": "feed_forward.0.",
        "linear2.": "feed_forward.3.",
        "norm1.": "attention_norm.",
        "norm2.": "feed_forward_norm.",
    }
    state = ours.state_dict()
    for own, twin in pairs.items():
        for kind in ("weight", "bias"):
            state[twin + kind].copy_(theirs.state_dict()[own + kind].normal_(std=0.3))
    tokens = torch.randn(3, 7, 16, dtype=torch.float64)
    torch.testing.assert_close(ours(tokens), theirs(tokens), atol=1e-10, rtol=1e-10)


def test_positions_are_sines_and_cosines():
    table = sinusoidal_positions(torch.arange(5.0), 6)
    expected = [f(3 / 10000 ** (2 * (c // 2) / 6)) for c, f in enumerate([math.sin, math.cos] * 3)]
    assert table[3].tolist() == pytest.approx(expected, abs=1e-6)


def test_order_matters_and_any_number_of_frames_fits():
    model = Transformer(load_layout("kinect20"), width=16, layers=1).eval()
    joints = random_joints(1, people=2, frames=9, joints=20)[0]
    with torch.no_grad():
        features, reversed_features = model(joints), model(joints.flip(1))
    assert features.shape == (2, 9, 1, 16)
    assert not torch.allclose(features.mean(1), reversed_features.mean(1), atol=1e-4)
    assert model(joints[:, :2]).shape == (2, 2, 1, 16)


def test_dropped_paths_are_made_up_for():
    torch.manual_seed(0)
    ones = torch.ones(4000, 2, 3)
    dropped = DropPath(0.25)(ones)
    assert dropped.unique().tolist() == pytest.approx([0.0, 4 / 3])
    assert (dropped.flatten(1).std(dim=1) == 0).all()
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.03)
    assert torch.equal(DropPath(0.25).eval()(ones), ones)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"width": 15, "heads": 3}, "width is 15"), ({"width": 16, "heads": 3}, "3 attention heads")],
)
def test_widths_that_do_not_split_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        Transformer(load_layout("kinect20"), **options)
