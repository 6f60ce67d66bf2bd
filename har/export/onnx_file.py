"""ONNX files: written from modules, opened, run."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from har.errors import HarError
from har.extras import require

OPSET = 17
EXPORTER = "torch.onnx.export, traced"
EXTRA = "export"


class ExportError(HarError, RuntimeError):
    """A model that cannot be exported, or whose export does not compute the same."""


@dataclass(frozen=True)
class Port:
    """An input or output of a graph.

    Attributes:
        name: in the graph.
        dtype: as NumPy names it.
        shape: a number for each axis that is fixed, a name for each that is not.
    """

    name: str
    dtype: str
    shape: tuple[int | str, ...]


def write_onnx(
    module: nn.Module,
    example: Sequence[Tensor],
    inputs: Sequence[Port],
    outputs: Sequence[Port],
    path: Path,
) -> None:
    """Write a module as an ONNX file of ``OPSET``, with the axes named that may change.

    Args:
        module: in evaluation.
        example: inputs of any allowed shape.
        inputs: of the module, in its order.
        outputs: likewise.
        path: of the file.

    Raises:
        ExportError: a part of the module has no ONNX form.
    """
    require("onnx", EXTRA)
    axes = {
        port.name: {axis: name for axis, name in enumerate(port.shape) if isinstance(name, str)}
        for port in (*inputs, *outputs)
    }
    torch.onnx.register_custom_op_symbolic("aten::cummax", _running_maximum, OPSET)
    try:
        with torch.no_grad(), warnings.catch_warnings(), _traceable_unflatten(), _resized_weights():
            warnings.simplefilter("ignore")  # of the tracer, about sizes that are fixed on purpose
            torch.onnx.export(
                module,
                tuple(example),
                str(path),
                dynamo=False,
                opset_version=OPSET,
                input_names=[port.name for port in inputs],
                output_names=[port.name for port in outputs],
                dynamic_axes={name: named for name, named in axes.items() if named},
            )
    except (RuntimeError, torch.onnx.errors.OnnxExporterError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ExportError(f"the model has no ONNX form of opset {OPSET}: {reason}") from error


@contextmanager
def _traceable_unflatten() -> Iterator[None]:
    """Let ``Tensor.unflatten`` be a reshape: as itself, the tracer fixes all other axes."""
    own = Tensor.unflatten

    def unflatten(tensor: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
        place = dim % tensor.dim()
        return tensor.reshape(*tensor.shape[:place], *sizes, *tensor.shape[place + 1 :])

    setattr(Tensor, "unflatten", unflatten)  # noqa: B010 - mypy allows no assignment
    try:
        yield
    finally:
        setattr(Tensor, "unflatten", own)  # noqa: B010


@contextmanager
def _resized_weights() -> Iterator[None]:
    """Let antialiased resizing be a number that is worked out now, for it has no ONNX form.

    Models use it for weights only, such as the position embedding of another picture size. A model
    that resized its input so would be refused, since its graph would not compute the same.
    """
    own, tracer = F.interpolate, cast(Any, torch._C)

    def interpolate(given: Tensor, *arguments: Any, **options: Any) -> Tensor:
        if not options.get("antialias") or not torch.jit.is_tracing():
            return own(given, *arguments, **options)
        tracing = tracer._get_tracing_state()
        tracer._set_tracing_state(None)
        try:
            return own(given.detach(), *arguments, **options)
        finally:
            tracer._set_tracing_state(tracing)

    setattr(F, "interpolate", interpolate)  # noqa: B010
    try:
        yield
    finally:
        setattr(F, "interpolate", own)  # noqa: B010


def _running_maximum(graph: Any, x: Any, dim: Any) -> tuple[Any, Any]:  # noqa: ARG001
    """Tell the exporter what ``Tensor.cummax`` of whole numbers along the last axis is.

    Each value is the maximum over a row in which what comes later counts as very small.
    """
    last, before = _numbers(graph, [-1]), _numbers(graph, [-2])
    size = graph.op("Gather", graph.op("Shape", x), _numbers(graph, -1), axis_i=0)
    places = graph.op("Range", _numbers(graph, 0), size, _numbers(graph, 1))
    earlier = graph.op(
        "GreaterOrEqual",
        graph.op("Unsqueeze", places, last),
        graph.op("Unsqueeze", places, _numbers(graph, [0])),
    )
    rows = graph.op("Unsqueeze", x, before)
    known = graph.op("Where", earlier, rows, _numbers(graph, -(2**62)))
    values = graph.op("ReduceMax", known, axes_i=[-1], keepdims_i=0)
    return values, graph.op("ArgMax", known, axis_i=-1, keepdims_i=0)


def _numbers(graph: Any, value: int | list[int]) -> Any:
    return graph.op("Constant", value_t=torch.tensor(value, dtype=torch.int64))


def open_session(path: Path, threads: int = 1, optimised: bool = True) -> Any:
    """Open an ONNX file for the CPU.

    Raises:
        ExportError: onnxruntime cannot run it.
    """
    runtime = require("onnxruntime", EXTRA)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    if not optimised:
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own classes have no common base
        reason = str(error).partition("\n")[0]
        raise ExportError(f"onnxruntime cannot run {path.name}: {reason}") from error


def kept_inputs(path: Path, inputs: Sequence[Port]) -> tuple[Port, ...]:
    """Return those inputs that the graph has: one that nothing depends on is not written."""
    there = {port.name for port in open_session(path, optimised=False).get_inputs()}
    return tuple(port for port in inputs if port.name in there)


def run_session(session: Any, inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Return all outputs for some inputs.

    Raises:
        ExportError: the graph fails on them, such as on a shape that it does not allow.
    """
    try:
        return session.run(None, dict(inputs))
    except Exception as error:  # as above
        shapes = {name: array.shape for name, array in inputs.items()}
        reason = str(error).partition("\n")[0]
        raise ExportError(f"the graph fails on inputs of {shapes}: {reason}") from error
