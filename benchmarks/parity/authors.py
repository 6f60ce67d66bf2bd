"""The authors' code of CTR-GCN, 2s-AGCN and MS-G3D as peers, each from a checkout of its own."""

import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

from torch import Tensor, nn

from parity.case import Case

PACKAGES = ("einops",)
NTU: dict[str, Any] = {"num_class": 60, "num_point": 25, "num_person": 2}
NUCLA: dict[str, Any] = {"num_class": 10, "num_point": 20, "num_person": 1}
KINETICS: dict[str, Any] = {"num_class": 400, "num_point": 18, "num_person": 2}
NTU_GRAPH, UCLA_GRAPH = "graph.ntu_rgb_d.Graph", "graph.ucla.Graph"
KINETICS_GRAPH = "graph.kinetics.Graph"


def ctrgcn(code: Path | None) -> list[Case]:
    """Return CTR-GCN, for NTU RGB+D and for N-UCLA."""
    _enter(code, "https://github.com/Uason-Chen/CTR-GCN")
    build = partial(_build, "model.ctrgcn")
    nucla = partial(build, {**NUCLA, "graph": UCLA_GRAPH})
    return [
        Case("CTR-GCN", "ctrgcn", partial(build, {**NTU, "graph": NTU_GRAPH}), _logits),
        Case(
            "CTR-GCN for N-UCLA",
            "ctrgcn",
            nucla,
            _logits,
            classes=10,
            people=1,
            layout="kinect20",
            settings=("data=nwucla", "protocol=cross_view"),
        ),
    ]


def agcn2s(code: Path | None) -> list[Case]:
    """Return 2s-AGCN."""
    _enter(code, "https://github.com/lshiwjx/2s-AGCN")
    build = partial(_build, "model.agcn")
    return _ntu_and_kinetics("2s-AGCN", "agcn2s", build, NTU_GRAPH, KINETICS_GRAPH)


def msg3d(code: Path | None) -> list[Case]:
    """Return MS-G3D."""
    _enter(code, "https://github.com/kenziyuliu/MS-G3D")
    graphs = "graph.ntu_rgb_d.AdjMatrixGraph", "graph.kinetics.AdjMatrixGraph"
    build = partial(_build, "model.msg3d")
    return _ntu_and_kinetics("MS-G3D", "msg3d", build, *graphs, num_gcn_scales=13, num_g3d_scales=6)


def _ntu_and_kinetics(
    name: str,
    model: str,
    build: Callable[..., nn.Module],
    ntu_graph: str,
    kinetics_graph: str,
    **options: Any,
) -> list[Case]:
    ntu = partial(build, {**NTU, **options, "graph": ntu_graph})
    kinetics = partial(build, {**KINETICS, **options, "graph": kinetics_graph})
    return [
        Case(name, model, ntu, _logits),
        Case(
            f"{name} for Kinetics-Skeleton",
            model,
            kinetics,
            _logits,
            classes=400,
            layout="openpose18",
        ),
    ]


def _enter(code: Path | None, address: str) -> None:
    if code is None:
        raise SystemExit(f"--code has to name a checkout of {address}")
    sys.path.insert(0, str(code))
    if not (code / "utils.py").is_file():  # a module of MS-G3D that some copies lack
        utils = ModuleType("utils")
        vars(utils).update(import_class=_import_class, count_params=None)
        sys.modules["utils"] = utils


def _import_class(name: str) -> type:
    module, _, kind = name.rpartition(".")
    return getattr(import_module(module), kind)


def _build(module: str, options: dict[str, Any]) -> nn.Module:
    return import_module(module).Model(**options)


def _logits(peer: nn.Module, clips: Tensor) -> Tensor:
    """Return the logits; 2s-AGCN's code moves its graphs to a GPU, here there is none."""
    with patch.object(Tensor, "cuda", lambda tensor, *_: tensor):
        return peer(clips.permute(0, 4, 2, 3, 1))
