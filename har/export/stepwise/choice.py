"""What is worked out only when it is needed: an ``If`` in the graph, whose other branch is free.

The tracing exporter follows one path. So a choice is traced as a node of its own kind, and
``write_choices`` then moves what leads to its first input, and to nothing else, into a branch.
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from har.export.onnx_file import EXTRA
from har.extras import require

DOMAIN, KIND = "har", "Choice"
BRANCH = "branch"
"""Who uses what a choice calls fresh."""


class Choice(torch.autograd.Function):
    """Gives ``fresh`` where ``needed``, a single boolean, is true, else ``kept``."""

    @staticmethod
    def symbolic(graph: Any, needed: Any, fresh: Any, kept: Any) -> Any:
        """Return the node that ``write_choices`` replaces."""
        chosen = graph.op(f"{DOMAIN}::{KIND}", needed, fresh, kept)
        return chosen.setType(kept.type().with_sizes([None] * kept.type().dim()))

    @staticmethod
    def forward(ctx: Any, needed: Tensor, fresh: Tensor, kept: Tensor) -> Tensor:  # noqa: ARG004
        """Choose."""
        return fresh if bool(needed) else kept


def write_choices(path: Path) -> None:
    """Replace the choices in an ONNX file by ``If``, and write it again."""
    onnx = require("onnx", EXTRA)
    model = onnx.load(str(path))
    graph = model.graph
    for name in [node.output[0] for node in graph.node if node.op_type == KIND]:
        moved = _only_for(graph, name)
        nodes = [
            _as_if(onnx.helper, graph, node, moved) if node.output[0] == name else node
            for node in graph.node
            if node.output[0] not in moved
        ]
        del graph.node[:]
        graph.node.extend(nodes)
    others = [opset for opset in model.opset_import if opset.domain != DOMAIN]
    del model.opset_import[:]
    model.opset_import.extend(others)
    onnx.save(model, str(path))


def _as_if(helper: Any, graph: Any, choice: Any, moved: set[str]) -> Any:
    name, (needed, fresh, kept) = choice.output[0], choice.input
    inside = [node for node in graph.node if node.output[0] in moved]
    branches = {}
    for branch, nodes, value in (("then_branch", inside, fresh), ("else_branch", [], kept)):
        end = f"{name}.{branch}"
        nodes = [*nodes, helper.make_node("Identity", [value], [end])]
        given = [helper.make_empty_tensor_value_info(end)]
        branches[branch] = helper.make_graph(nodes, branch, [], given)
    return helper.make_node("If", [needed], [name], choice.name, **branches)


def _only_for(graph: Any, choice: str) -> set[str]:
    """Return the first outputs of the nodes that nothing needs but what a choice calls fresh."""
    moved = {BRANCH}
    users: dict[str, set[str]] = {output.name: {"the graph"} for output in graph.output}
    for node in reversed(graph.node):
        own = node.output[0]
        using = set().union(*(users.get(name, set()) for name in node.output))
        if using and using <= moved:
            moved.add(own)
        for number, name in enumerate(_needs(node)):
            fresh = own == choice and number == 1
            users.setdefault(name, set()).add(BRANCH if fresh else own)
    return moved


def _needs(node: Any) -> list[str]:
    """Return what a node and its branches take."""
    branches = [attribute.g for attribute in node.attribute if attribute.HasField("g")]
    inner = [name for branch in branches for part in branch.node for name in _needs(part)]
    return [*node.input, *inner]
