"""MMAction2 1.2.0 as the peer: its own configurations, models and pose pipeline."""

import sys
import types
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from parity.case import Case

PACKAGES = ("mmaction2", "mmcv-lite", "onedl-mmengine")
NTU = {"layout": "nturgb+d", "mode": "spatial"}
STGCN_NTU = {"layout": "nturgb+d", "mode": "stgcn_spatial"}
GCN_HEAD = {"type": "GCNHead", "num_classes": 60, "in_channels": 256}
STGCNPP = {
    "type": "STGCN",
    "gcn_adaptive": "init",
    "gcn_with_res": True,
    "tcn_type": "mstcn",
}
SLOW_ONLY = {
    "type": "ResNet3dSlowOnly",
    "depth": 50,
    "pretrained": None,
    "in_channels": 17,
    "base_channels": 32,
    "num_stages": 3,
    "out_indices": (2,),
    "stage_blocks": (4, 6, 3),
    "conv1_stride_s": 1,
    "pool1_stride_s": 1,
    "inflate": (0, 1, 1),
    "spatial_strides": (2, 2, 2),
    "temporal_strides": (1, 1, 2),
    "dilations": (1, 1, 1),
}
I3D_HEAD = {"type": "I3DHead", "in_channels": 512, "num_classes": 60, "dropout_ratio": 0.0}
IMAGE = (1080, 1920)
LOWEST, SIDE, PADDING, HEATMAP = 100.0, 80.0, 0.25, 64


def cases(_code: Path | None) -> list[Case]:
    """Return the models that MMAction2 has too."""
    _import_around_gaps()
    return [
        _graph_network("ST-GCN", "stgcn", {"type": "STGCN", "graph_cfg": STGCN_NTU}),
        _graph_network("ST-GCN++", "stgcnpp", {**STGCNPP, "graph_cfg": NTU}),
        _graph_network(
            "ST-GCN++, 2D poses with scores",
            "stgcnpp",
            {**STGCNPP, "graph_cfg": {"layout": "coco", "mode": "spatial"}},
            "coco17",
        ),
        _graph_network("AAGCN", "aagcn", {"type": "AAGCN", "graph_cfg": NTU}),
        _graph_network(
            "2s-AGCN",
            "agcn2s",
            {"type": "AAGCN", "graph_cfg": NTU, "gcn_attention": False},
        ),
        Case(
            "PoseC3D",
            "posec3d",
            partial(_build, "Recognizer3D", SLOW_ONLY, I3D_HEAD),
            lambda peer, clips: _logits(peer, draw(clips)),
            frames=8,
            layout="coco17",
            coordinates=2,
            save=save_as_runner,
            draw=draw,
            place=place_in_image,
        ),
    ]


def _import_around_gaps() -> None:
    """Import MMAction2 around a module that its wheel lacks and one for an old transformers."""
    missing = "mmaction.models.localizers.drn"
    for name in (missing, f"{missing}.drn", "mmaction.models.multimodal"):
        module = types.ModuleType(name)
        module.__path__ = []
        sys.modules[name] = module
    vars(sys.modules[f"{missing}.drn"])["DRN"] = type("DRN", (), {})
    from mmaction.utils import register_all_modules

    register_all_modules(init_default_scope=True)


def _graph_network(name: str, model: str, backbone: dict[str, Any], layout: str = "ntu25") -> Case:
    build = partial(_build, "RecognizerGCN", backbone, GCN_HEAD)
    return Case(name, model, build, _logits, layout=layout, save=save_as_runner)


def _build(recognizer: str, backbone: dict[str, Any], head: dict[str, Any]) -> nn.Module:
    from mmaction.registry import MODELS

    return MODELS.build({"type": recognizer, "backbone": backbone, "cls_head": head})


def save_as_runner(peer: nn.Module, file: Path) -> None:
    """Save as MMEngine's runner does: weights, what it logged, and the state of the optimiser."""
    from mmengine.logging import MessageHub

    hub = MessageHub.get_instance("parity")
    hub.update_scalar("train/loss", 4.1)
    content = {
        "meta": {"epoch": 1, "iter": 1, "dataset_meta": {}},
        "state_dict": peer.state_dict(),
        "message_hub": hub.state_dict(),
        "optimizer": torch.optim.SGD(peer.parameters(), lr=0.1).state_dict(),
    }
    torch.save(content, file)


def _logits(peer: nn.Module, seen: Tensor) -> Tensor:
    return peer.cls_head(peer.backbone(seen))


def place_in_image(clips: Tensor) -> Tensor:
    """Return 2D poses in an image; the box around each clip has whole pixels, as the peer cuts."""
    placed = LOWEST + (clips + 1) / 2 * SIDE
    placed[:, 0, 0, 0] = LOWEST
    placed[:, 0, 0, 1] = LOWEST + SIDE
    return placed


def draw(clips: Tensor) -> Tensor:
    """Return the volumes (N, V, T, H, W) that the peer's test pipeline draws, without its flip."""
    from mmaction.datasets.transforms import GeneratePoseTarget, PoseCompact, Resize

    steps = [
        PoseCompact(padding=PADDING, hw_ratio=1.0, allow_imgpad=True),
        Resize(scale=(-1, HEATMAP)),
        GeneratePoseTarget(sigma=0.6, use_score=True, with_kp=True, with_limb=False),
    ]
    volumes = [_run(steps, clip.numpy()) for clip in clips]
    return torch.from_numpy(np.stack(volumes)).transpose(1, 2).to(clips.dtype)


def _run(steps: Sequence[Any], clip: np.ndarray) -> np.ndarray:
    results = {
        "keypoint": clip.astype(np.float32),
        "keypoint_score": np.ones(clip.shape[:-1], dtype=np.float32),
        "img_shape": IMAGE,
        "modality": "Pose",
    }
    for step in steps:
        results = step(results)
    return results["imgs"]
