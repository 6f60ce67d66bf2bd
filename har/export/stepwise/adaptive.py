"""Step form of AAGCN's spatial module: similarity and attention follow running means."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from har.export.stepwise.clock import Timing
from har.export.stepwise.linear import bias_of, dense
from har.export.stepwise.state import RunningMean, Tape
from har.export.stepwise.temporal import Delay, StepConvolution
from har.models.skeleton import aagcn
from har.models.temporal_modules import UnitTemporalConv


class StepAdaptiveGraph(nn.Module):
    """Step form of AAGCN's spatial module."""

    def __init__(self, module: aagcn.SpatialModule, joints: int, timing: Timing, window: int):
        super().__init__()
        self.residual: Any = getattr(module.residual, "conv", module.residual)
        self.module, self.frames, self.joints = module, timing.frames, joints
        subsets = module.graph.subsets
        self.width = module.graph.embed.out_features // (2 * subsets)
        self.similarity = RunningMean(window, (subsets * joints, joints), timing)
        self.attention: StepAttention | None = None
        self.after = timing
        if isinstance(module.attention, aagcn.Attention):
            self.attention = StepAttention(module.attention, joints, timing, window)
            self.after = self.attention.after

    def forward(self, tape: Tape, x: Tensor) -> Tensor:
        """Map (N, C) to (N, C')."""
        module = self.module
        graphs = self._graphs(self.similarity(tape, self._similarity(x)))
        mixed = graphs @ x.view(-1, self.frames, self.joints, x.shape[-1])
        gathered = mixed.reshape(-1, module.graph.subsets * x.shape[-1])
        out = F.relu(module.project(gathered) + self.residual(x))
        return out if self.attention is None else self.attention(tape, out)

    def _similarity(self, x: Tensor) -> Tensor:
        """Return how alike the joints of each frame are, (P, K, subsets*V, V)."""
        graph = self.module.graph
        parts = (self.frames, self.joints, 2, graph.subsets, self.width)
        embedded = graph.embed(x).view(-1, *parts)
        sources, targets = embedded.permute(3, 0, 1, 4, 2, 5)
        alike = sources @ targets.transpose(-1, -2) / self.width
        return alike.flatten(2, 3)

    def _graphs(self, similarity: Tensor) -> Tensor:
        """Map (P, 1, subsets*V, V) to the weights of all joints in (target, subset), last axis."""
        graph = self.module.graph
        alike = similarity.view(-1, graph.subsets, self.joints, self.joints)
        if graph.similarity == "tanh":
            graphs = graph.adjacency + graph.gate * torch.tanh(alike)
        else:
            graphs = graph.body + graph.offset + torch.softmax(alike, dim=-2)
        return graphs.permute(0, 3, 1, 2).flatten(1, 2)[:, None]


class StepAttention(nn.Module):
    """Step form of AAGCN's attention; the weights of the frames look four frames ahead."""

    diagonals: Tensor

    def __init__(self, module: aagcn.Attention, joints: int, timing: Timing, window: int):
        super().__init__()
        self.squeeze, self.excite, self.joints = module.squeeze, module.excite, joints
        channels, kernel = module.joints.in_channels, module.joints.kernel_size[0]
        self.joint_mean = RunningMean(window, (joints, channels), timing)
        self.joint_taps = dense(module.joints.weight[0].T, None)
        self.joint_sum = dense(
            _diagonals(joints, kernel).to(module.joints.weight), bias_of(module.joints)
        )
        self.profile = StepConvolution(_unit(module.frames), 1, timing)
        self.after, self.frames = self.profile.after, timing.frames
        self.waiting = Delay(joints, channels, timing, self.after)
        self.channel_mean = RunningMean(window, (1, channels), self.after)

    def forward(self, tape: Tape, x: Tensor) -> Tensor:
        """Map (N, C) to (N, C), four frames of the layer later."""
        channels = x.shape[-1]
        x = x.view(-1, self.frames, self.joints, channels)
        x = x * (1 + self._joint_weights(self.joint_mean(tape, x)))
        taps = self.profile.look(tape, x.mean(2))
        frames = 1 + torch.sigmoid(self.profile.convolve(taps))
        mean = (taps[:, self.profile.centre] * frames).view(-1, self.after.frames, 1, channels)
        inside = F.relu(self.squeeze(self.channel_mean(tape, mean).view(-1, channels)))
        factor = (1 + torch.sigmoid(self.excite(inside)))[:, None, None]
        factor = frames.view(-1, self.after.frames, 1, 1) * factor
        waited = self.waiting(tape, x).view(-1, self.after.frames, self.joints, channels)
        return (waited * factor).view(-1, channels)

    def _joint_weights(self, mean: Tensor) -> Tensor:
        """Map (P, 1, V, C) to (P, 1, V, 1)."""
        taps = self.joint_taps(mean.view(-1, mean.shape[-1]))
        weights = torch.sigmoid(self.joint_sum(taps.view(-1, self.joint_sum.in_features)))
        return weights[:, None, :, None]


def _diagonals(joints: int, kernel: int) -> Tensor:
    """Return what adds up the taps of a convolution over joints, (V, V * taps)."""
    target, source, tap = torch.meshgrid(
        torch.arange(joints), torch.arange(joints), torch.arange(kernel), indexing="ij"
    )
    return (source == target + tap - kernel // 2).flatten(1)


def _unit(conv: nn.Conv1d) -> UnitTemporalConv:
    """Return a convolution over frames as the project's own kind."""
    own = UnitTemporalConv(conv.in_channels, conv.out_channels, conv.kernel_size[0], norm=False)
    inner: Any = own.conv.get_submodule("conv")
    inner.weight, inner.bias = nn.Parameter(conv.weight[..., None]), conv.bias
    return own.requires_grad_(False)
