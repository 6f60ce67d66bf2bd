"""Step-wise models against the clip models they are made from: are they equal, what do they cost?

    python benchmarks/continual.py benchmarks/results/continual.json [backbone ...]
    python benchmarks/continual.py benchmarks/results/continual.json --markdown

The stream is made of test clips of Northwestern-UCLA, one behind the other. Equality is measured in
float64 against the clip model on the whole stream, and in float32 between graph file and module.
CTR-GCN and AAGCN average over all frames of a clip; the step-wise model is given these means once
(``given_means``), which has to be equal, and once follows its own running means, which is another
model: the difference says how much that changes. Cost is CPU time of one thread in onnxruntime, as
the edge runtime calls it: what the fastest tenth of 40 rounds stays below. A round is one window,
and then the steps in which all graphs of CTR-GCN are made anew once.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from export_parity import CLASSES, settle
from torch import Tensor, nn

from har.cli.models import build_backbone
from har.data.store import ClipStore
from har.data.transforms import AlignVertical, Center, Compose
from har.edge.engine import open_session as open_edge_session
from har.edge.step_state import StepState
from har.export.graph import PoseClassifier, Recipe
from har.export.onnx_file import Port, open_session, run_session, write_onnx
from har.export.parity import compare
from har.export.stepwise.model import GRAPH_EVERY, StepClassifier
from har.export.stepwise.reference import clip_means, clip_model_predictions
from har.export.stepwise.state import NEXT, STATE
from har.models.classifier import SkeletonClassifier
from har.models.fusion.early import EarlyFusion
from har.models.heads import LinearHead
from har.models.temporal.average import GlobalAverage
from har.paths import store_root
from har.record import provenance, read_json, write_json_atomic
from har.run.exports.steps import SEEN, Stream, run_steps, step_through, write_step_graph
from har.skeleton.layout import load_layout

BACKBONES = ("stgcn", "stgcnpp", "stgcnpp_small", "aagcn", "agcn2s", "ctrgcn")
WINDOWS = {"ctrgcn": 64}
STEPS = {
    "others": [(hop, GRAPH_EVERY) for hop in (1, 4, 8)],
    "ctrgcn": [(1, 1), *((hop, GRAPH_EVERY) for hop in (1, 4, 8))],
}
"""Frames a step, and frames between two times that graphs are made anew."""
USUAL_WINDOW, STREAM_FRAMES, ROUNDS, ROUND_FRAMES = 100, 260, 40, 16
FASTEST = 10
"""Per cent: other programs on the machine empty the caches, which only ever makes a run slower."""


def read_stream(store: ClipStore) -> Stream:
    """Return test clips of one camera as one stream."""
    poses: list[np.ndarray] = []
    confidence: list[np.ndarray] = []
    for row in np.flatnonzero(store.index.camera == "3"):
        places = np.arange(store.index.frame_count[row], dtype=np.float64)[None, None]
        joints, seen, _ = store.gather(np.array([row]), places, 1)
        poses.append(joints[0, 0])
        confidence.append(seen[0, 0])
        if sum(map(len, poses)) >= STREAM_FRAMES:
            break
    joined = (np.concatenate(part)[:STREAM_FRAMES] for part in (poses, confidence))
    return Stream(*(torch.from_numpy(part)[None].float() for part in joined))


def build(name: str, recipe: Recipe, stream: Stream, frames: int) -> SkeletonClassifier:
    """Return a classifier with random weights, settled on the stream."""
    torch.manual_seed(0)
    backbone = build_backbone(name, recipe.layout.name, 3, frames)
    model = SkeletonClassifier(
        EarlyFusion({"joint": 3}),
        backbone,
        GlobalAverage(backbone.out_channels),
        LinearHead(backbone.out_channels, CLASSES),
    )
    whole = stream.poses.shape[1] // frames * frames
    pieces = (part[0, :whole].split(frames) for part in (stream.poses, stream.confidence))
    settle(model, recipe, tuple(torch.stack(part)[:, None] for part in pieces))
    return model


def prove(
    step: StepClassifier, model: SkeletonClassifier, recipe: Recipe, stream: Stream, path: Path
) -> dict[str, Any]:
    """Write the graph of a step-wise model; return what it is and how equal it is."""
    write_step_graph(step, recipe.layout.num_joints, 3, CLASSES, path)
    file = compare(step_through(step, stream), run_steps(path, step, stream))
    sizes = [int(np.prod(shape)) for shape in step.state_shapes.values()]
    return {
        "frames_per_step": step.hop,
        "graph_every": step.graph_every,
        "window": step.window,
        "delay_frames": step.after.delay,
        "state_kib": round(4 * sum(sizes) / 1024),
        **_equality(model, recipe, stream, step),
        "file_max_difference": file.max_difference,
    }


def cost(path: Path, step: StepClassifier, window: Path, stream: Stream) -> dict[str, Any]:
    """Return the cost of steps and of windows, taken in turn."""
    per_frame, per_window = _cpu_seconds(
        _step_run(path, step, stream), _window_run(window, stream, step.window)
    )
    return {
        "cpu_ms_per_frame": round(1000 * per_frame, 3),
        "cpu_ms_per_window": round(1000 * per_window, 2),
        "ratio": round(per_window / per_frame, 1),
    }


def _equality(
    model: nn.Module, recipe: Recipe, stream: Stream, like: StepClassifier
) -> dict[str, Any]:
    exact = model.double()
    poses = (stream.poses.double(), stream.confidence.double())
    every = like.graph_every or GRAPH_EVERY
    step = StepClassifier(exact, recipe, 3, like.window, like.hop, every).double()
    found = {}
    for way in ("given_means", "running_means"):
        if way == "running_means" and step.is_exact:
            continue
        means = clip_means(exact, recipe, *poses) if way == "given_means" else {}
        step.freeze_means(way == "given_means")
        stepped = step_through(step, stream, means)
        parity = compare(*clip_model_predictions(exact, recipe, poses, step, stepped))
        key = "exact" if step.is_exact else way
        found[f"{key}_max_difference"] = parity.max_difference
        found[f"{key}_top1_agreement"] = parity.top1_agreement
        found["moments_compared"] = parity.clips
    model.float()
    return found


def _step_run(path: Path, step: StepClassifier, stream: Stream) -> Callable[[], object]:
    """Return what passes ``ROUND_FRAMES`` frames as on a device: states stay where they are.

    The start of the stream, where all graphs are made anew in each step, is already over.
    """
    session = open_edge_session(path, threads=1, sizes={"rows": 1})
    states = {STATE + name: NEXT + name for name in step.state_shapes}
    rings = {STATE + name for name in step.rings}
    state = StepState(session, {SEEN: NEXT + SEEN, **states}, rings)
    poses, confidence = (part[:, : step.hop].numpy() for part in (stream.poses, stream.confidence))

    def pass_frames(frames: int = ROUND_FRAMES) -> None:
        for _ in range(0, frames, step.hop):
            state.step(poses, confidence)

    pass_frames(step.warm_up_frames + ROUND_FRAMES)
    return pass_frames


def _cpu_seconds(frames: Callable[[], object], window: Callable[[], object]) -> tuple[float, float]:
    """Return CPU times, of a frame and a window, that the fastest tenth of rounds stays below."""
    costs: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for work, found in zip((window, frames), costs, strict=True):
            started = time.process_time()
            work()
            found.append(time.process_time() - started)
    per_window, per_round = (float(np.percentile(found, FASTEST)) for found in costs)
    return per_round / ROUND_FRAMES, per_window


def write_window(model: nn.Module, recipe: Recipe, stream: Stream, frames: int, path: Path) -> None:
    """Write the clip graph for windows of so many frames."""
    joints = recipe.layout.num_joints
    axes: tuple[int | str, ...] = ("clips", "people", frames, joints)
    ports = (Port("poses", "float32", (*axes, 3)), Port("confidence", "float32", axes))
    answer = (Port("probabilities", "float32", ("clips", CLASSES)),)
    inputs: tuple[Tensor, Tensor] = (
        stream.poses[:, None, :frames].repeat(2, 2, 1, 1, 1),
        stream.confidence[:, None, :frames].repeat(2, 2, 1, 1),
    )
    write_onnx(PoseClassifier(model, recipe), inputs, ports, answer, path)


def _window_run(path: Path, stream: Stream, frames: int) -> Callable[[], object]:
    """Return what passes one window through the clip graph."""
    session = open_session(path)
    poses, confidence = (part[:, None, :frames] for part in (stream.poses, stream.confidence))
    fed = {"poses": poses.numpy(), "confidence": confidence.numpy()}
    return lambda: run_session(session, fed)


def table(record: Mapping[str, Any]) -> str:
    """Return a record as a Markdown table."""
    lines = [
        "| backbone, window | frames a step | difference | with running means | ms a frame | "
        "ms a window | window / frame | state, MiB | frames behind |",
        "|---" * 9 + "|",
    ]
    for row in record["rows"]:
        kind = "exact" if "exact_max_difference" in row else "given_means"
        own = "same" if kind == "exact" else f"{row['running_means_max_difference']:.2g}"
        graphs = f", graphs each {row['graph_every']}" if row["graph_every"] else ""
        lines.append(
            f"| `{row['backbone']}`, {row['window']}{graphs} | {row['frames_per_step']} | "
            f"{row[f'{kind}_max_difference']:.1e} | {own} | {row['cpu_ms_per_frame']:.2f} | "
            f"{row['cpu_ms_per_window']:.1f} | {row['ratio']:.0f} | "
            f"{row['state_kib'] / 1024:.1f} | {row['delay_frames']} |"
        )
    return "\n".join(lines)


def measure(
    names: Sequence[str], recipe: Recipe, stream: Stream, folder: Path
) -> list[dict[str, Any]]:
    """Prove the steps of all backbones; then, one behind the other, take their times."""
    rows, graphs = [], []
    for name in names:
        frames, window = WINDOWS.get(name, USUAL_WINDOW), folder / f"{name}.onnx"
        model = build(name, recipe, stream, frames)
        write_window(model, recipe, stream, frames, window)
        for hop, graph_every in STEPS.get(name, STEPS["others"]):
            step = StepClassifier(model, recipe, 3, frames, hop, graph_every)
            path = folder / f"{name}_{hop}_{graph_every}.onnx"
            rows.append({"backbone": name, **prove(step, model, recipe, stream, path)})
            graphs.append((path, step, window))
            print(rows[-1], flush=True)
    print("times", flush=True)
    for row, (path, step, window) in zip(rows, graphs, strict=True):
        row |= cost(path, step, window, stream)
        print(row["backbone"], row["frames_per_step"], row["ratio"], flush=True)
    return rows


def main() -> None:
    """Measure the named backbones, or all, and write the record; or print one as a table."""
    out, names = Path(sys.argv[1]), sys.argv[2:] or BACKBONES
    if names == ["--markdown"]:
        print(table(read_json(out)))
        return
    torch.set_num_threads(1)
    store = ClipStore.open(store_root() / "nwucla")
    recipe = Recipe(Compose((Center(), AlignVertical())), load_layout(store.layout), ("joint",))
    stream = read_stream(store)
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(names, recipe, stream, Path(folder))
    settings = {
        "stream_frames": STREAM_FRAMES,
        "people": 1,
        "threads": 1,
        "timing": f"CPU time, percentile {FASTEST} of {ROUNDS} rounds",
    }
    write_json_atomic(
        out, {"settings": settings, "dataset": "nwucla", "rows": rows, "provenance": provenance()}
    )


if __name__ == "__main__":
    main()
