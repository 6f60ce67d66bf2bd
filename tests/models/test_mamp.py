import pytest
import torch
from torch import nn

from har.errors import ConfigError
from har.models.skeleton.mamp import MAMP
from har.skeleton.layout import load_layout

LAYOUT = load_layout("kinect20")


def small(**options) -> MAMP:
    torch.manual_seed(0)
    sizes = {"frames": 12, "in_channels": 3, "segment": 4, "width": 16, "layers": 2, "heads": 4}
    return MAMP(LAYOUT, **{**sizes, **options}).double().eval()


def joints(people: int = 2, frames: int = 12) -> torch.Tensor:
    rng = torch.Generator().manual_seed(1)
    return torch.randn(people, frames, LAYOUT.num_joints, 3, generator=rng, dtype=torch.float64)


def test_a_token_is_one_joint_over_the_frames_of_one_segment():
    x = joints()
    pieces = small().cut(x).unflatten(1, (3, LAYOUT.num_joints))
    for segment, joint in ((0, 0), (1, 7), (2, 19)):
        expected = x[1, 4 * segment : 4 * segment + 4, joint].flatten()
        assert torch.equal(pieces[1, segment, joint], expected)


def plain_transformer(model: MAMP) -> nn.Module:
    """Return torch's own pre-norm transformer with the weights of the model."""
    layers = []
    for layer in model.layers:
        other = nn.TransformerEncoderLayer(
            16, 4, 64, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        first, last = layer.feed_forward[0], layer.feed_forward[3]
        attention = layer.attention
        state = {
            "self_attn.in_proj_weight": attention.query_key_value.weight,
            "self_attn.in_proj_bias": attention.query_key_value.bias,
            "self_attn.out_proj.weight": attention.project.weight,
            "self_attn.out_proj.bias": attention.project.bias,
            "linear1.weight": first.weight,
            "linear1.bias": first.bias,
            "linear2.weight": last.weight,
            "linear2.bias": last.bias,
            "norm1.weight": layer.attention_norm.weight,
            "norm1.bias": layer.attention_norm.bias,
            "norm2.weight": layer.feed_forward_norm.weight,
            "norm2.bias": layer.feed_forward_norm.bias,
        }
        other.load_state_dict(state)
        layers.append(other.double().eval())
    return nn.Sequential(*layers, model.norm)


@torch.no_grad()
def test_features_equal_those_of_a_plain_transformer():
    model, x = small(), joints()
    pieces = x.reshape(2, 3, 4, 20, 3).permute(0, 1, 3, 2, 4).reshape(2, 60, 12)
    positions = torch.stack(
        [model.positions.time[s, 0] + model.positions.joint[v] for s in range(3) for v in range(20)]
    )
    tokens = pieces @ model.embed.weight.T + model.embed.bias + positions
    expected = plain_transformer(model)(tokens).reshape(2, 3, 20, 16)
    torch.testing.assert_close(model(x), expected, atol=1e-10, rtol=1e-10)


def test_frames_that_do_not_fit_are_told():
    with pytest.raises(ConfigError, match="30 frames do not split into segments of 4: set sampl"):
        small(frames=30)
    with pytest.raises(ConfigError, match="has positions for 12 frames and got 8"):
        small()(joints(frames=8))


def test_stochastic_depth_grows_with_the_layers_and_is_off_in_evaluation():
    model = small(layers=3, drop_path=0.4)
    assert [layer.drop_path.rate for layer in model.layers] == pytest.approx([0.0, 0.2, 0.4])
    assert torch.equal(model(joints()), model(joints()))
