"""Exports every backbone, fusion, pooling and head, and compares each on real clips.

    python benchmarks/export_parity.py benchmarks/results/export_parity.json [name ...]
    python benchmarks/export_parity.py benchmarks/results/export_parity_video.json --video
    python benchmarks/export_parity.py benchmarks/results/export_parity.json --markdown

The clips are test clips of Northwestern-UCLA (the prepared store). Weights are drawn at random,
with batch norm statistics of other clips and a head scaled so that probabilities spread: what is
compared is the computation. A model that cannot be exported has a row with the reason. Models that
see frames are compared on clips of GMDCSA24 (the prepared stores of videos and of their poses).
"""

import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from export_video_models import measure_video, video_cases
from torch import Tensor, nn

from har.cli.models import backbone_names
from har.config.compose import compose_unchecked, to_plain
from har.data.store import ClipStore
from har.data.transforms import AlignVertical, Center, Compose, ScaleBox
from har.errors import HarError
from har.export.graph import PoseClassifier, Recipe, prepare
from har.export.onnx_file import OPSET, Port, open_session, run_session, write_onnx
from har.export.parity import compare
from har.models.cost import parameter_count
from har.paths import store_root
from har.record import provenance, read_json, write_json_atomic
from har.run.assemble import build_classifier
from har.skeleton.layout import load_layout
from har.skeleton.streams import compute_stream

CLIPS, SETTLING_CLIPS, CLASSES, FRAMES = 16, 8, 11, 64
SMALL = "model/backbone=stgcnpp_small"
FUSED = {
    "fusion early": [SMALL, "stream=all"],
    "fusion embedding": [SMALL, "stream=all", "model/fusion=embedding"],
    "fusion gated": [SMALL, "stream=all", "model/fusion=gated"],
    "multi_stream": [SMALL, "stream=all", "model=multi_stream"],
    "streams everything": [SMALL, "stream=everything"],
}
TEMPORAL = ("max", "attention", "segments", "lstm", "gru", "tcn", "transformer")
HEADS = ("mlp", "bottleneck", "prototype")
PLANE = ("posec3d",)
"""Backbones of poses in an image: they see x and y of the clips."""


def cases() -> dict[str, list[str]]:
    """Return the settings of every model by name."""
    backbones = {name: [f"model/backbone={name}"] for name in backbone_names()}
    temporal = {f"temporal {name}": [SMALL, f"model/temporal={name}"] for name in TEMPORAL}
    heads = {f"head {name}": [SMALL, f"model/head={name}"] for name in HEADS}
    return {**backbones, **FUSED, **temporal, **heads}


def measure(name: str, overrides: list[str]) -> dict[str, Any]:
    """Return how close the export of one model is, or why there is none."""
    store = ClipStore.open(store_root() / "nwucla")
    config = to_plain(compose_unchecked([*overrides, f"sampling.frames={FRAMES}", "data=nwucla"]))
    coordinates = 2 if name in PLANE else 3
    normalise = ScaleBox() if name in PLANE else Compose((Center(), AlignVertical()))
    recipe = Recipe(normalise, load_layout(store.layout), tuple(config["stream"]["names"]))
    torch.manual_seed(0)
    clips = read_clips(store, coordinates)
    try:
        model = build_classifier(
            config["model"], recipe.model_layout, coordinates, recipe.streams, CLASSES
        )
        settle(model, recipe, next(clips))
        return {"name": name, **_compared(model, recipe, next(clips))}
    except HarError as error:
        return {"name": name, "failed": str(error)}


def read_clips(store: ClipStore, coordinates: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield poses and confidence of clips to settle on, then of test clips; one slot is empty."""
    rows = np.flatnonzero(store.index.camera == "3")
    for count in (SETTLING_CLIPS, CLIPS):
        chosen = rows[np.linspace(count % 7, len(rows) - 1, count).astype(int)]
        ends = store.index.frame_count[chosen] - 1
        places = np.linspace(0, ends, FRAMES, axis=1)[:, None]
        poses, confidence, _ = store.gather(chosen, places, 2)
        yield torch.from_numpy(poses[..., :coordinates]), torch.from_numpy(confidence)


@torch.no_grad()
def settle(model: nn.Module, recipe: Recipe, clips: tuple[Tensor, Tensor]) -> None:
    """Move every number a little, take batch norm statistics, and spread the answers."""
    rng = torch.Generator().manual_seed(1)
    for parameter in model.parameters():
        parameter.add_(0.02 * torch.randn(parameter.shape, generator=rng))
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean, also where one norm is used twice
    model.train()
    run_model(model, recipe, clips)
    model.eval()
    logits = run_model(model, recipe, clips)
    factor = 2.0 / max(float(logits.std(0).mean()), 1e-3)
    for module in model.modules():
        if isinstance(module, nn.Linear) and module.out_features == CLASSES:
            module.weight.mul_(factor)
            module.bias.mul_(factor).sub_(factor * logits.mean(0))


@torch.no_grad()
def run_model(model: nn.Module, recipe: Recipe, clips: tuple[Tensor, Tensor]) -> Tensor:
    """Return the logits by the path of training and testing."""
    batch = prepare(*clips, recipe)
    layout = recipe.model_layout
    streams = {
        name: compute_stream(name, batch.joints, layout, batch.confidence)
        for name in recipe.streams
    }
    return model(streams, batch.person_mask)


def _compared(model: nn.Module, recipe: Recipe, clips: tuple[Tensor, Tensor]) -> dict[str, Any]:
    poses, confidence = clips
    axes: tuple[int | str, ...] = ("clips", "people", FRAMES, poses.shape[3])
    ports = (Port("poses", "float32", (*axes, poses.shape[4])), Port("confidence", "float32", axes))
    answer = (Port("probabilities", "float32", ("clips", CLASSES)),)
    graph = PoseClassifier(model, recipe)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        write_onnx(graph, (poses[:2], confidence[:2]), ports, answer, path)
        session = open_session(path)
        started = time.process_time()
        found = [
            run_session(session, {"poses": p.numpy(), "confidence": c.numpy()})[0]
            for p, c in zip(poses.split(1), confidence.split(1), strict=True)
        ]
        seconds = (time.process_time() - started) / len(found)
        size = path.stat().st_size
    truth = run_model(model, recipe, clips).softmax(1).numpy()
    parity = compare(truth, np.concatenate(found))
    return {
        "parameters": parameter_count(model),
        "max_difference": parity.max_difference,
        "top1_agreement": parity.top1_agreement,
        "largest_probability": float(truth.max(1).mean()),
        "classes_answered": len(np.unique(truth.argmax(1))),
        "megabytes": round(size / 2**20, 2),
        "cpu_ms_per_clip_of_two_slots": round(1000 * seconds, 1),
    }


def table(record: Mapping[str, Any]) -> str:
    """Return a record as a Markdown table."""
    lines = ["| model | largest difference | same top class | CPU ms a clip | file, MiB |"]
    lines.append("|---|---|---|---|---|")
    for row in record["rows"]:
        if "failed" in row:
            lines.append(f"| `{row['name']}` | not exported: {row['failed']} | | | |")
            continue
        lines.append(
            f"| `{row['name']}` | {row['max_difference']:.1e} | {row['top1_agreement']:.0%} | "
            f"{row.get('cpu_ms_per_clip_of_two_slots', row.get('cpu_ms_per_clip')):.0f} | "
            f"{row['megabytes']:.1f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure the named models, or all, and write the record; or print one as a table."""
    out, names = Path(sys.argv[1]), sys.argv[2:]
    if names == ["--markdown"]:
        print(table(read_json(out)))
        return
    see_frames = names[:1] == ["--video"]
    chosen, measured = (video_cases(), measure_video) if see_frames else (cases(), measure)
    wanted = names[1:] if see_frames else names
    settings = {"clips": CLIPS, "frames": FRAMES, "people": 2, "opset": OPSET, "threads": 1}
    if see_frames:
        settings = {"opset": OPSET, "threads": 1}
    dataset = "gmdcsa24" if see_frames else "nwucla"
    record: dict[str, Any] = {"settings": settings, "dataset": dataset, "rows": []}
    for name, overrides in chosen.items():
        if not wanted or name in wanted:
            record["rows"].append(measured(name, overrides))
            print(record["rows"][-1], flush=True)
            write_json_atomic(out, {**record, "provenance": provenance()})


if __name__ == "__main__":
    main()
