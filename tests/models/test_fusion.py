"""Joining streams: before the backbone, and after the heads."""

import pytest
import torch
import yaml
from models_helper import random_joints, small_stgcnpp
from torch import Tensor, nn

from har.config.build import build
from har.config.compose import compose, compose_in_tree, config_dir, hydra_tree
from har.config.targets import find_target
from har.errors import ConfigError
from har.models.fusion.embedding import EmbeddingFusion
from har.models.fusion.gated import GatedFusion
from har.models.multi_stream import MultiStreamClassifier

CHANNELS = {"joint": 3, "bone": 3, "angle": 7}
FUSIONS = sorted(
    path.stem
    for path in (config_dir() / "model" / "fusion").glob("*.yaml")
    if "stream_channels" in find_target(yaml.safe_load(path.read_text())["_target_"]).parameters
)
"""Those that join streams; the others join poses and video only."""
PARTS = ("fusion", "backbone", "temporal", "head")


def streams(clips: int = 3, **changes: Tensor) -> dict[str, Tensor]:
    rng = torch.Generator().manual_seed(3)
    drawn = {
        name: torch.randn(clips, 2, 6, 25, width, generator=rng) for name, width in CHANNELS.items()
    }
    return drawn | changes


@pytest.fixture(params=FUSIONS)
def fusion(request) -> nn.Module:
    torch.manual_seed(0)
    with hydra_tree():
        node = compose_in_tree([f"model/fusion={request.param}"], "train").model.fusion
    return build(node, stream_channels=CHANNELS)


def test_the_fusions_are_found():
    assert {"bilinear", "early", "embedding", "gated"} <= set(FUSIONS)


def test_shape_precision_and_gradient(fusion):
    inputs = streams()
    out = fusion(inputs)
    assert out.shape == (3, 2, 6, 25, fusion.out_channels)
    if parameters := dict(fusion.named_parameters()):
        out.square().sum().backward()
        reached = {name for name, p in parameters.items() if p.grad is not None and p.grad.any()}
        behind_gates = {"squeeze.weight", "squeeze.bias"}  # reached once the gates have moved
        assert parameters.keys() - reached <= behind_gates
    with torch.autocast("cpu", torch.bfloat16):
        assert fusion(inputs).isfinite().all()
    assert fusion.double()({n: x.double() for n, x in inputs.items()}).dtype == torch.float64


@torch.no_grad()
def test_people_are_independent(fusion):
    inputs = streams()
    for parameter in fusion.parameters():
        nn.init.normal_(parameter)
    together = fusion(inputs)
    alone = fusion({name: x[1:2, 1:] for name, x in inputs.items()})
    torch.testing.assert_close(alone[0, 0], together[1, 1])


@torch.no_grad()
def test_embeddings_are_added():
    fusion = EmbeddingFusion(CHANNELS, channels=8)
    inputs = streams()
    expected = sum(fusion.embeddings[name](x) for name, x in inputs.items())
    torch.testing.assert_close(fusion(inputs), expected)
    assert fusion.out_channels == 8


@torch.no_grad()
def test_gates_start_open_and_scale_whole_streams():
    fusion = GatedFusion(CHANNELS)
    inputs = streams()
    stacked = torch.cat(list(inputs.values()), dim=-1)
    assert torch.equal(fusion(inputs), stacked)
    fusion.excite.bias.copy_(torch.tensor([-100.0, 0.0, 100.0]))
    expected = torch.cat([0 * inputs["joint"], inputs["bone"], 2 * inputs["angle"]], dim=-1)
    torch.testing.assert_close(fusion(inputs), expected)


def multi_stream(names: tuple[str, ...] = ("joint", "bone"), **options) -> MultiStreamClassifier:
    torch.manual_seed(0)
    single = {name: small_stgcnpp(streams=(name,)) for name in names}
    parts = {part: {name: getattr(m, part) for name, m in single.items()} for part in PARTS}
    return MultiStreamClassifier(**parts, **options)


def two_streams() -> tuple[dict[str, Tensor], Tensor]:
    joints = random_joints(3)
    return {"joint": joints, "bone": joints.flip(2)}, torch.tensor([[1, 1], [1, 0], [0, 1]]).bool()


@torch.no_grad()
@pytest.mark.parametrize(("weights", "first"), [(None, 0.5), ([2, 1], 2 / 3), ([0, 4], 0.0)])
def test_logits_are_the_weighted_mean(weights, first):
    model = multi_stream(weights=weights).eval()
    inputs, person_mask = two_streams()
    joint, bone = (m({n: inputs[n]}, person_mask) for n, m in model.classifiers.items())
    expected = first * joint + (1 - first) * bone
    torch.testing.assert_close(model(inputs, person_mask), expected, atol=1e-6, rtol=1e-6)
    assert model.features(inputs, person_mask).shape == (3, 2 * 24)


def test_learned_weights_start_where_told_and_move():
    model = multi_stream(weights=[3.0, 1.0], learn_weights=True)
    torch.testing.assert_close(model.stream_weights(), torch.tensor([0.75, 0.25]))
    inputs, person_mask = two_streams()
    loss = nn.functional.cross_entropy(model(inputs, person_mask), torch.tensor([0, 1, 2]))
    loss.backward()
    assert model.scores.grad.abs().sum() > 0
    assert all(p.grad is not None for p in model.parameters())


@torch.no_grad()
def test_fixed_weights_are_part_of_the_checkpoint():
    model, other = multi_stream(weights=[3, 1]), multi_stream()
    other.load_state_dict(model.state_dict())
    assert torch.equal(other.stream_weights(), model.stream_weights())


@torch.no_grad()
def test_what_an_absent_persons_row_holds_is_not_looked_at():
    model = multi_stream().eval()
    inputs, person_mask = two_streams()
    expected = model(inputs, person_mask)
    noisy = {n: x.masked_fill(~person_mask[:, :, None, None, None], 1e6) for n, x in inputs.items()}
    assert torch.equal(model(noisy, person_mask), expected)


def test_weights_that_do_not_fit_are_told():
    with pytest.raises(ConfigError, match=r"3 weights for 2 streams \(joint, bone\)"):
        multi_stream(weights=[1, 2, 3])
    for weights in ([1, -1], [0, 0], [1, float("nan")]):
        with pytest.raises(ConfigError, match="the weight of every stream must be at least 0"):
            multi_stream(weights=weights)
    with pytest.raises(ConfigError, match="the weight of every stream must be positive"):
        multi_stream(weights=[1, 0], learn_weights=True)


def test_the_configuration_takes_weights_and_streams():
    config = compose(["model=multi_stream", "stream=all", "model.weights=[2,2,1,1]"])
    assert config.model.weights == [2, 2, 1, 1]
