"""Step form of CTR-GCN's spatial module."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from har.export.stepwise.choice import Choice
from har.export.stepwise.clock import Due
from har.export.stepwise.linear import dense, scale_and_offset
from har.export.stepwise.state import ReadAt, RunningMean, Stateful, Tape, WriteAt
from har.models.skeleton import ctrgcn


class StepRefinedGraph(nn.Module):
    """Step form of CTR-GCN's spatial module: its graphs follow the running mean of the frames.

    The graphs have the order (channel, subset and source, target): what comes to a channel of a
    frame is then one row times one matrix, which reads the graphs once and in order.

    Args:
        module: with its norms folded.
        due: when the graphs are made anew.
        window: frames of the layer that the running mean remembers.
    """

    expand: Tensor
    shared: Tensor
    offset: Tensor
    none: Tensor

    def __init__(self, module: ctrgcn.SpatialModule, due: Due, window: int):
        super().__init__()
        self.after, self.due, self.joints = due.timing, due, module.joints
        self.subsets, self.channels = module.subsets, module.out_channels
        project, graph = module.project, module.refined_graph
        weight, bias = (self._by_channel(part) for part in (project.weight, project.bias))
        self.project = dense(weight, bias)
        self.residual: Any = getattr(module.residual, "conv", module.residual)
        self.register_buffer("offset", scale_and_offset(module.norm, bias[: self.channels])[1])
        self.mean = RunningMean(window, (self.joints, weight.shape[1]), self.after)
        self.ends = dense(
            torch.cat([graph.query.weight, graph.key.weight]),
            torch.cat([graph.query.bias, graph.key.bias]),
        )
        self._keep_expansion(graph)
        self.shape = (1, self.channels, self.subsets * self.joints, self.joints)
        self.register_buffer("none", weight.new_zeros(0, *self.shape[1:]))
        if due.every > 1:
            self.graphs = Stateful(self.shape, in_place=True)
            self.graphs.moments.append(due)

    def _keep_expansion(self, graph: ctrgcn.RefinedGraph) -> None:
        """Keep what makes graphs of relations; the shared graphs count as one relation more."""
        weight, bias = (
            (graph.alpha * part).view(self.subsets, self.channels, -1)
            for part in (graph.expand.weight, graph.expand.bias)
        )
        expand = torch.cat([weight, bias, torch.ones_like(bias)], dim=2)
        body = graph.adjacency.transpose(1, 2).flatten(1)[:, None]
        shared = torch.cat([torch.ones_like(body), body], dim=1)
        self.register_buffer("expand", expand.detach().clone())
        self.register_buffer("shared", shared.detach().clone())

    def _by_channel(self, part: Tensor) -> Tensor:
        """Put channels (subset, channel), on the first axis, in the order (channel, subset)."""
        apart = part.view(self.subsets, self.channels, *part.shape[1:])
        return apart.transpose(0, 1).flatten(0, 1)

    def forward(self, tape: Tape, x: Tensor) -> Tensor:
        """Map (N, C) to (N, C')."""
        frames = self.after.frames
        mean = self.mean(tape, x.view(-1, frames, self.joints, x.shape[-1]))
        graphs = self._latest(tape, mean) if self.due.every > 1 else self._made(mean)[:, None]
        projected = self.project(x)
        terms = projected.view(-1, frames, self.joints, projected.shape[-1]).permute(0, 3, 1, 2)
        if frames > 1:
            parts = (self.channels, self.subsets, frames, self.joints)
            terms = terms.reshape(-1, *parts).transpose(2, 3)
        terms = terms.reshape(-1, 1, self.channels, frames, self.subsets * self.joints)
        out = (terms @ graphs).permute(0, 1, 3, 4, 2).reshape(-1, self.channels)
        return F.relu(out + self.offset + self.residual(x))

    def _latest(self, tape: Tape, mean: Tensor) -> Tensor:
        """Return the graphs as they were made last, those of the rows anew that are due."""
        due, name = tape.moments[self.due], self.graphs.name
        rows = due.nonzero()
        made = self._made(ReadAt.apply(mean, rows))
        graphs = WriteAt.apply(
            tape.states[name], rows, Choice.apply((due > 0).any(), made, self.none)
        )
        tape.updated[name] = graphs
        return graphs

    def _made(self, mean: Tensor) -> Tensor:
        """Map means of the frames, each (V, C), to graphs (rows, C', subset * V, W)."""
        width = self.ends.out_features // (2 * self.subsets)
        ends = self.ends(mean).view(-1, self.joints, 2, self.subsets, width)
        query, key = ends.permute(2, 0, 3, 4, 1)
        relations = torch.tanh(query[..., None, :] - key[..., :, None]).flatten(3)
        shared = self.shared.expand(relations.shape[0], -1, -1, -1)
        made = self.expand @ torch.cat([relations, shared], dim=2)
        return made.transpose(1, 2).reshape(-1, *self.shape[1:])
