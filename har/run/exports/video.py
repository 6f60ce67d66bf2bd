"""From a classifier of video to its graph, proven on real clips."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from har.data.batches import TestBatches
from har.data.video_features import FeatureBatches
from har.export.onnx_file import ExportError, kept_inputs, write_onnx
from har.export.paired import PairedClassifier
from har.export.video import FrameClassifier, named_ports
from har.models.video.classifier import VideoClassifier
from har.run.exports.facts import window_seconds
from har.run.exports.proof import DTYPES, Proof
from har.run.exports.trained import Trained, describe_graph, evenly_spread
from har.samples import Batch

CLIPS_AT_ONCE = 2


def check_video_export(trained: Trained) -> None:
    """Refuse what cannot be exported of a classifier of video.

    Raises:
        ExportError: it was trained on features, not on frames.
    """
    if isinstance(trained.experiment.data.test_clips, FeatureBatches):
        raise ExportError(
            f"{trained.ckpt} was trained on features computed before, so it takes no frames: train "
            "it with data.video.features=null, and model.frozen=true where the backbone is to stay"
        )


def write_video_graph(trained: Trained, precision: str, clips: int, path: Path) -> dict[str, Any]:
    """Write the graph and prove it on test clips; return what it is and how far it is off.

    Args:
        trained: a classifier of video, or of poses and video.
        precision: one of ``DTYPES``.
        clips: how many test clips prove it; all their views are used.
        path: of the file.

    Raises:
        ExportError: the model has no ONNX form, or the graph is not the model.
    """
    graph, example = _graph(trained, DTYPES[precision])
    labels = len(trained.outputs.names)
    inputs, outputs = named_ports(example, labels)
    write_onnx(graph, tuple(example.values()), inputs, outputs, path)
    inputs = kept_inputs(path, inputs)
    names = [port.name for port in inputs]

    def fed(batch: Batch) -> dict[str, np.ndarray]:
        given = model_inputs(trained, batch)
        return {name: given[name].numpy() for name in names}

    found = Proof(trained, partial(_batches, trained), fed, clips).prove(path, precision)
    classifier: Any = trained.experiment.module.classifier
    backbones = [classifier.backbone] if isinstance(classifier, VideoClassifier) else [
        classifier.pose.backbone, classifier.video.backbone
    ]  # fmt: skip
    kind = "video" if names == ["frames"] else "poses_and_video"
    backbone = " + ".join(type(backbone).__name__ for backbone in backbones)
    seconds = window_seconds(trained.experiment, trained.config)
    return {
        "model": describe_graph(trained, kind, precision, inputs, outputs, backbone),
        "window": {
            "frames": int(trained.config["sampling"]["frames"]), "seconds": round(seconds, 3),
        },
        **found,
    }  # fmt: skip


def _graph(trained: Trained, dtype: torch.dtype) -> tuple[nn.Module, dict[str, Tensor]]:
    """Return the model as one function, and inputs of two clips by name."""
    classifier: Any = trained.experiment.module.classifier
    if isinstance(classifier, VideoClassifier):
        graph: nn.Module = FrameClassifier(classifier, trained.readout, dtype)
    else:
        graph = PairedClassifier(classifier, trained.recipe, trained.readout, dtype)
    return graph, example_inputs(trained)


def example_inputs(trained: Trained) -> dict[str, Tensor]:
    """Return inputs of a graph by name: two test clips, or more where they have several views."""
    rows = trained.experiment.split.test
    pair = rows[[0, -1]] if len(rows) > 1 else rows[[0, 0]]
    batch = trained.experiment.data.test_clips[next(iter(TestBatches(pair, 2)))]
    return model_inputs(trained, batch)


def model_inputs(trained: Trained, batch: Batch) -> dict[str, Tensor]:
    """Return a batch, as it is before its transforms, as the inputs of a graph."""
    assert batch.frames is not None
    if isinstance(trained.experiment.module.classifier, VideoClassifier):
        return {"frames": batch.frames}
    present = batch.present
    if present is None:
        present = torch.ones(len(batch.frames), 2, dtype=torch.bool)
    given = {
        "poses": batch.joints, "confidence": batch.confidence, "frames": batch.frames,
        "present": present,
    }  # fmt: skip
    if trained.experiment.module.classifier.fusion.needs_points:  # type: ignore[union-attr]
        assert batch.points is not None
        given["points"] = batch.points
    return given


def _batches(trained: Trained, rows: np.ndarray, count: int) -> Iterator[Batch]:
    for request in TestBatches(evenly_spread(rows, count), CLIPS_AT_ONCE):
        yield trained.experiment.data.test_clips[request]
