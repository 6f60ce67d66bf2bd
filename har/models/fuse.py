"""Inference with batch norm folded into the layer before it: the same numbers in fewer passes.

In evaluation a batch norm is a scale and an offset of each channel. After a linear layer or a
convolution both go into its weights. After an aggregation over graphs the scale goes through to
the layer before it, and the offset stays.
"""

import copy

import torch
from torch import Tensor, nn

from har.models.layers import ChannelsLastBatchNorm, TemporalConv
from har.models.skeleton import aagcn, ctrgcn, posec3d, stgcnpp
from har.models.temporal_modules import TemporalBranches, UnitTemporalConv

Pairs = tuple[tuple[str, str], ...]

FOLDS: dict[type[nn.Module], Pairs] = {
    UnitTemporalConv: (("conv", "norm"),),
    TemporalBranches: (("open", "open_norm"),),
    stgcnpp.TemporalModule: (("reduce", "reduce_norm"), ("merge", "norm")),
    aagcn.SpatialModule: (("project", "norm"),),
    posec3d.ConvNorm: (("conv", "norm"),),
}
"""Layers and the batch norms that follow them directly, by the module that holds both."""

FOLDS_THROUGH_GRAPHS: dict[type[nn.Module], Pairs] = {
    stgcnpp.SpatialModule: (("project", "norm"),),
    ctrgcn.SpatialModule: (("project", "norm"),),
}
"""The same where an aggregation lies between; channel k*C + c of the layer is c of graph k."""


class Offset(nn.Module):
    """Adds a number to each channel."""

    offset: Tensor

    def __init__(self, offset: Tensor):
        super().__init__()
        self.register_buffer("offset", offset)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.offset


def fuse_for_inference(model: nn.Module) -> nn.Module:
    """Return a copy of a model with its batch norms folded, in evaluation, without gradients.

    Norms that follow no layer directly stay as they are. The model given is not changed. The
    parameters of the copy have other names and values: save the model, not the copy.
    """
    fused = copy.deepcopy(model).eval().requires_grad_(False)
    for module in list(fused.modules()):
        for layer, norm in FOLDS.get(type(module), ()):
            _fold(module, layer, norm)
        for layer, norm in FOLDS_THROUGH_GRAPHS.get(type(module), ()):
            _fold_through_graphs(module, layer, norm)
        if isinstance(module, nn.Sequential):
            for number in range(1, len(module)):
                _fold(module, str(number - 1), str(number))
    return fused


def _fold(module: nn.Module, layer_name: str, norm_name: str) -> None:
    """Fold a norm of the first channels of a layer, or of all, and put nothing in its place."""
    layer, norm = _layer(module, layer_name), module.get_submodule(norm_name)
    if layer is None or not isinstance(norm, ChannelsLastBatchNorm):
        return
    scale, offset = _scale_and_offset(norm)
    channels = len(scale)
    bias = layer.weight.new_zeros(len(layer.weight)) if layer.bias is None else layer.bias
    layer.weight[:channels] *= scale.view(-1, *[1] * (layer.weight.dim() - 1))
    bias = torch.cat([bias[:channels] * scale + offset, bias[channels:]])
    layer.bias = nn.Parameter(bias, requires_grad=False)
    setattr(module, norm_name, nn.Identity())


def _fold_through_graphs(module: nn.Module, layer_name: str, norm_name: str) -> None:
    layer, norm = _layer(module, layer_name), module.get_submodule(norm_name)
    if layer is None or not isinstance(norm, ChannelsLastBatchNorm):
        return
    scale, offset = _scale_and_offset(norm)
    scale = scale.repeat(len(layer.weight) // len(scale))
    layer.weight *= scale[:, None]
    if layer.bias is not None:
        layer.bias *= scale
    setattr(module, norm_name, Offset(offset))


def _layer(module: nn.Module, name: str) -> nn.Linear | nn.Conv2d | nn.Conv3d | None:
    layer = module.get_submodule(name)
    if isinstance(layer, TemporalConv):
        layer = layer.conv
    return layer if isinstance(layer, nn.Linear | nn.Conv2d | nn.Conv3d) else None


def _scale_and_offset(norm: ChannelsLastBatchNorm) -> tuple[Tensor, Tensor]:
    scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
    return scale, norm.bias - norm.running_mean * scale
