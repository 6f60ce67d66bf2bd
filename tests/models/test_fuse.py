import pytest
import torch
from torch import nn

from har.cli.models import build_backbone
from har.models.fuse import fuse_for_inference
from har.models.layers import ChannelsLastBatchNorm

NAMES = ("stgcnpp", "ctrgcn", "aagcn", "posec3d")
NORMS_LEFT = {"stgcnpp": 11, "ctrgcn": 11, "aagcn": 1, "posec3d": 0}


def trained(name: str) -> nn.Module:
    """Return a backbone whose norms have statistics, scales and offsets of their own."""
    torch.manual_seed(0)
    backbone = build_backbone(name, "coco17", 3, 8).eval()
    rng = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for norm in norms(backbone):
            for tensor in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
                tensor.copy_(torch.rand(tensor.shape, generator=rng) + 0.5)
    return backbone


def norms(model: nn.Module) -> list[nn.Module]:
    return [module for module in model.modules() if isinstance(module, ChannelsLastBatchNorm)]


def poses() -> torch.Tensor:
    return torch.randn(2, 8, 17, 3, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("name", NAMES)
def test_the_folded_model_gives_the_same_features(name):
    model = trained(name)
    fused = fuse_for_inference(model)
    with torch.no_grad():
        expected, features = model(poses()), fused(poses())
        exact = model.double()(poses().double())
        fused_exact = fuse_for_inference(model)(poses().double())
    scale = expected.abs().max()
    torch.testing.assert_close(features / scale, expected / scale, atol=1e-5, rtol=0)
    torch.testing.assert_close(fused_exact, exact, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_the_model_given_stays_as_it_was(name):
    model = trained(name).train()
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    fused = fuse_for_inference(model)
    assert model.training
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert not fused.training
    assert not any(parameter.requires_grad for parameter in fused.parameters())
    for key, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[key]), key


@pytest.mark.parametrize("name", NAMES)
def test_norms_that_follow_a_layer_are_gone(name):
    assert len(norms(fuse_for_inference(trained(name)))) == NORMS_LEFT[name]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", NAMES)
def test_plain_and_folded_models_give_the_same_on_a_gpu(name):
    model = trained(name).double()
    with torch.no_grad():
        expected = model(poses().double())
        on_gpu = model.cuda()(poses().double().cuda())
        fused = fuse_for_inference(model)(poses().double().cuda())
    torch.testing.assert_close(on_gpu.cpu(), expected, atol=1e-9, rtol=1e-9)
    torch.testing.assert_close(fused.cpu(), expected, atol=1e-9, rtol=1e-9)
