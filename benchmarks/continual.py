"""Step-wise models against the clip models they are made from: are they equal, what do they cost?

    python benchmarks/continual.py benchmarks/results/continual.json [backbone ...]
    python benchmarks/continual.py benchmarks/results/continual.json --markdown

The stream is made of test clips of Northwestern-UCLA, one behind the other. Equality is measured in
float64 against the clip model on the whole stream, and in float32 between graph file and module.
CTR-GCN and AAGCN average over all frames of a clip; the step-wise model is given these means once
(``given_means``), which has to be equal, and once follows its own running means, which is another
model: the difference says how much that changes. Cost is CPU time of one thread in onnxruntime, as
the edge runtime calls it: what the fastest tenth of 400 steps, or of 20 windows, stays below.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Mapping
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
from har.export.stepwise.model import StepClassifier
from har.export.stepwise.reference import clip_means, clip_model_predictions
from har.export.stepwise.state import NEXT, STATE
from har.models.classifier import SkeletonClassifier
from har.models.fusion.early import EarlyFusion
from har.models.heads import LinearHead
from har.models.temporal.average import GlobalAverage
from har.paths import store_root
from har.record import provenance, read_json, write_json_atomic
from har.run.stepping import SEEN, Stream, run_steps, step_through, write_step_graph
from har.skeleton.layout import load_layout

BACKBONES = ("stgcn", "stgcnpp", "stgcnpp_small", "aagcn", "agcn2s", "ctrgcn")
WINDOWS = {"ctrgcn": 64}
HOPS = (1, 4, 8)
USUAL_WINDOW, STREAM_FRAMES, TIMED_STEPS, TIMED_WINDOWS = 100, 260, 400, 20
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


def measure(name: str, hop: int, recipe: Recipe, stream: Stream) -> dict[str, Any]:
    """Return equality and cost of one backbone with steps of ``hop`` frames."""
    frames = WINDOWS.get(name, USUAL_WINDOW)
    model = build(name, recipe, stream, frames)
    step = StepClassifier(model, recipe, 3, frames, hop)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "step.onnx"
        write_step_graph(step, recipe.layout.num_joints, 3, CLASSES, path)
        file = compare(step_through(step, stream), run_steps(path, step, stream))
        per_step = _step_cost(path, step, stream)
        per_window = _window_cost(model, recipe, stream, frames, Path(folder) / "clip.onnx")
    sizes = [int(np.prod(shape)) for shape in step.state_shapes.values()]
    return {
        "backbone": name,
        "frames_per_step": hop,
        "window": frames,
        "delay_frames": step.after.delay,
        "state_kib": round(4 * sum(sizes) / 1024),
        **_equality(model, recipe, stream, frames, hop),
        "file_max_difference": file.max_difference,
        "cpu_ms_per_frame": round(1000 * per_step / hop, 3),
        "cpu_ms_per_window": round(1000 * per_window, 2),
        "ratio": round(per_window / (per_step / hop), 1),
    }


def _equality(
    model: nn.Module, recipe: Recipe, stream: Stream, frames: int, hop: int
) -> dict[str, Any]:
    exact = model.double()
    poses = (stream.poses.double(), stream.confidence.double())
    step = StepClassifier(exact, recipe, 3, frames, hop).double()
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


def _step_cost(path: Path, step: StepClassifier, stream: Stream) -> float:
    """Return the CPU seconds of one step, run as on a device: states stay where they are."""
    session = open_edge_session(path, threads=1, sizes={"rows": 1})
    states = {STATE + name: NEXT + name for name in step.state_shapes}
    rings = {STATE + name for name in step.rings}
    state = StepState(session, {SEEN: NEXT + SEEN, **states}, rings)
    poses, confidence = (part[:, : step.hop].numpy() for part in (stream.poses, stream.confidence))
    return _cpu_seconds(lambda: state.step(poses, confidence), TIMED_STEPS)


def _cpu_seconds(work: Callable[[], object], repeats: int) -> float:
    """Return the CPU time that the fastest tenth of the repeats stays below."""
    costs = []
    for _ in range(repeats):
        started = time.process_time()
        work()
        costs.append(time.process_time() - started)
    return float(np.percentile(costs, FASTEST))


def _window_cost(
    model: nn.Module, recipe: Recipe, stream: Stream, frames: int, path: Path
) -> float:
    """Return the CPU seconds of one window through the clip graph."""
    joints = recipe.layout.num_joints
    axes: tuple[int | str, ...] = ("clips", "people", frames, joints)
    ports = (Port("poses", "float32", (*axes, 3)), Port("confidence", "float32", axes))
    answer = (Port("probabilities", "float32", ("clips", CLASSES)),)
    inputs: tuple[Tensor, Tensor] = (
        stream.poses[:, None, :frames].repeat(2, 2, 1, 1, 1),
        stream.confidence[:, None, :frames].repeat(2, 2, 1, 1),
    )
    write_onnx(PoseClassifier(model, recipe), inputs, ports, answer, path)
    session = open_session(path)
    fed = {"poses": inputs[0][:1, :1].numpy(), "confidence": inputs[1][:1, :1].numpy()}
    return _cpu_seconds(lambda: run_session(session, fed), TIMED_WINDOWS)


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
        lines.append(
            f"| `{row['backbone']}`, {row['window']} | {row['frames_per_step']} | "
            f"{row[f'{kind}_max_difference']:.1e} | {own} | {row['cpu_ms_per_frame']:.2f} | "
            f"{row['cpu_ms_per_window']:.1f} | {row['ratio']:.0f} | "
            f"{row['state_kib'] / 1024:.1f} | {row['delay_frames']} |"
        )
    return "\n".join(lines)


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
    rows = []
    for name in names:
        for hop in HOPS:
            rows.append(measure(name, hop, recipe, stream))
            print(rows[-1], flush=True)
    settings = {
        "stream_frames": STREAM_FRAMES,
        "people": 1,
        "threads": 1,
        "timing": f"CPU time, percentile {FASTEST}",
    }
    write_json_atomic(
        out, {"settings": settings, "dataset": "nwucla", "rows": rows, "provenance": provenance()}
    )


if __name__ == "__main__":
    main()
