"""Step forms of the spatial modules that look at one frame, and the choice among all."""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from har.export.onnx_file import ExportError
from har.export.stepwise.adaptive import StepAdaptiveGraph
from har.export.stepwise.clock import Due, Timing
from har.export.stepwise.linear import bias_of, dense, scale_and_offset
from har.export.stepwise.refined import StepRefinedGraph
from har.export.stepwise.state import Tape
from har.models.skeleton import aagcn, ctrgcn, stgcn, stgcnpp


class StepGraph(nn.Module):
    """Step form of the spatial modules of ST-GCN and ST-GCN++, which look at one frame at a time.

    The same sums as ``har.models.layers.aggregate``, in a graph without computed shapes.
    """

    weights: Tensor
    offset: Tensor

    def __init__(self, module: stgcn.SpatialModule | stgcnpp.SpatialModule, timing: Timing):
        super().__init__()
        adjacency: Tensor = module.adjacency
        if isinstance(module, stgcn.SpatialModule):
            adjacency = adjacency * module.importance
        graphs, joints, _ = adjacency.shape
        weights = adjacency.permute(2, 1, 0).reshape(joints, -1)
        self.register_buffer("weights", weights.detach().clone())
        bias = bias_of(module.project)
        self.channels = len(bias) // graphs
        scale, offset = scale_and_offset(module.norm, bias[: self.channels])
        scale = scale.repeat(graphs)
        self.project = dense(module.project.weight * scale[:, None], bias * scale)
        self.register_buffer("offset", offset.detach().clone())
        self.residual: Any = getattr(module, "residual", None)
        self.after = timing

    def forward(self, tape: Tape, x: Tensor) -> Tensor:  # noqa: ARG002
        """Map (N, C) to (N, C')."""
        stacked = self.project(x).reshape(-1, self.weights.shape[1], self.channels)
        out = (self.weights @ stacked).reshape(-1, self.channels) + self.offset
        return F.relu(out if self.residual is None else out + self.residual(x))


def step_spatial(
    module: nn.Module, joints: int, due: Due, window: int
) -> StepGraph | StepRefinedGraph | StepAdaptiveGraph:
    """Return the step form of a spatial module.

    Args:
        module: with its norms folded.
        joints: V.
        due: timing of what comes in, and when graphs that are dear to make are made anew.
        window: frames of the stream that running means remember.

    Raises:
        ExportError: there is none for its kind.
    """
    timing = due.timing
    remembered = max(1, window // (1 if timing.hop == 1 else timing.rate))
    if isinstance(module, stgcn.SpatialModule | stgcnpp.SpatialModule):
        return StepGraph(module, timing)
    if isinstance(module, ctrgcn.SpatialModule):
        return StepRefinedGraph(module, due, remembered)
    if isinstance(module, aagcn.SpatialModule):
        return StepAdaptiveGraph(module, joints, timing, remembered)
    raise ExportError(f"the spatial module {type(module).__name__} has no step-wise form")
