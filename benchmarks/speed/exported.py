"""Inference of our models as the edge runs them: exported to ONNX, batch norms folded."""

import tempfile
from pathlib import Path

import numpy as np
from torch import Tensor, nn

from har.edge.engine import open_session
from har.export.folding import fold_norms
from har.export.graph import masked
from har.export.onnx_file import Port, write_onnx
from har.models.classifier import SkeletonClassifier
from speed.timing import Call

PROVIDERS = {
    "float32": {"ours_onnxruntime": "CPUExecutionProvider", "ours_openvino": "openvino"},
    "bfloat16": {"ours_openvino": "openvino-bf16"},
}
"""Providers of each precision, by the name of the side; onnxruntime has no bfloat16 on a CPU."""


class _Joints(nn.Module):
    """A classifier of the joint stream with tensors for inputs, as a graph has them."""

    def __init__(self, classifier: SkeletonClassifier):
        super().__init__()
        self.classifier = masked(fold_norms(classifier))

    def forward(self, joints: Tensor, mask: Tensor) -> Tensor:
        return self.classifier({"joint": joints}, mask)


def exported_call(
    model: SkeletonClassifier, joints: Tensor, mask: Tensor, provider: str, threads: int
) -> Call:
    """Export a model and return a call that predicts these clips.

    Args:
        model: in evaluation.
        joints: (N, M, T, V, C).
        mask: (N, M), who is there.
        provider: see ``har.edge.engine.open_session``.
        threads: of the session.
    """
    people_and_more = ("clips", "people", *joints.shape[2:])
    inputs = [
        Port("joints", "float32", people_and_more),
        Port("mask", "bool", people_and_more[:2]),
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.onnx")
        write_onnx(_Joints(model).eval(), (joints, mask), inputs, [Port("y", "float32", ())], path)
        session = open_session(path, threads, (provider,))
        everything: dict[str, np.ndarray] = {"joints": joints.numpy(), "mask": mask.numpy()}
        fed = {port.name: everything[port.name] for port in session.get_inputs()}
        session.run(None, fed)  # OpenVINO reads the file with the first shapes that it sees
    return lambda: session.run(None, fed)
