"""Runs a graph with OpenVINO, which is the fastest on most x86 processors, as onnxruntime would.

https://docs.openvino.ai; float32, or bfloat16 where the processor has units for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from har.edge.bundle import BundleError

PROVIDERS: Mapping[str, str] = {"openvino": "f32", "openvino-bf16": "bf16"}
"""Names of the providers, and the precision in which each computes."""

_TYPES = {"f32": "tensor(float)", "i64": "tensor(int64)", "boolean": "tensor(bool)"}


@dataclass(frozen=True)
class Port:
    """An input or an output, described as onnxruntime does."""

    name: str
    shape: tuple[int | None, ...]
    type: str


class OpenVinoSession:
    """The part of onnxruntime's ``InferenceSession`` that the runtime uses, on OpenVINO.

    The graph is compiled once for each set of shapes that it is given: with sizes that it knows
    OpenVINO computes fastest, and it fails on some graphs without.

    Args:
        model: path of the graph.
        threads: of all operators together; None leaves it to OpenVINO.
        precision: ``f32`` or ``bf16``.

    Raises:
        BundleError: OpenVINO is not installed, or cannot load the graph.
    """

    def __init__(self, model: Path, threads: int | None, precision: str):
        try:
            import openvino
        except ImportError as error:
            raise BundleError("OpenVINO is not installed: pip install openvino") from error
        self._core = openvino.Core()
        self._path = str(model)
        self._options: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": precision,
            "PERFORMANCE_HINT": "LATENCY",
        }
        if threads is not None:
            self._options["INFERENCE_NUM_THREADS"] = threads
        try:
            self._model = self._core.read_model(self._path)
        except RuntimeError as error:
            raise BundleError(_told(model, error)) from error
        self._requests: dict[tuple[tuple[int, ...], ...], Any] = {}

    def get_inputs(self) -> list[Port]:
        """Return the inputs of the graph."""
        return [_port(port) for port in self._model.inputs]

    def get_outputs(self) -> list[Port]:
        """Return the outputs of the graph."""
        return [_port(port) for port in self._model.outputs]

    def get_providers(self) -> list[str]:
        """Return where the graph runs."""
        return ["openvino"]

    def run(self, names: Sequence[str] | None, fed: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """Return the outputs of these names, or all; in arrays of their own."""
        request = self._request({name: array.shape for name, array in fed.items()})
        request.infer(dict(fed), share_inputs=True)
        wanted = names or [port.name for port in self.get_outputs()]
        return [np.array(request.get_tensor(name).data) for name in wanted]

    def _request(self, shapes: dict[str, tuple[int, ...]]) -> Any:
        key = tuple(shapes.values())
        if key not in self._requests:
            try:
                model = self._core.read_model(self._path)
                model.reshape({name: list(shape) for name, shape in shapes.items()})
                compiled = self._core.compile_model(model, "CPU", self._options)
            except RuntimeError as error:
                raise BundleError(_told(self._path, error)) from error
            self._requests[key] = compiled.create_infer_request()
        return self._requests[key]


def _told(model: Path | str, error: Exception) -> str:
    return f"OpenVINO cannot load {model}: {str(error).strip().splitlines()[-1]}"


def _port(port: Any) -> Port:
    shape = tuple(d.get_length() if d.is_static else None for d in port.get_partial_shape())
    kind = port.get_element_type().get_type_name()
    return Port(port.get_any_name(), shape, _TYPES.get(kind, kind))
