import pytest
import torch
from torch.nn import functional as F

from har.models.attention import PLAIN_TOKENS, attend

STEP = torch.finfo(torch.bfloat16).eps


def with_gradients(attention, tokens):
    tokens = [x.clone().requires_grad_() for x in tokens]
    out = attention(*tokens)
    return [out.detach(), *torch.autograd.grad(out.square().sum(), tokens)]


@pytest.mark.parametrize(("length", "seen"), [(20, 20), (7, 33), (PLAIN_TOKENS + 1, 4)])
def test_half_precision_stays_within_two_steps_of_double(length, seen):
    torch.manual_seed(0)
    half = [torch.randn(6, 2, n, 16).bfloat16() for n in (length, seen, seen)]
    exact = with_gradients(F.scaled_dot_product_attention, [x.double() for x in half])
    for own, truth in zip(with_gradients(attend, half), exact, strict=True):
        assert own.dtype == torch.bfloat16
        assert (own - truth).square().mean() <= (2 * STEP * truth.std()) ** 2


def test_dropout_takes_weights_and_keeps_the_mean():
    torch.manual_seed(0)
    query, key = torch.randn(2, 512, 1, 20, 16).bfloat16()
    out = attend(query, key, torch.ones_like(key), 0.5).float()
    assert out.mean().item() == pytest.approx(1, abs=0.02)
    assert out.std() > 0.1
