"""A trained model beside its clips, as an export sees it: shapes, inputs, what it should say."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from har.config.build import build
from har.data.batches import ClipBatches, TestBatches
from har.errors import HarError
from har.export.bundle import MODEL
from har.export.graph import PoseClassifier, Recipe
from har.export.onnx_file import EXPORTER, OPSET, Port
from har.models.cost import parameter_count
from har.run.assemble import Experiment
from har.run.checkpoints import load_weights, read_checkpoint
from har.run.evaluating import restore
from har.run.exports.facts import Outputs, outputs_of
from har.samples import Batch

CLIPS_AT_ONCE = 8


@dataclass(frozen=True)
class Trained:
    """A checkpoint with its weights, in evaluation on the CPU.

    Attributes:
        outputs: what an export of it gives.
    """

    ckpt: Path
    experiment: Experiment
    config: Mapping[str, Any]
    outputs: Outputs

    @property
    def recipe(self) -> Recipe:
        """What stands between poses and classifier."""
        data, module = self.experiment.data, self.experiment.module
        return Recipe(data.normalise, data.input_layout, module.streams)

    @property
    def readout(self) -> Tensor | None:
        """Projection from outputs to the labels of the export, for a graph; None if they are."""
        projection = self.outputs.projection
        return None if projection is None else torch.from_numpy(projection).float()

    def graph(self, dtype: torch.dtype = torch.float32) -> PoseClassifier:
        """Return the model as one function of poses, with a classifier of ``dtype``."""
        return PoseClassifier(self.experiment.module.classifier, self.recipe, self.readout, dtype)


@dataclass(frozen=True)
class InputShape:
    """Which axes of the poses are free.

    Attributes:
        frames: that the model was trained with.
        any_frames: whether it takes other numbers of frames too.
        people: M of the training.
        any_people: whether it takes other numbers of people; absent ones may be left out then.
    """

    frames: int
    any_frames: bool
    people: int
    any_people: bool


def load_trained(
    ckpt: Path, store: Path | None = None, any_data: bool = False, labels: str | None = None
) -> Trained:
    """Build the model of a checkpoint and load its weights.

    Args:
        ckpt: checkpoint of a run.
        store: clip store, where it is not where the run found it.
        any_data: take data other than the run's own, too.
        labels: dataset whose labels an export gives, where the model learnt from several.

    Raises:
        HarError: as for ``har.run.evaluate``; or there is no such dataset.
    """
    experiment, config = restore(ckpt, store, any_data)
    load_weights(experiment.module, read_checkpoint(ckpt), ckpt)
    experiment.module.eval()
    return Trained(ckpt, experiment, config, outputs_of(experiment, labels))


def input_shape(trained: Trained) -> InputShape:
    """Find out which axes of the input the model leaves free, by trying."""
    frames, people = int(trained.config["sampling"]["frames"]), trained.experiment.data.people
    any_people = bool(trained.config["model"].get("skip_absent_people", True))
    fixed = InputShape(frames, False, people, any_people)
    try:
        with torch.no_grad():
            trained.graph()(*example(trained, other_frames(fixed)))
    except (HarError, RuntimeError, ValueError):
        return fixed
    return replace(fixed, any_frames=True)


def other_frames(shape: InputShape) -> InputShape:
    """Return the shape with another number of frames."""
    return replace(shape, frames=shape.frames // 2 + 3)


def ports(trained: Trained, shape: InputShape) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    """Return the inputs and outputs of the graph of clips."""
    people: int | str = "people" if shape.any_people else shape.people
    frames: int | str = "frames" if shape.any_frames else shape.frames
    axes = ("clips", people, frames, trained.recipe.layout.num_joints)
    coordinates = trained.experiment.store.coordinates
    inputs = (Port("poses", "float32", (*axes, coordinates)), Port("confidence", "float32", axes))
    return inputs, (Port("probabilities", "float32", ("clips", len(trained.outputs.names))),)


def example(trained: Trained, shape: InputShape) -> tuple[Tensor, Tensor]:
    """Return inputs of that shape for two clips, in which every axis that is free is over 1."""
    rng = torch.Generator().manual_seed(0)
    people = max(2, shape.people) if shape.any_people else shape.people
    confidence = torch.ones(2, people, shape.frames, trained.recipe.layout.num_joints)
    coordinates = trained.experiment.store.coordinates
    return torch.randn(*confidence.shape, coordinates, generator=rng), confidence


def clip_batches(trained: Trained, rows: np.ndarray, count: int) -> Iterator[Batch]:
    """Yield batches of up to ``count`` of the rows, evenly spread, sampled as in a test."""
    data, chosen = trained.experiment.data, evenly_spread(rows, count)
    sampler = build(trained.config["sampling"]["test"])
    clips = ClipBatches(data.store, sampler, data.people, training=False)
    for request in TestBatches(chosen, CLIPS_AT_ONCE):
        yield clips[request]


def evenly_spread(rows: np.ndarray, count: int) -> np.ndarray:
    """Return up to ``count`` of the rows, from the first to the last."""
    return rows[np.unique(np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(int))]


def graph_inputs(batch: Batch) -> dict[str, np.ndarray]:
    """Return a batch as the inputs of a graph of clips."""
    return {"poses": batch.joints.numpy(), "confidence": batch.confidence.numpy()}


@torch.no_grad()
def batch_probabilities(trained: Trained, batch: Batch) -> np.ndarray:
    """Return what the model says of every view of a batch, (N, K), by the path of its training."""
    data, module = trained.experiment.data, trained.experiment.module
    outputs = module(data.transform(batch, training=False)).softmax(1).numpy()
    if trained.outputs.projection is None:
        return outputs
    mass = outputs.astype(np.float64) @ trained.outputs.projection
    total = mass.sum(1, keepdims=True)
    return np.divide(mass, total, out=np.full_like(mass, 1 / mass.shape[1]), where=total > 0)


def describe_graph(
    trained: Trained,
    kind: str,
    precision: str,
    inputs: Sequence[Port],
    outputs: Sequence[Port],
    backbone: str,
) -> dict[str, Any]:
    """Return what ``bundle.json`` says of a graph under ``model``."""
    return {
        "file": MODEL,
        "kind": kind,
        "precision": precision,
        "opset": OPSET,
        "exporter": EXPORTER,
        "inputs": [asdict(port) for port in inputs],
        "outputs": [asdict(port) for port in outputs],
        "parameters": parameter_count(trained.experiment.module.classifier),
        "backbone": backbone,
    }
