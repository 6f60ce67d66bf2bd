import pytest
import torch

from har.errors import ConfigError
from har.models.pretraining.masked_motion import MaskedMotionPrediction, Prediction
from har.models.skeleton.mamp import MAMP
from har.models.skeleton.tcn import TCN
from har.skeleton.layout import load_layout

LAYOUT = load_layout("kinect20")
JOINTS, FRAMES, TOKENS = 20, 12, 60


def small(**options) -> MaskedMotionPrediction:
    torch.manual_seed(0)
    encoder = MAMP(LAYOUT, FRAMES, segment=4, width=16, layers=1, heads=2)
    sizes = {"width": 16, "layers": 1, "heads": 2}
    return MaskedMotionPrediction(encoder, 3, **{**sizes, **options})


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def joints(people: int = 2) -> torch.Tensor:
    return torch.randn(people, FRAMES, JOINTS, 3, generator=seeded(1))


def everything_seen(people: int = 2) -> torch.Tensor:
    return torch.ones(people, FRAMES, JOINTS, dtype=torch.bool)


@pytest.mark.parametrize(("ratio", "hidden"), [(0.9, 54), (0.5, 30), (0.001, 1), (0.999, 59)])
def test_hidden_and_visible_tokens_make_up_all(ratio, hidden):
    visible, chosen = small(mask_ratio=ratio).choose(joints(), seeded())
    assert chosen.shape == (2, hidden)
    together = torch.cat([visible, chosen], 1).sort(1).values
    assert torch.equal(together, torch.arange(TOKENS).expand(2, -1))


def test_the_choice_follows_the_generator_alone():
    model = small()
    first, again, other = (model.choose(joints(), seeded(s))[1] for s in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def share_of_moving_tokens(temperature: float) -> float:
    """Return how many of the hidden tokens are of the one joint of four that moves."""
    model = small(mask_ratio=0.1, temperature=temperature)
    x = torch.zeros(400, FRAMES, JOINTS, 3)
    x[:, :, ::4] = 10 * torch.arange(FRAMES)[None, :, None, None]
    hidden = model.choose(x, seeded())[1]
    return float((hidden % JOINTS % 4 == 0).float().mean())


def test_what_moves_is_hidden_more_often():
    weight = torch.tensor(1 / 0.5).exp()
    expected = float(15 * weight / (15 * weight + 45))
    assert share_of_moving_tokens(0.5) == pytest.approx(expected, abs=0.06)
    assert share_of_moving_tokens(0.1) > 0.95
    assert share_of_moving_tokens(0.0) == pytest.approx(0.25, abs=0.03)


def test_the_first_draw_has_the_probabilities_of_the_paper():
    model = small(mask_ratio=0.001, temperature=1.0)
    x = joints(1)
    pieces = model.encoder.cut(x).unflatten(1, (3, JOINTS))
    change = (pieces[:, 1:] - pieces[:, :-1]).abs().mean(-1)
    motion = torch.cat([change[:, :1], change], 1).flatten()
    expected = (motion / motion.max()).softmax(0)
    drawn = model.choose(x.expand(20_000, -1, -1, -1), seeded())[1][:, 0]
    found = drawn.bincount(minlength=TOKENS) / len(drawn)
    torch.testing.assert_close(found, expected, atol=0.005, rtol=0)


@torch.no_grad()
def test_a_prediction_knows_nothing_of_hidden_tokens():
    model, x = small(mask_ratio=0.5).eval(), joints(1)
    visible, hidden = model.choose(x, seeded())
    before = model.decode(model.encode(x, visible), visible)
    changed = x.clone()
    for token in hidden[0].tolist():
        segment, joint = divmod(token, JOINTS)
        changed[0, 4 * segment : 4 * segment + 4, joint] += 5
    assert torch.equal(model.decode(model.encode(changed, visible), visible), before)


def test_the_target_is_the_motion_without_mean_and_scale():
    x = joints()
    plain = small(normalise=False).target(x, everything_seen())
    motion = torch.zeros_like(x)
    motion[:, :-1] = x[:, 1:] - x[:, :-1]
    segment, joint = 1, 7
    expected = motion[1, 4:8, joint].flatten()
    torch.testing.assert_close(plain[1, segment * JOINTS + joint], expected)
    scaled = small().target(x, everything_seen())[1, segment * JOINTS + joint]
    torch.testing.assert_close(
        scaled, (expected - expected.mean()) / expected.std(), atol=1e-4, rtol=0
    )


def test_tokens_with_an_unseen_joint_do_not_count():
    model, x, seen = small(mask_ratio=0.5), joints(), everything_seen()
    seen[0] = False
    seen[1, 5, 3] = False
    found = model(x * seen.unsqueeze(-1), seen, seeded())
    hidden = model.choose(x * seen.unsqueeze(-1), seeded())[1]
    assert not found.known[0].any()
    assert torch.equal(found.known[1], hidden[1] != JOINTS + 3)
    assert found.loss().item() == pytest.approx(found.error[1][found.known[1]].mean().item())


def test_a_batch_in_which_nothing_counts_has_no_loss():
    nothing = Prediction(torch.ones(2, 3), torch.ones(2, 3), torch.zeros(2, 3, dtype=torch.bool))
    assert nothing.loss() == 0
    assert nothing.sums().tolist() == [0.0, 0.0, 0.0]


def test_it_learns_to_predict_hidden_motion_from_visible():
    """All joints of a person move in one direction, which any few of them tell."""
    model = small(normalise=False)
    direction = torch.randn(24, 1, 1, 3, generator=seeded(2))
    time = torch.linspace(-6, 6, FRAMES)[None, :, None, None]
    x = (time * direction).expand(-1, -1, JOINTS, -1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for step in range(40):
        optimizer.zero_grad()
        model(x, everything_seen(24), seeded(step)).loss().backward()
        optimizer.step()
    with torch.no_grad():
        error, power, _ = model(x, everything_seen(24), seeded(999)).sums().tolist()
    assert error < 0.3 * power


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mask_ratio": 1.0}, "mask_ratio=1.0: must lie between 0 and 1"),
        ({"temperature": -0.1}, "temperature=-0.1: must be 0 or more"),
    ],
)
def test_numbers_out_of_range_are_told(options, message):
    with pytest.raises(ConfigError, match=message):
        small(**options)


def test_only_an_encoder_with_tokens_can_be_trained():
    with pytest.raises(ConfigError, match="TCN has no tokens that could be hidden: choose model/b"):
        MaskedMotionPrediction(TCN(LAYOUT, 3), 3)
