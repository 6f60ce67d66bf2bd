import pytest
import torch
from torch.nn import functional as F

from har.models.attention import PLAIN_TOKENS, PLAIN_TOKENS_IF_SLOW, attend, drop_out

STEP = torch.finfo(torch.bfloat16).eps


def with_gradients(attention, tokens):
    tokens = [x.clone().requires_grad_() for x in tokens]
    out = attention(*tokens)
    return [out.detach(), *torch.autograd.grad(out.square().sum(), tokens)]


@pytest.mark.parametrize(("length", "seen"), [(20, 20), (7, 32), (PLAIN_TOKENS + 1, 4)])
def test_full_precision_agrees_with_the_fused_one(length, seen):
    torch.manual_seed(0)
    tokens = [torch.randn(6, 2, n, 16, dtype=torch.float64) for n in (length, seen, seen)]
    fused = with_gradients(F.scaled_dot_product_attention, tokens)
    for own, other in zip(with_gradients(attend, tokens), fused, strict=True):
        torch.testing.assert_close(own, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("length", "seen"), [(20, 20), (7, 33), (PLAIN_TOKENS_IF_SLOW + 1, 4)])
def test_half_precision_stays_within_two_steps_of_double(length, seen):
    torch.manual_seed(0)
    half = [torch.randn(6, 2, n, 16).bfloat16() for n in (length, seen, seen)]
    exact = with_gradients(F.scaled_dot_product_attention, [x.double() for x in half])
    for own, truth in zip(with_gradients(attend, half), exact, strict=True):
        assert own.dtype == torch.bfloat16
        assert (own - truth).square().mean() <= (2 * STEP * truth.std()) ** 2


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dropout_takes_weights_and_keeps_the_mean(dtype):
    torch.manual_seed(0)
    query, key = torch.randn(2, 512, 1, 20, 16).to(dtype)
    out = attend(query, key, torch.ones_like(key), 0.5).float()
    assert out.mean().item() == pytest.approx(1, abs=0.02)
    assert out.std() > 0.1


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropping_out_sets_a_share_to_zero_and_scales_the_rest(rate):
    torch.manual_seed(0)
    x = torch.rand(333, 301, requires_grad=True)
    out = drop_out(x, rate)
    kept = out != 0
    assert kept.float().mean().item() == pytest.approx(1 - rate, abs=0.005)
    torch.testing.assert_close(out[kept], x[kept] / (1 - rate))
    (gradient,) = torch.autograd.grad(out.sum(), x)
    torch.testing.assert_close(gradient, kept / (1 - rate))


def test_dropping_out_follows_the_seed_and_knows_the_ends_of_the_range():
    x = torch.rand(3, 5)
    torch.manual_seed(1)
    first = drop_out(x, 0.5)
    assert not torch.equal(first, drop_out(x, 0.5))
    torch.manual_seed(1)
    assert torch.equal(first, drop_out(x, 0.5))
    assert torch.equal(drop_out(x, 0.0), x)
    assert not drop_out(x, 1.0).any()
    assert drop_out(torch.rand(0, 4), 0.5).shape == (0, 4)
