"""The state of one person in a step-wise model, kept in memory that the graph writes itself."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

KINDS = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(bool)": np.bool_}
POSES, CONFIDENCE, PROBABILITIES = "poses", "confidence", "probabilities"


class StepState:
    """All inputs and outputs of a graph, bound once; a step copies the new poses and nothing else.

    The rings of layers, in which a step writes one slot, are input and output in one memory. Every
    other state has two, one to read and one to write, that change places after each step.

    Args:
        session: of onnxruntime, on the CPU.
        outputs: of each state, the output that holds it after the step.
        in_place: states that the graph only writes to, so that one memory serves both.
    """

    def __init__(self, session: Any, outputs: Mapping[str, str], in_place: Collection[str]):
        from onnxruntime import OrtValue

        self._session = session
        self._binding = session.io_binding()
        self._given: dict[str, Any] = {}
        self._pairs: list[list[Any]] = []
        for port in session.get_inputs():
            value = OrtValue.ortvalue_from_numpy(zeros(port))
            self._binding.bind_ortvalue_input(port.name, value)
            if port.name not in outputs:
                self._given[port.name] = value
            elif port.name in in_place:
                self._binding.bind_ortvalue_output(outputs[port.name], value)
            else:
                other = OrtValue.ortvalue_from_numpy(zeros(port))
                self._pairs.append([port.name, outputs[port.name], value, other])
        answer = next(port for port in session.get_outputs() if port.name == PROBABILITIES)
        self._answer = OrtValue.ortvalue_from_numpy(zeros(answer))
        self._binding.bind_ortvalue_output(PROBABILITIES, self._answer)

    def step(self, poses: np.ndarray, confidence: np.ndarray) -> np.ndarray:
        """Take the next frames; return probabilities (1, classes)."""
        self._given[POSES].update_inplace(np.ascontiguousarray(poses, np.float32))
        self._given[CONFIDENCE].update_inplace(np.ascontiguousarray(confidence, np.float32))
        for name, output, now, after in self._pairs:
            self._binding.bind_ortvalue_input(name, now)
            self._binding.bind_ortvalue_output(output, after)
        self._session.run_with_iobinding(self._binding)
        for pair in self._pairs:
            pair[2], pair[3] = pair[3], pair[2]
        return self._answer.numpy().copy()


def zeros(port: Any) -> np.ndarray:
    """Return zeros for an input or output, one row where rows are free."""
    shape = [size if isinstance(size, int) else 1 for size in port.shape]
    return np.zeros(shape, KINDS[port.type])
