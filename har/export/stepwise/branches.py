"""Step forms of the temporal modules with parallel branches."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from har.export.onnx_file import ExportError
from har.export.stepwise.clock import Reading, Timing
from har.export.stepwise.linear import bias_of, dense, scale_and_offset, taps_of
from har.export.stepwise.state import Memory, Tape, read
from har.export.stepwise.temporal import StepConvolution, Window
from har.models.layers import TemporalConv
from har.models.skeleton import stgcnpp
from har.models.temporal_modules import MultiScaleTemporal, UnitTemporalConv


@dataclass(frozen=True)
class Branches:
    """Parallel branches along time, in order: convolutions, a max-pool of three, a frame as it is.

    Attributes:
        widths: channels of each branch.
        weight, bias: of the layer that opens all, before a ReLU; the last kind has no ReLU.
        convolutions: of the first branches.
        max_pool, plain: whether there are the other two.
        norm: of all branches side by side.
        merge: layer behind, with a ReLU before it; None where there is none.
        stride: of all branches.
    """

    widths: list[int]
    weight: Tensor
    bias: Tensor
    convolutions: list[TemporalConv]
    max_pool: bool
    plain: bool
    norm: nn.Module
    merge: nn.Linear | None
    stride: int


class StepBranches(nn.Module):
    """Step form of parallel branches, all padded to one width and kept in one ring.

    The convolutions are one batched product of what lies under their taps. The other two are one
    maximum: the maximum of a frame with itself is the frame.
    """

    floor: Tensor
    kernels: Tensor
    scale: Tensor
    offset: Tensor

    def __init__(self, module: Branches, joints: int, timing: Timing):
        super().__init__()
        self.count, self.width = len(module.widths), max(module.widths)
        places = [np.arange(width) + b * self.width for b, width in enumerate(module.widths)]
        self.columns = torch.from_numpy(np.concatenate(places))
        self._open(module)
        self._look(module, joints, timing)
        self._close(module)

    def _open(self, module: Branches) -> None:
        weight, bias = (self._padded(part) for part in (module.weight, module.bias))
        self.open = dense(weight, bias)
        floor = torch.zeros_like(bias).view(self.count, -1)
        if module.plain:
            floor[-1] = torch.finfo(floor.dtype).min
        self.register_buffer("floor", floor.flatten())

    def _padded(self, part: Tensor) -> Tensor:
        """Put channels of the branches, on the first axis, where they are in equal widths."""
        padded = part.new_zeros(self.count * self.width, *part.shape[1:])
        padded[self.columns] = part
        return padded

    def _look(self, module: Branches, joints: int, timing: Timing) -> None:
        taps = [taps_of(conv)[0] for conv in module.convolutions]
        others = [[-1, 0, 1]] * module.max_pool + [[0, 0, 0]] * module.plain
        window = Window.of(timing, max(offsets[-1] for offsets in taps + others), module.stride)
        self.after = window.after
        self.memory = Memory(window.memory, joints * self.count, self.width, timing)

        def reader(first: int, taps: Sequence[Sequence[int]]) -> Reading:
            places = np.stack([window.at(offsets) for offsets in taps])[:, :, None]
            branch = np.arange(first, first + len(taps))[:, None, None, None]
            pieces = np.arange(joints)[:, None] * self.count + branch
            rows = window.after.frames * joints
            return self.memory.reader(places, pieces, (-1, len(taps), rows, len(taps[0])))

        self.convolved = reader(0, taps)
        self.pooled = reader(len(taps), others) if others else None

    def _close(self, module: Branches) -> None:
        scale, offset = scale_and_offset(module.norm, module.weight[:, 0])
        convolutions = module.convolutions
        convolved = sum(conv.conv.out_channels for conv in convolutions)
        biases = torch.cat([bias_of(conv.conv) for conv in convolutions])
        offset = torch.cat([offset[:convolved] + biases * scale[:convolved], offset[convolved:]])
        by_branch = (self.count, 1, self.width)
        scale, offset = (self._padded(part).view(by_branch) for part in (scale, offset))
        kernels = [taps_of(conv)[1] for conv in convolutions]
        padded = [
            F.pad(k, (0, self.width - k.shape[2], 0, self.width - k.shape[1])) for k in kernels
        ]
        stacked = torch.stack(padded).flatten(1, 2) * scale[: len(kernels)]
        self.register_buffer("kernels", stacked.contiguous())
        self.register_buffer("scale", scale[len(kernels) :].contiguous())
        self.register_buffer("offset", offset)
        self.merge: nn.Linear | None = None
        if module.merge is not None:
            self.merge = dense(self._padded(module.merge.weight.T).T, module.merge.bias)

    def forward(self, tape: Tape, x: Tensor) -> Tensor:
        """Map (N, C) to (N', C')."""
        ring = self.memory(tape, torch.maximum(self.open(x), self.floor))
        found = read(tape, ring, self.convolved).flatten(3) @ self.kernels
        if self.pooled is not None:
            pooled = read(tape, ring, self.pooled).amax(3) * self.scale
            found = torch.cat([found, pooled], dim=1)
        found = found + self.offset
        if self.merge is not None:
            return self.merge(self._side_by_side(F.relu(found)))
        out = self._side_by_side(found)
        return out if out.shape[1] == len(self.columns) else out[:, self.columns]

    def _side_by_side(self, found: Tensor) -> Tensor:
        return found.transpose(1, 2).reshape(-1, self.count * self.width)


def step_temporal(module: nn.Module, joints: int, timing: Timing) -> StepConvolution | StepBranches:
    """Return the step form of a temporal module.

    Raises:
        ExportError: there is none for its kind.
    """
    if isinstance(module, nn.Sequential):  # with a dropout behind, which does nothing here
        module = module[0]
    if isinstance(module, UnitTemporalConv) and not module.pointwise:
        return StepConvolution(module, joints, timing)
    plain = type(module).forward is MultiScaleTemporal.forward
    if plain and isinstance(module, MultiScaleTemporal) and not module.has_residual:
        return StepBranches(_multi_scale(module), joints, timing)
    if isinstance(module, stgcnpp.TemporalModule):
        return StepBranches(_stgcnpp(module), joints, timing)
    raise ExportError(f"the temporal module {type(module).__name__} has no step-wise form")


def _multi_scale(module: MultiScaleTemporal) -> Branches:
    branches: Any = module.branches
    openers = [branches.open]
    if branches.pointwise is not None:
        openers.append(branches.pointwise.conv)
    opened = branches.opened_widths
    pointwise = [openers[1].out_features] if len(openers) > 1 else []
    merge: Any = module.merge
    return Branches(
        widths=[*opened, *pointwise],
        weight=torch.cat([layer.weight for layer in openers]),
        bias=torch.cat([bias_of(layer) for layer in openers]),
        convolutions=list(branches.convolutions),
        max_pool=branches.max_pool,
        plain=bool(pointwise),
        norm=module.norm,
        merge=None if isinstance(merge, nn.Identity) else merge[1],
        stride=branches.stride,
    )


def _stgcnpp(module: stgcnpp.TemporalModule) -> Branches:
    convolutions: Any = module.convolutions
    return Branches(
        widths=module.widths,
        weight=module.reduce.weight,
        bias=bias_of(module.reduce),
        convolutions=list(convolutions),
        max_pool=True,
        plain=True,
        norm=module.merge_norm,
        merge=module.merge,
        stride=module.stride,
    )
