"""Step forms of what looks along time: convolutions, max-pools, residuals around them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from har.export.onnx_file import ExportError
from har.export.stepwise.state import Memory, Tape, Timing
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

    def take(self, window: Tensor, offset: int) -> Tensor:
        """Return the frames that lie ``offset`` frames from the centres, (P, K', ...)."""
        start = (self.reach + offset) * self.before.spacing
        step = self.stride if self.before.hop > 1 else 1
        return window[:, start : start + (self.after.frames - 1) * step + 1 : step]


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

    def forward(self, window: Tensor, place: Window) -> Tensor:
        """Map the frames of a window (P, F, V, C) to (P, K', V, C')."""
        taps = torch.cat([place.take(window, offset) for offset in self.offsets], dim=-1)
        out = taps @ self.weight
        return out if self.bias is None else out + self.bias


class MaximumTaps(nn.Module):
    """The maximum of three frames."""

    reach = 1

    def forward(self, window: Tensor, place: Window) -> Tensor:
        """Map the frames of a window (P, F, V, C) to (P, K', V, C)."""
        before, now, after = (place.take(window, offset) for offset in (-1, 0, 1))
        return torch.maximum(torch.maximum(before, now), after)


class CentreTap(nn.Module):
    """The frame itself."""

    reach = 0

    def forward(self, window: Tensor, place: Window) -> Tensor:
        """Map the frames of a window (P, F, V, C) to (P, K', V, C)."""
        return place.take(window, 0)


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
        self.memory = Memory(self.window.memory, (joints, sum(self.widths)))

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
        window = self.memory(tape, opened * tape.valid(self.window.before, opened))
        pieces = window.split(self.widths, dim=-1)
        found = [
            branch(piece, self.window) for branch, piece in zip(self.branches, pieces, strict=True)
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

    def __init__(self, module: stgcnpp.TemporalModule, joints: int, timing: Timing):
        convolutions = zip(module.widths, module.convolutions, strict=False)
        parts: list[Part] = [(w, ConvolutionTaps(cast(TemporalConv, c))) for w, c in convolutions]
        parts += [(module.widths[-2], MaximumTaps()), (module.widths[-1], CentreTap())]
        super().__init__(parts, module.stride, joints, timing)
        self.module = module

    def open(self, x: Tensor) -> Tensor:
        """Open all branches."""
        return torch.cat(self.module._open_branches(x), dim=-1)

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
        self.memory = Memory(frames, (joints, channels))

    def forward(self, tape: Tape, x: Tensor) -> Tensor:
        """Map (P, K, V, C) to (P, K', V, C')."""
        step = 1 if self.before.hop == 1 else self.after.rate // self.before.rate
        window = self.memory(tape, x)
        return self.shortcut(window[:, : (self.after.frames - 1) * step + 1 : step])
