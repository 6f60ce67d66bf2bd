"""From a checkpoint to a bundle: a graph that is proven on real clips, and what it is."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from har.data.video_store import VideoStore
from har.errors import ConfigError
from har.export.bundle import CARD, MODEL, staged_folder, write_manifest
from har.export.graph import PoseClassifier
from har.export.onnx_file import (
    ExportError,
    open_session,
    run_session,
    write_onnx,
)
from har.export.parity import LIMITS
from har.run.exports.card import describe, write_card
from har.run.exports.facts import bundle_facts, window_seconds
from har.run.exports.proof import DTYPES, Proof
from har.run.exports.trained import (
    InputShape,
    Trained,
    clip_batches,
    describe_graph,
    example,
    graph_inputs,
    input_shape,
    load_trained,
    other_frames,
    ports,
)
from har.run.exports.video import check_video_export, write_video_graph

PROOF_CLIPS = 256
ANY_DTYPE = max(limits.max_difference for limits in LIMITS.values())


@dataclass(frozen=True)
class ExportResult:
    """A bundle that was written: its folder and the content of ``bundle.json``."""

    folder: Path
    manifest: Mapping[str, Any]


def export(
    ckpt: Path,
    out: Path,
    precision: str = "fp32",
    store: Path | None = None,
    any_data: bool = False,
    labels: str | None = None,
    clips: int = PROOF_CLIPS,
) -> ExportResult:
    """Export a checkpoint as an ONNX bundle, if the graph computes what the model computes.

    Args:
        ckpt: checkpoint of a run.
        out: folder of the bundle.
        precision: one of ``DTYPES``.
        store: clip store, where it is not where the run found it.
        any_data: prove it on data other than the run's own, too.
        labels: dataset whose labels the graph gives, where the model learnt from several.
        clips: how many test clips prove it; all their views are used.

    Raises:
        ExportError: the model has no ONNX form, or the graph is not the model.
        HarError: something the user gave cannot be used.
    """
    if precision not in DTYPES:
        raise ConfigError(f"precision={precision}: give one of {', '.join(DTYPES)}")
    trained = load_trained(ckpt, store, any_data, labels)
    is_video = isinstance(trained.experiment.store, VideoStore)
    if is_video:
        check_video_export(trained)
    with staged_folder(out) as folder:
        if is_video:
            graph = write_video_graph(trained, precision, clips, folder / MODEL)
        else:
            graph = _write_graph(trained, precision, clips, folder)
        content = {**graph, **_facts(trained)}
        write_card(folder / CARD, trained, content)
        manifest = write_manifest(folder, content)
    print(describe(manifest))
    print(f"bundle: {out}")
    return ExportResult(out, manifest)


def _write_graph(trained: Trained, precision: str, clips: int, folder: Path) -> dict[str, Any]:
    """Write the graph and prove it; return what it is and how far it is from the model."""
    path = folder / MODEL
    shape = _write_with_free_axes(trained, DTYPES[precision], path)
    proof = Proof(trained, partial(clip_batches, trained), graph_inputs, clips)
    found = proof.prove(path, precision)
    seconds = window_seconds(trained.experiment, trained.config)
    window = {**asdict(shape), "seconds": round(seconds, 3)}
    inputs, outputs = ports(trained, shape)
    about = describe_graph(trained, "clip", precision, inputs, outputs, _backbone(trained.config))
    return {"model": about, "window": window, **found}


def _write_with_free_axes(trained: Trained, dtype: torch.dtype, path: Path) -> InputShape:
    """Write the graph for any number of frames if it is right on others, else for one."""
    graph, shape = trained.graph(dtype), input_shape(trained)
    inputs, outputs = ports(trained, shape)
    write_onnx(graph, example(trained, shape), inputs, outputs, path)
    if not shape.any_frames or _right_on(graph, example(trained, other_frames(shape)), path):
        return shape
    shape = replace(shape, any_frames=False)
    inputs, outputs = ports(trained, shape)
    write_onnx(graph, example(trained, shape), inputs, outputs, path)
    return shape


def _right_on(graph: PoseClassifier, inputs: tuple[Tensor, Tensor], path: Path) -> bool:
    arrays = dict(zip(("poses", "confidence"), (x.numpy() for x in inputs), strict=True))
    try:
        found = run_session(open_session(path), arrays)[0]
    except ExportError:
        return False
    return bool(np.abs(found - graph(*inputs).numpy()).max() < ANY_DTYPE)


def _facts(trained: Trained) -> dict[str, Any]:
    return bundle_facts(trained.ckpt, trained.experiment, trained.config, trained.outputs)


def _backbone(config: Mapping[str, Any]) -> str:
    return str(config["model"]["backbone"]["_target_"]).rpartition(".")[2]
