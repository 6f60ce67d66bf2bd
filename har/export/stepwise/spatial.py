"""Step forms of the spatial modules: those that look at one frame, and those that look at all.

ST-GCN and ST-GCN++ look at one frame at a time. CTR-GCN and AAGCN average over the frames of a
clip: here these means run along, see ``RunningMean``.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from har.export.onnx_file import ExportError
from har.export.stepwise.state import Memory, RunningMean, Tape, Timing
from har.export.stepwise.temporal import ConvolutionTaps, Window
from har.models.layers import TemporalConv
from har.models.skeleton import aagcn, ctrgcn, stgcn, stgcnpp


class StepGraph(nn.Module):
    """Step form of the spatial modules of ST-GCN and ST-GCN++, which look at one frame at a time.

    The same sums as ``har.models.layers.aggregate``, in a graph without computed shapes.
    """

    weights: Tensor

    def __init__(self, module: stgcn.SpatialModule | stgcnpp.SpatialModule, timing: Timing):
        super().__init__()
        adjacency = module.adjacency
        if isinstance(module, stgcn.SpatialModule):
            adjacency = adjacency * module.importance
        joints = adjacency.shape[1]
        weights = adjacency.permute(2, 1, 0).reshape(joints, -1)
        self.register_buffer("weights", weights.detach().clone())
        self.project, self.norm = module.project, module.norm
        self.residual = getattr(module, "residual", None)
        self.after = timing

    def forward(self, tape: Tape, x: Tensor) -> Tensor:  # noqa: ARG002
        """Map (P, K, V, C) to (P, K, V, C')."""
        joints, terms = self.weights.shape
        channels = self.project.out_features * joints // terms
        stacked = self.project(x).reshape(-1, terms, channels)
        out = self.norm((self.weights @ stacked).reshape(-1, self.after.frames, joints, channels))
        return F.relu(out if self.residual is None else out + self.residual(x))


class StepRefinedGraph(nn.Module):
    """Step form of CTR-GCN's spatial module: its graphs follow the running mean of the frames.

    The graphs are used in the order (graph, channel, target, source) in which they are made; what
    does not depend on the frames is added up beforehand.
    """

    shared: Tensor
    expand: Tensor

    def __init__(self, module: ctrgcn.SpatialModule, timing: Timing, window: int):
        super().__init__()
        self.joints, self.after = module.joints, timing
        self.project, self.norm, self.residual = module.project, module.norm, module.residual
        self.mean = RunningMean(window, (module.joints, module.project.in_features), timing)
        graph = module.refined_graph
        self.query, self.key = graph.query, graph.key
        per_graph = (module.subsets, module.out_channels)
        bias = (graph.alpha * graph.expand.bias).view(*per_graph, 1, 1)
        self.register_buffer("shared", (graph.adjacency[:, None] + bias).detach())
        expand = (graph.alpha * graph.expand.weight).view(*per_graph, -1)
        self.register_buffer("expand", expand.detach())

    def forward(self, tape: Tape, x: Tensor) -> Tensor:
        """Map (P, K, V, C) to (P, K, V, C')."""
        subsets, channels, _, _ = self.shared.shape
        projected = self.project(x).view(-1, self.after.frames, self.joints, subsets, channels)
        gathered = self._graphs(self.mean(tape, x)) @ projected.permute(0, 3, 4, 2, 1)
        out = gathered.sum(1).permute(0, 3, 2, 1)
        return F.relu(self.norm(out) + self.residual(x))

    def _graphs(self, mean: Tensor) -> Tensor:
        """Map the mean of the frames (P, V, C) to graphs (P, K, C', W, V)."""
        subsets = len(self.shared)
        query, key = (
            project(mean).view(-1, self.joints, subsets, self.expand.shape[2]).permute(0, 2, 3, 1)
            for project in (self.query, self.key)
        )
        relations = torch.tanh(query[..., None] - key[..., None, :]).flatten(3)
        return (self.expand @ relations).view(-1, *self.shared.shape) + self.shared


class StepAdaptiveGraph(nn.Module):
    """Step form of AAGCN's spatial module: similarity and attention follow running means."""

    def __init__(self, module: aagcn.SpatialModule, joints: int, timing: Timing, window: int):
        super().__init__()
        self.module = module
        graph = module.graph
        shape = (graph.subsets, joints, joints)
        self.similarity = RunningMean(window, shape, timing)
        self.attention: nn.Module | None = None
        self.after = timing
        if isinstance(module.attention, aagcn.Attention):
            self.attention = StepAttention(module.attention, joints, timing, window)
            self.after = self.attention.after

    def forward(self, tape: Tape, x: Tensor) -> Tensor:
        """Map (P, K, V, C) to (P, K, V, C')."""
        module = self.module
        graphs = self._graphs(self.similarity(tape, self._similarity(x)))
        mixed = torch.matmul(graphs.permute(0, 3, 1, 2).flatten(1, 2)[:, None], x)
        gathered = mixed.view(x.shape[0], x.shape[1], x.shape[2], -1)
        out = F.relu(module.norm(module.project(gathered)) + module.residual(x))
        return out if self.attention is None else self.attention(tape, out)

    def _similarity(self, x: Tensor) -> Tensor:
        """Return how alike the joints of each frame are, (P, K, subsets, V, V)."""
        graph = self.module.graph
        embedded = graph.embed(x).view(*x.shape[:3], 2, graph.subsets, -1)
        sources, targets = embedded.permute(3, 0, 1, 4, 2, 5)
        return sources @ targets.transpose(-1, -2) / sources.shape[-1]

    def _graphs(self, similarity: Tensor) -> Tensor:
        graph = self.module.graph
        if graph.similarity == "tanh":
            return graph.adjacency + graph.gate * torch.tanh(similarity)
        return graph.body + graph.offset + torch.softmax(similarity, dim=-2)


class StepAttention(nn.Module):
    """Step form of AAGCN's attention; the weights of the frames look four frames ahead."""

    def __init__(self, module: aagcn.Attention, joints: int, timing: Timing, window: int):
        super().__init__()
        self.module = module
        channels = module.joints.in_channels
        self.joint_mean = RunningMean(window, (joints, channels), timing)
        self.taps = ConvolutionTaps(_as_temporal(module.frames))
        self.place = Window.of(timing, self.taps.reach, stride=1)
        self.profile = Memory(self.place.memory, (channels,), timing)
        self.waiting = Memory(self.taps.reach * timing.spacing, (joints, channels), timing)
        self.after = self.place.after
        self.channel_mean = RunningMean(window, (channels,), self.after)

    def forward(self, tape: Tape, x: Tensor) -> Tensor:
        """Map (P, K, V, C) to (P, K, V, C), four frames of the layer later."""
        module = self.module
        joints = torch.sigmoid(module.joints(self.joint_mean(tape, x).transpose(1, 2)))
        x = x * (1 + joints[:, 0, None, :, None])
        profile = x.mean(2) * tape.valid(self.place.before, x)[..., 0]
        frames = torch.sigmoid(self.taps(self.profile(tape, profile), self.place))
        waited = self.waiting(tape, x).take(np.arange(self.after.frames))
        x = waited * (1 + frames[..., None])
        mean = self.channel_mean(tape, x.mean(2))
        channels = torch.sigmoid(module.excite(F.relu(module.squeeze(mean))))
        return x * (1 + channels[:, None, None])


def _as_temporal(conv: nn.Conv1d) -> TemporalConv:
    """Return a convolution over frames as the project's own kind."""
    kernel = conv.kernel_size[0]
    own = TemporalConv(conv.in_channels, conv.out_channels, kernel).to(conv.weight)
    own.conv.weight = nn.Parameter(conv.weight[..., None], requires_grad=False)
    own.conv.bias = conv.bias
    return own


def step_spatial(
    module: nn.Module, joints: int, timing: Timing, window: int
) -> StepGraph | StepRefinedGraph | StepAdaptiveGraph:
    """Return the step form of a spatial module.

    Args:
        module: with its norms folded.
        joints: V.
        timing: of what comes in.
        window: frames of the stream that running means remember.

    Raises:
        ExportError: there is none for its kind.
    """
    remembered = max(1, window // (1 if timing.hop == 1 else timing.rate))
    if isinstance(module, stgcn.SpatialModule | stgcnpp.SpatialModule):
        return StepGraph(module, timing)
    if isinstance(module, ctrgcn.SpatialModule):
        return StepRefinedGraph(module, timing, remembered)
    if isinstance(module, aagcn.SpatialModule):
        return StepAdaptiveGraph(module, joints, timing, remembered)
    raise ExportError(f"the spatial module {type(module).__name__} has no step-wise form")
