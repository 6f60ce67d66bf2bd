"""The part of ``export_parity.py`` on models of video, and of poses and video."""

import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn

from har.cli.models import video_backbone_names
from har.config.compose import compose_unchecked, to_plain
from har.data.batches import TestBatches
from har.errors import HarError
from har.export.bundle import MODEL
from har.export.onnx_file import open_session, run_session
from har.run.assemble import assemble
from har.run.exports.facts import outputs_of
from har.run.exports.trained import Trained
from har.run.exports.video import example_inputs, write_video_graph

CLIPS, CLIPS_OF_LARGE = 4, 1
ONE_FOLD = ("protocol.fold=1", "sampling.test.views=1")
LARGE_PICTURES = ("mvit", "videomae", "vjepa2")
"""Backbones that take 16 frames of 224 pixels and nothing else; others get 8 of 112, PI-ViT 224."""

SLOW = (*LARGE_PICTURES, "swin3d")
"""Measured last."""

FUSIONS = (
    "early", "embedding", "gated", "bilinear", "late", "late_learned", "cross_attention", "vpn",
)  # fmt: skip
LATERAL = [
    "model/fusion=lateral", "model/backbone@model.pose.backbone=posec3d", "data.poses.rate=1",
]  # fmt: skip
PIVIT = [
    "model/fusion=pivit", "model/backbone@model.video.backbone=tsn",
    "model.video.backbone.name=vit_tiny_patch16_224", "data.video.size=224",
]  # fmt: skip


def video_cases() -> dict[str, list[str]]:
    """Return the settings of every model that sees frames, by name."""
    fused = ["experiment=gmdcsa24_fusion", *ONE_FOLD, "sampling.frames=8"]
    cases = {f"fused {name}": [*fused, f"model/fusion={name}"] for name in FUSIONS}
    cases |= {"fused lateral": [*fused, *LATERAL], "fused pivit": [*fused, *PIVIT]}
    for name in sorted(video_backbone_names(), key=lambda name: name.startswith(SLOW)):
        large = name.startswith(LARGE_PICTURES)
        size = ["sampling.frames=16", "data.video.size=224"] if large else ["sampling.frames=8"]
        cases[f"video {name}"] = [
            "experiment=gmdcsa24_video", f"model/backbone={name}", *ONE_FOLD, *size
        ]  # fmt: skip
    return cases


def measure_video(name: str, overrides: list[str]) -> dict[str, Any]:
    """Return how close the export of one model is on real clips, or why there is none."""
    config = to_plain(compose_unchecked(overrides))
    config["seed"] = 0
    try:
        experiment = assemble(config, {})
        module: Any = experiment.module.eval()
        trained = Trained(Path(name), experiment, config, outputs_of(experiment, None))
        settle_head(trained, module)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / MODEL
            count = CLIPS_OF_LARGE if config["data"]["video"]["size"] > 112 else CLIPS
            content = write_video_graph(trained, "fp32", count, path)
            fed = {key: tensor[:1].numpy() for key, tensor in example_inputs(trained).items()}
            kept = [port["name"] for port in content["model"]["inputs"]]
            session = open_session(path)
            started = time.process_time()
            run_session(session, {key: fed[key] for key in kept})
            seconds = time.process_time() - started
            size = path.stat().st_size
    except HarError as error:
        return {"name": name, "failed": str(error).partition("\n")[0]}
    parity = content["parity"]
    return {
        "name": name,
        "parameters": content["model"]["parameters"],
        "clips": parity["clips"],
        "max_difference": parity["max_difference"],
        "top1_agreement": parity["top1_agreement"],
        "megabytes": round(size / 2**20, 2),
        "cpu_ms_per_clip": round(1000 * seconds, 1),
    }


@torch.no_grad()
def settle_head(trained: Trained, module: nn.Module) -> None:
    """Spread the answers: scale the heads so that the logits of real clips have deviation 2."""
    data, rows = trained.experiment.data, trained.experiment.split.test[:2]
    for request in TestBatches(rows, 2):
        logits = module(data.transform(data.test_clips[request], training=False))
    factor = 2.0 / max(float(logits.std(1).mean()), 1e-3)
    for part in module.modules():
        if isinstance(part, nn.Linear) and part.out_features == logits.shape[1]:
            part.weight.mul_(factor)
