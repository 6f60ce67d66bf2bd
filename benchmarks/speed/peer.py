"""The peers: mmaction2, loaded from a folder without what its wheel lacks, and PYSKL.

The folder holds, installed with ``pip install --no-deps --target FOLDER``: mmaction2==1.2.0,
mmcv-lite==2.1.0, onedl-mmengine==0.10.12, addict, yapf, importlib_metadata, zipp, platformdirs,
einops, termcolor, opencv-python-headless, and setuptools<81.

CTR-GCN is not in the wheel, but in a checkout of
https://github.com/kennymckormick/pyskl by the same authors, which runs on the same packages.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from har.benchmark.peers import load_mmaction2

GRAPH = {"layout": "nturgb+d", "mode": "spatial"}
MODELS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "stgcnpp": (
        "stgcn",
        "STGCN",
        {"graph_cfg": GRAPH, "gcn_adaptive": "init", "gcn_with_res": True, "tcn_type": "mstcn"},
    ),
    "aagcn": ("aagcn", "AAGCN", {"graph_cfg": GRAPH}),
    "posec3d": (
        "resnet3d_slowonly",
        "ResNet3dSlowOnly",
        {
            "depth": 50,
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
        },
    ),
}
"""Module, class and arguments of each model that the wheel has."""

PYSKL_MODELS = {"ctrgcn": "CTRGCN"}
WIDTHS = {"posec3d": 512}
GRAPH_WIDTH = 256
_pyskl_builders: dict[str, Callable[[], nn.Module]] = {}


class PeerClassifier(nn.Module):
    """A peer's backbone, the mean over people, time and space, and a linear layer."""

    def __init__(self, backbone: nn.Module, channels: int, classes: int):
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map the peer's input, skeletons (N, M, T, V, C) or volumes (N, C, T, H, W), to logits."""
        out = self.backbone(x)
        people_axis = out.dim() == 5 and x.dim() == 5 and out.shape[:2] == x.shape[:2]
        channel_axis = 2 if people_axis else 1
        rest = [axis for axis in range(1, out.dim()) if axis != channel_axis]
        return self.head(out.mean(rest))


def load_peer(folder: Path | None) -> str | None:
    """Make mmaction2 importable from the folder and return its version; None where it is not."""
    if folder is None or not (folder / "mmaction").is_dir():
        return None
    return load_mmaction2(folder)


def load_pyskl(checkout: Path | None) -> None:
    """Make the models of a checkout of PYSKL known; it needs the folder of mmaction2 too."""
    if checkout is None:
        return
    from parity import pyskl

    builders = {case.model: case.build for case in pyskl.cases(checkout)}
    _pyskl_builders.update({model: builders[model] for model in PYSKL_MODELS})


def peer_of(model: str) -> str | None:
    """Return who has this model too; None where nobody was loaded who has."""
    if model in MODELS:
        return "mmaction2"
    return "PYSKL" if model in _pyskl_builders else None


def build_peer(model: str, classes: int) -> PeerClassifier:
    """Return the peer's model of that name with random weights."""
    if model in _pyskl_builders:
        backbone = _pyskl_builders[model]().backbone
    else:
        module, name, options = MODELS[model]
        backbone = getattr(import_module(f"mmaction.models.backbones.{module}"), name)(**options)
    return PeerClassifier(backbone, WIDTHS.get(model, GRAPH_WIDTH), classes)


def peer_pipeline(frames: int, people: int, normalise: bool) -> list[Any]:
    """Return the peer's transforms of a 3D skeleton clip, in the order of its configurations."""
    pose = import_module("mmaction.datasets.transforms.pose_transforms")
    formatting = import_module("mmaction.datasets.transforms.formatting")
    return [
        *([pose.PreNormalize3D()] if normalise else []),
        pose.GenSkeFeat(dataset="nturgb+d", feats=["j"]),
        pose.UniformSampleFrames(clip_len=frames),
        pose.PoseDecode(),
        formatting.FormatGCNInput(num_person=people),
    ]


def peer_heatmaps() -> Any:
    """Return the peer's transform that draws the joints of a clip."""
    pose = import_module("mmaction.datasets.transforms.pose_transforms")
    return pose.GeneratePoseTarget(sigma=0.6, use_score=True, with_kp=True)


def collate(samples: list[dict[str, Any]]) -> Tensor:
    """Join prepared clips to one batch, as the peer's packing and collating do."""
    return torch.stack([torch.from_numpy(sample["keypoint"]) for sample in samples])
