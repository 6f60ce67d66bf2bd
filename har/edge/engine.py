"""Runs the graph of a bundle with onnxruntime, or with OpenVINO where that is asked for."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from har.edge.bundle import Bundle, BundleError
from har.edge.openvino_session import PROVIDERS as OPENVINO
from har.edge.openvino_session import OpenVinoSession
from har.edge.step_state import StepState, zeros

DEFAULT_PROVIDERS = ("CPUExecutionProvider",)


def open_session(
    model: Path,
    threads: int | None = None,
    providers: tuple[str, ...] = DEFAULT_PROVIDERS,
    sizes: Mapping[str, int] | None = None,
) -> Any:
    """Return a session of onnxruntime, or one of OpenVINO that is used alike.

    Args:
        model: path of the graph.
        threads: for one operator; None leaves it to onnxruntime.
        providers: execution providers of onnxruntime, the first that can takes a node; or one of
            ``openvino`` and ``openvino-bf16`` alone.
        sizes: of axes that are free in the graph and are not to be; onnxruntime then computes
            beforehand what depends on nothing else.

    Raises:
        BundleError: what shall run the graph is not installed, lacks a provider, or cannot load it.
    """
    if set(providers) & set(OPENVINO):
        if len(providers) > 1:
            raise BundleError(f"{', '.join(providers)}: OpenVINO runs a graph alone; name one")
        return OpenVinoSession(model, threads, OPENVINO[providers[0]])
    try:
        import onnxruntime
    except ImportError as error:
        raise BundleError("onnxruntime is not installed: pip install onnxruntime") from error
    there = onnxruntime.get_available_providers()
    if missing := [name for name in providers if name not in there]:
        raise BundleError(
            f"onnxruntime has no {', '.join(missing)} here; it has {', '.join(there)}; "
            f"and there are {', '.join(OPENVINO)}"
        )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    for axis, size in (sizes or {}).items():
        options.add_free_dimension_override_by_name(axis, size)
    if threads is not None:
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(str(model), options, providers=list(providers))
    except Exception as error:
        raise BundleError(
            f"onnxruntime cannot load {model}: {str(error).splitlines()[0]}"
        ) from error


class ClipModel:
    """A model of whole windows.

    Args:
        bundle: of kind "clip".
        threads, providers: see ``open_session``.
    """

    def __init__(
        self,
        bundle: Bundle,
        threads: int | None = None,
        providers: tuple[str, ...] = DEFAULT_PROVIDERS,
    ):
        if bundle.kind != "clip":
            raise BundleError(f"{bundle.folder} is a model of kind {bundle.kind}, not clip")
        self.session = open_session(bundle.model, threads, providers)

    def __call__(self, poses: np.ndarray, confidence: np.ndarray) -> np.ndarray:
        """Return class probabilities.

        Args:
            poses: (N, M, T, V, C) float32.
            confidence: (N, M, T, V) float32; 0 for what was not seen.

        Returns:
            (N, classes).
        """
        fed = {"poses": poses.astype(np.float32), "confidence": confidence.astype(np.float32)}
        return self.session.run(["probabilities"], fed)[0]


class StepModel:
    """A model that takes a few frames at a time and keeps its state outside the graph.

    Args:
        bundle: of kind "step".
        threads, providers: see ``open_session``.
    """

    def __init__(
        self,
        bundle: Bundle,
        threads: int | None = None,
        providers: tuple[str, ...] = DEFAULT_PROVIDERS,
    ):
        if bundle.kind != "step":
            raise BundleError(f"{bundle.folder} is a model of kind {bundle.kind}, not step")
        self.session = open_session(bundle.model, threads, providers, {"rows": 1})
        poses = ("poses", "confidence")
        self._states = [i for i in self.session.get_inputs() if i.name not in poses]
        self._next = {s.name: f"next.{s.name.removeprefix('state.')}" for s in self._states}
        there = {output.name for output in self.session.get_outputs()}
        if lost := sorted(set(self._next.values()) - there):
            raise BundleError(f"{bundle.model} takes a state but does not return it: {lost[0]}")
        self._in_place = frozenset(bundle.manifest["model"].get("in_place") or ())
        self._binds = self.session.get_providers() == list(DEFAULT_PROVIDERS)

    def initial_state(self) -> "State":
        """Return the state of one person before the first frame."""
        if self._binds:
            return StepState(self.session, self._next, self._in_place)
        return {state.name: zeros(state) for state in self._states}

    def __call__(
        self, poses: np.ndarray, confidence: np.ndarray, state: "State"
    ) -> tuple[np.ndarray, "State"]:
        """Take the next frames of a person.

        Args:
            poses: (1, hop, V, C) at the model's frame rate.
            confidence: (1, hop, V).
            state: what the step before returned; of no use any more afterwards.

        Returns:
            Probabilities (1, classes), and the new state.
        """
        if isinstance(state, StepState):
            return state.step(poses, confidence), state
        fed = {"poses": poses.astype(np.float32), "confidence": confidence.astype(np.float32)}
        names = ["probabilities", *self._next.values()]
        found = dict(zip(names, self.session.run(names, {**fed, **state}), strict=True))
        return found["probabilities"], {own: found[new] for own, new in self._next.items()}


State = StepState | dict[str, np.ndarray]
"""Of one person: bound to the memory of onnxruntime on a CPU, else as arrays."""
