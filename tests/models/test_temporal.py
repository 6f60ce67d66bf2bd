"""What every way of pooling over time has to do, and what is special of each."""

import pytest
import torch
from torch import nn

from har.config.build import build
from har.config.compose import compose_in_tree, config_dir, hydra_tree
from har.errors import ConfigError
from har.models.temporal.attention import AttentionPooling
from har.models.temporal.gru import GRUPooling
from har.models.temporal.lstm import LSTMPooling
from har.models.temporal.segments import SegmentConsensus
from har.models.temporal.transformer import TransformerPooling

STRATEGIES = sorted(path.stem for path in (config_dir() / "model" / "temporal").glob("*.yaml"))
CHANNELS = 48


@pytest.fixture(scope="module")
def nodes() -> dict:
    with hydra_tree():
        return {
            name: compose_in_tree([f"model/temporal={name}"], "train").model.temporal
            for name in STRATEGIES
        }


@pytest.fixture(params=STRATEGIES)
def pooling(request, nodes) -> nn.Module:
    torch.manual_seed(0)
    return build(nodes[request.param], in_channels=CHANNELS)


def features(people: int = 3, frames: int = 7, joints: int = 5) -> torch.Tensor:
    rng = torch.Generator().manual_seed(1)
    return torch.randn(people, frames, joints, CHANNELS, generator=rng)


def test_the_strategies_are_found():
    known = {"average", "max", "attention", "lstm", "gru", "tcn", "transformer", "segments"}
    assert known <= set(STRATEGIES)


@torch.no_grad()
@pytest.mark.parametrize("frames", [1, 2, 7, 30])
@pytest.mark.parametrize("joints", [1, 5])
def test_any_number_of_frames_and_joints(pooling, frames, joints):
    for training in (True, False):
        out = pooling.train(training)(features(frames=frames, joints=joints))
        assert out.shape == (3, pooling.out_channels)
        assert out.isfinite().all()


def test_a_gradient_reaches_every_parameter_and_every_frame(pooling):
    x = features().requires_grad_()
    out = pooling.eval()(x)
    (out * torch.randn(out.shape, generator=torch.Generator().manual_seed(2))).sum().backward()
    for name, parameter in pooling.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
    assert (x.grad.abs().sum(dim=(0, 2, 3)) > 0).all()


@torch.no_grad()
def test_rows_are_independent(pooling):
    x = features()
    for training in (False, True):
        for module in pooling.train(training).modules():
            if isinstance(module, nn.Dropout):
                module.eval()
        together = pooling(x)
        for row in range(3):
            torch.testing.assert_close(pooling(x[row : row + 1])[0], together[row])


@torch.no_grad()
def test_other_precisions(pooling):
    x = features()
    expected = pooling.eval()(x)
    with torch.autocast("cpu", torch.bfloat16):
        assert pooling(x).isfinite().all()
    double = pooling.double()(x.double())
    assert double.dtype == torch.float64
    torch.testing.assert_close(double.float(), expected, atol=1e-4, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("name", ["lstm", "gru", "tcn", "transformer"])
def test_those_that_know_order_see_it(name, nodes):
    pooling = build(nodes[name], in_channels=CHANNELS).eval()
    x = features()
    assert not torch.allclose(pooling(x), pooling(x.flip(1)), atol=1e-3)


@torch.no_grad()
@pytest.mark.parametrize("name", ["average", "max", "attention"])
def test_those_that_do_not_see_a_set_of_frames(name, nodes):
    pooling = build(nodes[name], in_channels=CHANNELS).eval()
    x = features()
    torch.testing.assert_close(pooling(x), pooling(x.flip(1)))


@torch.no_grad()
@pytest.mark.parametrize("over_joints", [False, True])
def test_attention_is_a_weighted_mean_that_starts_nearly_flat(over_joints):
    pooling = AttentionPooling(CHANNELS, heads=4, over_joints=over_joints)
    x = features()
    weights = pooling.weights(x.flatten(1, 2))
    torch.testing.assert_close(weights.sum(1), torch.ones(3, 4))
    torch.testing.assert_close(pooling(x), x.mean(dim=(1, 2)), atol=0.05, rtol=0)
    nn.init.normal_(pooling.score.weight, std=3.0)
    tokens = x.flatten(1, 2) if over_joints else x.mean(2)
    expected = [
        (pooling.weights(tokens)[..., [head]] * tokens[..., 12 * head : 12 * head + 12]).sum(1)
        for head in range(4)
    ]
    torch.testing.assert_close(pooling(x), torch.cat(expected, dim=-1))


@torch.no_grad()
@pytest.mark.parametrize("cls", [LSTMPooling, GRUPooling])
@pytest.mark.parametrize("layers", [1, 2])
def test_a_recurrent_state_is_the_last_of_each_direction(cls, layers):
    x = features()
    both = cls(CHANNELS, hidden_channels=6, layers=layers)
    network = both.network
    outputs, _ = network(x.mean(2))
    expected = torch.cat([outputs[:, -1, :6], outputs[:, 0, 6:]], dim=-1)
    torch.testing.assert_close(both(x), expected)
    one = cls(CHANNELS, hidden_channels=6, layers=layers, bidirectional=False)
    assert one(x).shape == (3, 6) == (3, one.out_channels)


@torch.no_grad()
def test_segments_average_what_is_in_them():
    x = features(frames=6)
    thirds = torch.stack([x[:, i : i + 2].mean(dim=(1, 2)) for i in (0, 2, 4)])
    for consensus, expected in (("average", thirds.mean(0)), ("max", thirds.amax(0))):
        pooling = SegmentConsensus(CHANNELS, segments=3, consensus=consensus)
        torch.testing.assert_close(pooling(x), expected)
    attentive = SegmentConsensus(CHANNELS, segments=3, consensus="attention")
    torch.testing.assert_close(attentive(x), thirds.mean(0), atol=0.05, rtol=0)


def test_sizes_that_do_not_fit_are_told():
    with pytest.raises(ConfigError, match="cannot share 48 channels among heads=5"):
        AttentionPooling(CHANNELS, heads=5)
    with pytest.raises(ConfigError, match="hidden_channels=30 and heads=4"):
        TransformerPooling(CHANNELS, hidden_channels=30)
    with pytest.raises(ConfigError, match="segments=0: give 1 or more"):
        SegmentConsensus(CHANNELS, segments=0)
