"""Every backbone, pooling, fusion and head of the configurations, found by themselves."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from export_helper import clips, expected, recipe
from torch import nn

from har.cli.models import backbone_names
from har.config.compose import compose_unchecked, to_plain
from har.config.targets import find_target
from har.export.graph import PoseClassifier
from har.export.onnx_file import Port, open_session, run_session, write_onnx
from har.export.parity import LIMITS
from har.paths import project_root
from har.run.assemble import build_classifier

FRAMES, CLASSES = 64, 11
SMALL = "model/backbone=stgcnpp_small"
HEAVY = ("dstformer", "dstformer_lite", "posec3d")
CHEAP = ("gru", "mlp", "stgcnpp_small", "temporal=segments", "temporal=transformer")


def options(group: str) -> list[str]:
    folder = project_root() / "configs/model" / group
    paths = [path for path in folder.glob("*.yaml") if group != "fusion" or joins_streams(path)]
    return sorted(f"{group}={path.stem}" for path in paths)


def joins_streams(path: Path) -> bool:
    """Return whether a fusion is one of streams, and not of poses and video."""
    target = find_target(yaml.safe_load(path.read_text())["_target_"])
    return "stream_channels" in target.parameters


def models() -> list[object]:
    backbones = [name for name in backbone_names() if name not in HEAVY]
    others = [*options("temporal"), *options("fusion"), *options("head")]
    return [
        name if name in CHEAP else pytest.param(name, marks=pytest.mark.slow)
        for name in (*backbones, *others)
    ]


def test_all_are_found():
    assert len(models()) >= 38


@pytest.mark.parametrize("name", models())
def test_file_equals_model(name, tmp_path):
    check_file(name, torch.float32, 1e-4, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", backbone_names())
def test_file_in_half_precision_is_near_the_model(name, tmp_path):
    if name in HEAVY:
        pytest.skip("takes minutes in half precision on a CPU")
    check_file(name, torch.float16, LIMITS["fp16"].max_difference, tmp_path)


def settle(model, of, poses, confidence):
    """Move every number, and take batch norm statistics as a training would."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape))
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.reset_running_stats()
            module.momentum = None  # the plain mean
    model.train()
    expected(model, of, poses, confidence)
    model.eval()


def check_file(name, dtype, limit, tmp_path):
    words = [SMALL, f"model/{name}"] if "=" in name else [f"model/backbone={name}"]
    streams = ("joint", "bone") if name.startswith("fusion") else ("joint",)
    config = to_plain(compose_unchecked([*words, f"sampling.frames={FRAMES}", "data=nwucla"]))
    of = recipe(streams)
    torch.manual_seed(0)
    model = build_classifier(config["model"], of.model_layout, 3, streams, CLASSES)
    poses, confidence = clips(3, 2, FRAMES)
    settle(model, of, poses, confidence)
    axes = ("clips", "people", FRAMES, poses.shape[3])
    inputs = (Port("poses", "float32", (*axes, 3)), Port("confidence", "float32", axes))
    outputs = (Port("probabilities", "float32", ("clips", CLASSES)),)
    path = tmp_path / "model.onnx"
    graph = PoseClassifier(model, of, dtype=dtype)
    write_onnx(graph, (poses[:2], confidence[:2]), inputs, outputs, path)
    fed = {"poses": poses.numpy(), "confidence": confidence.numpy()}
    found = run_session(open_session(path), fed)[0]
    np.testing.assert_allclose(found, expected(model, of, poses, confidence), atol=limit)
