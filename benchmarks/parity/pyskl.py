"""PYSKL, and ProtoGCN that is built on it, as peers: each from a checkout, on mmcv-lite 2.

They are written for mmcv 1, whose names are put back; only their networks are imported.
"""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from parity.case import Case

Builder = Callable[[], nn.Module]
PACKAGES = ("mmcv-lite", "onedl-mmengine")
SPATIAL = {"layout": "nturgb+d", "mode": "spatial"}
BRANCHES = [(3, 1), (3, 2), (3, 3), (3, 4), ("max", 3), "1x1"]
LEARNED = {"layout": "nturgb+d", "mode": "random", "num_filter": 8, "init_off": 0.04}
GRAPH_NETWORKS: tuple[tuple[str, str, str, int, dict[str, Any]], ...] = (
    ("ST-GCN", "stgcn", "STGCN", 256, {"graph_cfg": {**SPATIAL, "mode": "stgcn_spatial"}}),
    (
        "ST-GCN++",
        "stgcnpp",
        "STGCN",
        256,
        {
            "graph_cfg": SPATIAL,
            "gcn_adaptive": "init",
            "gcn_with_res": True,
            "tcn_type": "mstcn",
        },
    ),
    ("AAGCN", "aagcn", "AAGCN", 256, {"graph_cfg": SPATIAL}),
    ("CTR-GCN", "ctrgcn", "CTRGCN", 256, {"graph_cfg": SPATIAL}),
    ("MS-G3D", "msg3d", "MSG3D", 384, {"graph_cfg": {**SPATIAL, "mode": "binary_adj"}}),
    (
        "DG-STGCN",
        "dgstgcn",
        "DGSTGCN",
        256,
        {
            "graph_cfg": {**LEARNED, "init_std": 0.02},
            "gcn_ratio": 0.125,
            "gcn_ctr": "T",
            "gcn_ada": "T",
            "tcn_ms_cfg": BRANCHES,
        },
    ),
)
"""Name, backbone here, class there, its features, its options."""

SLOW_ONLY: dict[str, Any] = {
    "in_channels": 17,
    "base_channels": 32,
    "num_stages": 3,
    "out_indices": (2,),
    "stage_blocks": (4, 6, 3),
    "conv1_stride": (1, 1),
    "pool1_stride": (1, 1),
    "inflate": (0, 1, 1),
    "spatial_strides": (2, 2, 2),
    "temporal_strides": (1, 1, 2),
}


class Recognizer(nn.Module):
    """A backbone and a head of PYSKL, named as in its checkpoints."""

    def __init__(self, backbone: nn.Module, head: nn.Module):
        super().__init__()
        self.backbone = backbone
        self.cls_head = head

    def forward(self, seen: Tensor) -> Tensor:
        """Map what the backbone takes to logits; ProtoGCN's returns graphs beside the features."""
        features = self.backbone(seen)
        return self.cls_head(features[0] if isinstance(features, tuple) else features)


def protogcn(code: Path | None) -> list[Case]:
    """Return ProtoGCN."""
    if code is None:
        raise SystemExit("--code has to name a checkout of https://github.com/firework8/ProtoGCN")
    _restore_mmcv()
    _enter(code / "protogcn", "protogcn")
    options = {"graph_cfg": {**LEARNED, "init_std": 0.02}, "tcn_ms_cfg": BRANCHES}
    head = {"joint_cfg": "nturgb+d", "weight": 0.2, "in_channels": 384}
    build = partial(_build, "protogcn", "ProtoGCN", "GCN", options, head)
    return [Case("ProtoGCN", "protogcn", build, _logits, save=save)]


def cases(code: Path | None) -> list[Case]:
    """Return the models that PYSKL has too."""
    if code is None:
        raise SystemExit("--code has to name a checkout of https://github.com/kennymckormick/pyskl")
    _restore_mmcv()
    _enter(code / "pyskl", "pyskl")
    from parity.mmaction2 import draw, place_in_image

    return [
        *(
            Case(name, model, _builder(kind, "GCN", options, channels), _logits, save=save)
            for name, model, kind, channels, options in GRAPH_NETWORKS
        ),
        Case(
            "PoseC3D",
            "posec3d",
            _builder("ResNet3dSlowOnly", "3D", SLOW_ONLY, 512),
            lambda peer, clips: peer(draw(clips)),
            frames=8,
            layout="coco17",
            coordinates=2,
            save=save,
            draw=draw,
            place=place_in_image,
        ),
    ]


def _restore_mmcv() -> None:
    """Put back the names of mmcv 1 that PYSKL imports."""
    import mmcv.cnn
    import mmcv.utils
    from mmengine import model
    from mmengine.logging import print_log
    from mmengine.utils.dl_utils.parrots_wrapper import _BatchNorm

    for name in ("constant_init", "kaiming_init", "normal_init"):
        setattr(mmcv.cnn, name, getattr(model, name))
    vars(mmcv.utils).update(_BatchNorm=_BatchNorm, print_log=print_log)
    _module("mmcv.runner", load_checkpoint=None, _load_checkpoint=None)


def _module(name: str, path: Path | None = None, **content: Any) -> ModuleType:
    module = ModuleType(name)
    module.__path__ = [] if path is None else [str(path)]
    vars(module).update(content)
    sys.modules[name] = module
    return module


class _Registry:
    """Takes the place of the registries: the classes are imported by their names."""

    def register_module(self) -> Callable[[type], type]:
        """Return a decorator that leaves a class as it is."""
        return lambda registered: registered


def _enter(folder: Path, package: str) -> None:
    """Make the networks importable without the packages' own imports of everything."""
    _module(package, folder)
    utils = _module(
        f"{package}.utils", folder / "utils", cache_checkpoint=None, get_root_logger=None
    )
    vars(utils)["Graph"] = import_module(f"{package}.utils.graph").Graph
    _module(f"{package}.core", top_k_accuracy=None)
    _module(f"{package}.models", folder / "models")
    registries = {name: _Registry() for name in ("BACKBONES", "HEADS", "LOSSES")}
    _module(f"{package}.models.builder", build_loss=lambda _: None, **registries)
    for part in ("gcns", "cnns", "heads", "losses"):
        _module(f"{package}.models.{part}", folder / "models" / part)


def _builder(kind: str, mode: str, options: Mapping[str, Any], channels: int) -> Builder:
    head = {"in_channels": channels, "dropout": 0.0}
    return partial(_build, "pyskl", kind, mode, options, head)


def _build(
    package: str, kind: str, mode: str, options: Mapping[str, Any], head: Mapping[str, Any]
) -> nn.Module:
    place = "cnns.resnet3d_slowonly" if mode == "3D" else f"gcns.{kind.lower()}"
    backbone = getattr(import_module(f"{package}.models.{place}"), kind)(**options)
    heads = import_module(f"{package}.models.heads.simple_head")
    return Recognizer(backbone, heads.SimpleHead(num_classes=60, mode=mode, **head))


def save(peer: nn.Module, file: Path) -> None:
    """Save as mmcv 1 does."""
    torch.save({"meta": {"epoch": 16, "iter": 1}, "state_dict": peer.state_dict()}, file)


def _logits(peer: nn.Module, clips: Tensor) -> Tensor:
    return peer(clips)
