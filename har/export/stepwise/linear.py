"""Layers as numbers: what a norm scales and adds, and layers made of given weights."""

from torch import Tensor, nn

from har.export.folding import ScaleOffset
from har.export.onnx_file import ExportError
from har.models.fuse import Offset
from har.models.layers import TemporalConv


def scale_and_offset(norm: nn.Module, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return what a folded norm multiplies by and adds, each (C,).

    Args:
        norm: a scale with an offset, an offset, or nothing.
        like: (C,), gives size and dtype.

    Raises:
        ExportError: it is something else.
    """
    if isinstance(norm, ScaleOffset):
        return norm.scale, norm.offset
    if isinstance(norm, Offset):
        return like.new_ones(like.shape), norm.offset
    if isinstance(norm, nn.Identity):
        return like.new_ones(like.shape), like.new_zeros(like.shape)
    raise ExportError(f"the norm {type(norm).__name__} has no step-wise form")


def dense(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    """Return a layer of given weights (C', C) and bias (C',)."""
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias is not None, device="meta")
    layer.weight = nn.Parameter(weight.detach().clone(), requires_grad=False)
    if bias is not None:
        layer.bias = nn.Parameter(bias.detach().clone(), requires_grad=False)
    return layer


def bias_of(layer: nn.Linear | nn.Conv1d | nn.Conv2d) -> Tensor:
    """Return the bias of a layer, zeros where it has none."""
    return layer.weight.new_zeros(len(layer.weight)) if layer.bias is None else layer.bias


def taps_of(module: TemporalConv) -> tuple[list[int], Tensor]:
    """Return how far the taps of a convolution lie from its centre, and its weights (n, C, C')."""
    conv = module.conv
    kernel, dilation = conv.kernel_size[0], conv.dilation[0]
    reach = dilation * (kernel - 1) // 2
    return list(range(-reach, reach + 1, dilation)), conv.weight[..., 0].permute(2, 1, 0)
