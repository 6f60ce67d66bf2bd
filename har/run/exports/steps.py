"""From a checkpoint to a bundle of a step-wise graph: frames in, a prediction out, states kept."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from har.export.bundle import CARD, MODEL, staged_folder, write_manifest
from har.export.onnx_file import Port, open_session, run_session, write_onnx
from har.export.parity import LIMITS, check_parity, compare
from har.export.stepwise.choice import write_choices
from har.export.stepwise.model import GRAPH_EVERY, StepClassifier
from har.export.stepwise.reference import clip_model_predictions
from har.export.stepwise.state import NEXT, STATE
from har.run.exports.card import describe, write_card
from har.run.exports.facts import bundle_facts
from har.run.exports.trained import Trained, describe_graph, load_trained

STREAMS, STREAM_FRAMES = 4, 300
SEEN = "frames_seen"


@dataclass(frozen=True)
class Stream:
    """Frames of one person: poses (1, T, V, C) and confidence (1, T, V)."""

    poses: Tensor
    confidence: Tensor


def export_steps(
    ckpt: Path,
    out: Path,
    hop: int = 1,
    store: Path | None = None,
    any_data: bool = False,
    graph_every: int = GRAPH_EVERY,
) -> dict[str, Any]:
    """Export a checkpoint as a bundle of a step-wise graph, if it computes what the model does.

    Args:
        ckpt: checkpoint of a run.
        out: folder of the bundle.
        hop: frames a step.
        store: clip store, where it is not where the run found it.
        any_data: prove it on data other than the run's own, too.
        graph_every: frames between two times that graphs are made anew, see ``StepClassifier``.

    Returns:
        The content of ``bundle.json``.

    Raises:
        ExportError: a part of the model has no step-wise form, or the graph is not the model.
        HarError: something the user gave cannot be used.
    """
    trained = load_trained(ckpt, store, any_data)
    frames = int(trained.config["sampling"]["frames"])
    model = StepClassifier(
        trained.experiment.module.classifier,
        trained.recipe,
        trained.experiment.store.coordinates,
        frames,
        hop,
        graph_every,
    )
    facts = bundle_facts(trained.ckpt, trained.experiment, trained.config, trained.outputs)
    with staged_folder(out) as folder:
        content = {**_write_graph(trained, model, folder / MODEL), **facts}
        write_card(folder / CARD, trained, content)
        manifest = write_manifest(folder, content)
    print(describe(manifest))
    print(f"bundle: {out}")
    return manifest


def _write_graph(trained: Trained, model: StepClassifier, path: Path) -> dict[str, Any]:
    """Write the graph and prove it; return what it is and how far it is from the model."""
    classifier, layout = trained.experiment.module.classifier, trained.recipe.layout
    coordinates, classes = trained.experiment.store.coordinates, len(trained.outputs.names)
    inputs, outputs = write_step_graph(model, layout.num_joints, coordinates, classes, path)
    parity, against_clips = _prove(trained, model, path)
    backbone = type(classifier.backbone).__name__
    about = describe_graph(trained, "step", "fp32", inputs, outputs, backbone)
    about["in_place"] = [STATE + name for name in model.rings]
    window = {
        "frames": model.window,
        "frames_per_step": model.hop,
        "warm_up_frames": model.warm_up_frames,
        "graph_every": model.graph_every,
        "seconds": round(model.window / trained.experiment.sources[0].card.fps, 3),
    }
    return {
        "model": about,
        "window": window,
        "parity": parity,
        "against_clip_model": against_clips,
    }


def write_step_graph(
    model: StepClassifier, joints: int, coordinates: int, classes: int, path: Path
) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    """Write a step-wise graph; return its inputs and outputs. Rows are free."""
    axes: tuple[int | str, ...] = ("rows", model.hop, joints)
    own = [
        Port("poses", "float32", (*axes, coordinates)),
        Port("confidence", "float32", axes),
        Port(SEEN, "int64", ("rows",)),
    ]
    shapes: dict[str, tuple[int | str, ...]] = {
        name: ("rows", *shape) for name, shape in model.state_shapes.items()
    }
    states = [Port(STATE + name, "float32", shape) for name, shape in shapes.items()]
    after = [Port(NEXT + name, "float32", shape) for name, shape in shapes.items()]
    probabilities = Port("probabilities", "float32", ("rows", classes))
    inputs = (*own, *states)
    outputs = (probabilities, Port(NEXT + SEEN, "int64", ("rows",)), *after)
    seen, zeros = model.initial_states(2)
    poses = torch.randn(2, model.hop, joints, coordinates, generator=torch.Generator())
    write_onnx(model, (poses, torch.ones(poses.shape[:-1]), seen, *zeros), inputs, outputs, path)
    write_choices(path)
    return inputs, outputs


def run_steps(path: Path, model: StepClassifier, stream: Stream) -> np.ndarray:
    """Return the predictions of a graph file after each step of a stream, (S, K)."""
    session = open_session(path)
    seen, zeros = model.initial_states(1)
    fed = {SEEN: seen.numpy()}
    fed |= {STATE + n: z.numpy() for n, z in zip(model.state_shapes, zeros, strict=True)}
    found = []
    for start in range(0, stream.poses.shape[1] - model.hop + 1, model.hop):
        frames = slice(start, start + model.hop)
        fed["poses"] = stream.poses[:, frames].numpy()
        fed["confidence"] = stream.confidence[:, frames].numpy()
        probabilities, fed[SEEN], *states = run_session(session, fed)
        fed |= {STATE + n: s for n, s in zip(model.state_shapes, states, strict=True)}
        found.append(probabilities[0])
    return np.stack(found)


@torch.no_grad()
def step_through(
    model: StepClassifier, stream: Stream, given: Mapping[str, Tensor] | None = None
) -> np.ndarray:
    """Return the predictions of a step-wise module after each step of a stream, (S, K).

    Args:
        model: the module.
        stream: frames of one person.
        given: states to start from, by name, in the place of zeros.
    """
    seen, zeros = model.initial_states(1)
    states = [(given or {}).get(n, z) for n, z in zip(model.state_shapes, zeros, strict=True)]
    found = []
    for start in range(0, stream.poses.shape[1] - model.hop + 1, model.hop):
        frames = slice(start, start + model.hop)
        probabilities, seen, *states = model(
            stream.poses[:, frames].to(states[0].dtype),
            stream.confidence[:, frames].to(states[0].dtype),
            seen,
            *states,
        )
        found.append(probabilities[0].numpy())
    return np.stack(found)


def test_streams(trained: Trained) -> Iterator[Stream]:
    """Yield streams of the first person of test clips, one clip behind the other."""
    data, rows = trained.experiment.data, trained.experiment.split.test
    starts = np.linspace(0, len(rows) - 1, STREAMS + 1).astype(int)
    for first, last in pairwise(starts.tolist()):
        poses, confidence, total = [], [], 0
        for row in rows[first:last]:
            count = int(data.store.index.frame_count[row])
            places = np.arange(count, dtype=np.float64)[None, None]
            joints, seen, _ = data.store.gather(np.array([row]), places, 1)
            poses.append(joints[0, 0])
            confidence.append(seen[0, 0])
            total += count
            if total >= STREAM_FRAMES:
                break
        joined = (torch.from_numpy(np.concatenate(part)) for part in (poses, confidence))
        yield Stream(*(part[None].float() for part in joined))


def _prove(
    trained: Trained, model: StepClassifier, path: Path
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Compare the graph with the module in steps, and the module with the clip model."""
    classifier: Any = trained.experiment.module.classifier
    streams = list(test_streams(trained))
    exported = np.concatenate([run_steps(path, model, stream) for stream in streams])
    stepped = [step_through(model, stream) for stream in streams]
    parity = compare(np.concatenate(stepped), exported)
    check_parity(parity, "fp32")
    pairs = [
        clip_model_predictions(
            classifier, trained.recipe, (stream.poses, stream.confidence), model, own
        )
        for stream, own in zip(streams, stepped, strict=True)
    ]
    clips, steps = (np.concatenate(part) for part in zip(*pairs, strict=True))
    against = compare(clips, steps)
    if model.is_exact:
        check_parity(against, "fp32")
    limits = asdict(LIMITS["fp32"])
    return (
        {**asdict(parity), "limits": limits, "precision": "fp32"},
        {**asdict(against), "exact": model.is_exact},
    )
