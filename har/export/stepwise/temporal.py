"""Step forms of what looks along time: convolutions, max-pools, residuals around them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from har.export.onnx_file import ExportError
from har.export.stepwise.state import Memory, Recent, Tape, Timing
from har.models.layers import TemporalConv
from har.models.skeleton import stgcnpp
from har.models.temporal_modules import MultiScaleTemporal, TemporalBranches, UnitTemporalConv


@dataclass(frozen=True)
class Window:
    """The frames that a temporal module sees in one step, and which of them it is centred on.

    Attributes:
        reach: frames of the layer to each side.
        stride: of the module.
        before: timing of what comes in.
        after: timing of what goes out.
        wait: frames that it waits to be in step with the stride.
    """

    reach: int
    stride: int
    before: Timing
    after: Timing
    wait: int

    @classmethod
    def of(cls, before: Timing, reach: int, stride: int) -> "Window":
        """Return the window of a module with that reach and stride."""
        after, wait = before.later(reach).reduced(stride)
        return cls(reach, stride, before, after, wait)

    @property
    def memory(self) -> int:
        """How many maps of earlier steps it needs."""
        return 2 * self.reach * self.before.spacing + self.wait

    def at(self, offsets: Sequence[int]) -> np.ndarray:
        """Return where the frames lie that are so far from the centres, (K', offsets)."""
        step = self.stride if self.before.hop > 1 else 1
        starts = (self.reach + np.array(offsets)) * self.before.spacing
        return np.arange(self.after.frames)[:, None] * step + starts


class ConvolutionTaps(nn.Module):
    """A convolution along time as one matrix product of the frames under its taps."""

    weight: Tensor
    bias: Tensor | None

    def __init__(self, conv: TemporalConv):
        super().__init__()
        kernel, self.dilation = conv.conv.kernel_size[0], conv.conv.dilation[0]
        self.reach = self.dilation * (kernel - 1) // 2
        self.offsets = range(-self.reach, self.reach + 1, self.dilation)
        flat = conv.conv.weight[..., 0].permute(2, 1, 0).flatten(0, 1)
        self.register_buffer("weight", flat.detach().clone())
        self.register_buffer("bias", conv.conv.bias)

    def forward(self, recent: Recent, place: Window) -> Tensor:
        """Map the latest frames, each (..., C), to (P, K', ..., C')."""
        taps = recent.take(place.at(self.offsets))
        maps = (place.after.frames, *recent.shape[:-1])
        out = taps.movedim(2, -2).reshape(-1, *maps, len(self.weight)) @ self.weight
        return out if self.bias is None else out + self.bias


class MaximumTaps(nn.Module):
    """The maximum of three frames."""

    reach = 1

    def forward(self, recent: Recent, place: Window) -> Tensor:
        """Map the latest frames, each (V, C), to (P, K', V, C)."""
        return recent.take(place.at((-1, 0, 1))).amax(2)


class CentreTap(nn.Module):
    """The frame itself."""

    reach = 0

    def forward(self, recent: Recent, place: Window) -> Tensor:
        """Map the latest frames, each (V, C), to (P, K', V, C)."""
        return recent.take(place.at((0,))[:, 0])


Part = tuple[int, ConvolutionTaps | MaximumTaps | CentreTap]
"""Channels, and what looks along time in them."""


class StepTemporal(nn.Module):
    """Parallel branches along time: open each frame, look along time, close each frame.

    Args:
        parts: channels of the opened frames and what looks along time in them.
        stride: of all branches.
        joints: V.
        timing: of what comes in.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        stride: int,
        joints: int,
        timing: Timing,
    ):
        super().__init__()
        self.widths = [width for width, _ in parts]
        self.branches = nn.ModuleList(branch for _, branch in parts)
        reach = max(branch.reach for _, branch in parts)
        self.window = Window.of(timing, reach, stride)
        self.memories = nn.ModuleList(
            Memory(self.window.memory, (joints, width), timing) for width in self.widths
        )

    @property
    def after(self) -> Timing:
        """Timing of what goes out."""
        return self.window.after

    def open(self, x: Tensor) -> Tensor:
        """Map frames to what the branches look at."""
        raise NotImplementedError

    def close(self, x: Tensor) -> Tensor:
        """Map what the branches give, side by side, to the output."""
        raise NotImplementedError

    def forward(self, tape: Tape, x: Tensor) -> Tensor:
        """Map (P, K, V, C) to (P, K', V, C')."""
        opened = self.open(x)
        opened = opened * tape.valid(self.window.before, opened)
        pieces = opened.split(self.widths, dim=-1)
        found = [
            branch(memory(tape, piece), self.window)
            for branch, memory, piece in zip(self.branches, self.memories, pieces, strict=True)
        ]
        return self.close(found[0] if len(found) == 1 else torch.cat(found, dim=-1))


class StepUnit(StepTemporal):
    """Step form of ``UnitTemporalConv``."""

    def __init__(self, module: UnitTemporalConv, joints: int, timing: Timing):
        conv = module.conv
        assert isinstance(conv, TemporalConv)
        parts: list[Part] = [(conv.conv.in_channels, ConvolutionTaps(conv))]
        super().__init__(parts, module.stride, joints, timing)
        self.norm, self.act = module.norm, module.act

    def open(self, x: Tensor) -> Tensor:
        """Return the frames as they are."""
        return x

    def close(self, x: Tensor) -> Tensor:
        """Normalise and activate."""
        return self.act(self.norm(x))


class StepMultiScale(StepTemporal):
    """Step form of ``MultiScaleTemporal`` without a residual of its own."""

    def __init__(self, module: MultiScaleTemporal, joints: int, timing: Timing):
        branches = module.branches
        super().__init__(_parts_of(branches), branches.stride, joints, timing)
        self.opener, self.opener_norm = branches.open, branches.open_norm
        pointwise = branches.pointwise
        self.pointwise: nn.Module | None = None
        if isinstance(pointwise, UnitTemporalConv):
            self.pointwise = pointwise.conv
        self.norm: nn.Module = module.norm
        self.merge = module.merge

    def open(self, x: Tensor) -> Tensor:
        """Open all branches; the bare 1x1 convolution is done here, too."""
        opened = F.relu(self.opener_norm(self.opener(x)))
        return opened if self.pointwise is None else torch.cat([opened, self.pointwise(x)], dim=-1)

    def close(self, x: Tensor) -> Tensor:
        """Normalise and merge."""
        return self.merge(self.norm(x))


class StepTemporalPlus(StepTemporal):
    """Step form of the temporal module of ST-GCN++."""

    floor: Tensor

    def __init__(self, module: stgcnpp.TemporalModule, joints: int, timing: Timing):
        convolutions = zip(module.widths, module.convolutions, strict=False)
        parts: list[Part] = [(w, ConvolutionTaps(cast(TemporalConv, c))) for w, c in convolutions]
        parts += [(module.widths[-2], MaximumTaps()), (module.widths[-1], CentreTap())]
        super().__init__(parts, module.stride, joints, timing)
        self.module = module
        floor = module.reduce.weight.new_zeros(sum(module.widths))
        floor[-module.widths[-1] :] = torch.finfo(floor.dtype).min
        self.register_buffer("floor", floor)

    def open(self, x: Tensor) -> Tensor:
        """Open all branches; the last has no activation."""
        return torch.maximum(self.module.reduce(x), self.floor)

    def close(self, x: Tensor) -> Tensor:
        """Normalise and merge."""
        return self.module.norm(self.module.merge(F.relu(self.module.merge_norm(x))))


def _parts_of(branches: TemporalBranches) -> list[Part]:
    found: list[Any] = [ConvolutionTaps(cast(TemporalConv, c)) for c in branches.convolutions]
    if branches.max_pool:
        found.append(MaximumTaps())
    widths = list(branches.opened_widths)
    if branches.pointwise is not None:
        found.append(CentreTap())
        widths.append(branches.out_channels - sum(widths))
    return list(zip(widths, found, strict=True))


def step_temporal(module: nn.Module, joints: int, timing: Timing) -> StepTemporal:
    """Return the step form of a temporal module.

    Raises:
        ExportError: there is none for its kind.
    """
    if isinstance(module, nn.Sequential):  # with a dropout behind, which does nothing here
        module = module[0]
    if isinstance(module, UnitTemporalConv) and not module.pointwise:
        return StepUnit(module, joints, timing)
    plain = type(module).forward is MultiScaleTemporal.forward
    if plain and isinstance(module, MultiScaleTemporal) and not module.has_residual:
        return StepMultiScale(module, joints, timing)
    if isinstance(module, stgcnpp.TemporalModule):
        return StepTemporalPlus(module, joints, timing)
    raise ExportError(f"the temporal module {type(module).__name__} has no step-wise form")


class StepResidual(nn.Module):
    """The way around a block: its input, as much later as the block's output comes.

    Args:
        shortcut: for each frame.
        channels: C of the input.
        joints: V.
        before: timing where the block begins.
        after: timing where it ends.
    """

    def __init__(
        self, shortcut: nn.Module, channels: int, joints: int, before: Timing, after: Timing
    ):
        super().__init__()
        self.shortcut = shortcut
        self.before, self.after = before, after
        frames = (after.delay - before.delay) // (1 if before.hop == 1 else before.rate)
        self.memory = Memory(frames, (joints, channels), before)
        step = 1 if before.hop == 1 else after.rate // before.rate
        self.places = np.arange(after.frames) * step

    def forward(self, tape: Tape, x: Tensor) -> Tensor:
        """Map (P, K, V, C) to (P, K', V, C')."""
        return self.shortcut(self.memory(tape, x).take(self.places))
