"""Integer graphs: weights and activations of the classifier in 8 bits, calibrated on clips."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from har.export.onnx_file import EXTRA, ExportError
from har.extras import require

QUANTISED = ("Conv", "Gemm", "MatMul")
CLASSIFIER = "/classifier/"


def quantise(source: Path, target: Path, clips: Iterable[Mapping[str, np.ndarray]]) -> int:
    """Write an int8 copy of a graph; what it does to poses before the classifier stays float.

    Weights are quantised by channel, activations by tensor, as the clips show their ranges.

    Args:
        source: float graph.
        target: file of the copy.
        clips: inputs of the graph, of training clips.

    Returns:
        How many operators are quantised.

    Raises:
        ExportError: none could be.
    """
    onnx = require("onnx", EXTRA)
    tools = require("onnxruntime.quantization", EXTRA)
    graph = onnx.load(str(source)).graph
    weights = {tensor.name for tensor in graph.initializer}
    nodes = [
        node.name
        for node in graph.node
        if node.op_type in QUANTISED
        and node.name.startswith(CLASSIFIER)
        and node.input[1] in weights
    ]
    if not nodes:
        raise ExportError("the graph has no operator that can be quantised to int8")
    logging.disable(logging.WARNING)  # advice to fold constants, which the exporter has done
    try:
        tools.quantize_static(
            str(source),
            str(target),
            _calibration(tools.CalibrationDataReader, clips),
            quant_format=tools.QuantFormat.QDQ,
            nodes_to_quantize=nodes,
            per_channel=True,
            weight_type=tools.QuantType.QInt8,
            activation_type=tools.QuantType.QInt8,
        )
    finally:
        logging.disable(logging.NOTSET)
    return len(nodes)


def _calibration(base: type, clips: Iterable[Mapping[str, np.ndarray]]) -> object:
    class Clips(base):  # type: ignore[misc]
        """Hands the clips to the calibration one by one."""

        def __init__(self) -> None:
            self.left: Iterator[Mapping[str, np.ndarray]] = iter(clips)

        def get_next(self) -> Mapping[str, np.ndarray] | None:
            """Return the inputs of the next clip, None after the last."""
            return next(self.left, None)

    return Clips()
