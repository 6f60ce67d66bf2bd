"""Models of other projects as methods of a suite: their code, this project's data and recipe.

MMAction2 (https://github.com/open-mmlab/mmaction2) 1.2.0 is taken from where it is installed, or
from the site-packages that ``HAR_PEERS`` names. ``import mmaction.models`` fails because its wheel
lacks a file, so its packages are entered without their ``__init__``.
"""

import importlib.util
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import Tensor, nn

from har.errors import ConfigError, did_you_mean
from har.skeleton.layout import Layout

PEERS = ("mmaction2",)
FOLDER_VARIABLE = "HAR_PEERS"
OBTAIN = (
    f"install it in an environment of its own (docs/models.md, 'Published weights') and set "
    f"{FOLDER_VARIABLE} to its site-packages"
)
PACKAGES = (
    "mmaction.models",
    "mmaction.models.backbones",
    "mmaction.models.utils",
    "mmaction.models.heads",
    "mmaction.models.losses",
    "mmaction.engine",
    "mmaction.datasets",
    "mmaction.datasets.transforms",
)
STGCN, AAGCN = ("stgcn", "STGCN"), ("aagcn", "AAGCN")
PEER_MODELS: Mapping[str, tuple[tuple[str, str], str, Mapping[str, Any]]] = {
    "stgcn": (STGCN, "stgcn_spatial", {}),
    "stgcnpp": (
        STGCN, "spatial", {"gcn_adaptive": "init", "gcn_with_res": True, "tcn_type": "mstcn"}
    ),
    "aagcn": (AAGCN, "spatial", {"data_bn_type": "VC"}),
    "agcn2s": (AAGCN, "spatial", {"data_bn_type": "VC", "gcn_attention": False}),
}  # fmt: skip
"""Module and class, graph, and arguments of each model, as in the peer's configurations; the input
norm is shared by all people, as the number of people differs between datasets."""

GRAPH_WIDTH = 256


@dataclass(frozen=True)
class Peer:
    """Whose code a method is.

    Attributes:
        package: one of ``PEERS``.
        model: one of ``PEER_MODELS``.
        beside: the method of the suite that is this project's own version of it.
    """

    package: str
    model: str
    beside: str | None = None

    @property
    def overrides(self) -> tuple[str, ...]:
        """What puts the peer's backbone and head in the place of the project's own."""
        return (
            "~model/backbone",
            "~model/head",
            f"+model.backbone={{_target_: {__name__}.PeerBackbone, model: {self.model}}}",
            f"+model.head={{_target_: {__name__}.PeerHead}}",
            "model.skip_absent_people=false",
        )


class PeerBackbone(nn.Module):
    """A graph network of MMAction2 as a backbone: (P, T, V, C) to (P, T', V, 256).

    Args:
        layout: joints of the input; its edges make the peer's graph.
        in_channels: C of the input.
        model: one of ``PEER_MODELS``.

    Raises:
        ConfigError: there is no such model, or the peer is not there.
    """

    out_channels = GRAPH_WIDTH

    def __init__(self, layout: Layout, in_channels: int = 3, model: str = "stgcnpp"):
        super().__init__()
        if model not in PEER_MODELS:
            raise ConfigError(
                f"model.backbone.model={model}: mmaction2 has no such model here."
                f"{did_you_mean(model, PEER_MODELS)} There are: {', '.join(PEER_MODELS)}"
            )
        load_mmaction2()
        (module, name), mode, options = PEER_MODELS[model]
        graph = {
            "num_node": layout.num_joints,
            "inward": [tuple(edge) for edge in layout.edge_indices.tolist()],
            "center": layout.index(layout.root),
        }
        build = getattr(import_module(f"mmaction.models.backbones.{module}"), name)
        graph_cfg = {"layout": graph, "mode": mode}
        self.net: Any = build(graph_cfg=graph_cfg, in_channels=in_channels, **options)
        self.net.init_weights()

    def forward(self, x: Tensor) -> Tensor:
        """Map people (P, T, V, C), each as a clip of its own, to features (P, T', V, 256)."""
        return self.net(x[:, None])[:, 0].permute(0, 2, 3, 1)


class PeerHead(nn.Module):
    """The head of MMAction2's graph networks on the mean over frames, joints and people.

    Args:
        in_channels: of that mean.
        num_classes: outputs.

    Raises:
        ConfigError: the peer is not there.
    """

    def __init__(self, in_channels: int, num_classes: int):
        super().__init__()
        load_mmaction2()
        import_module("mmaction.models.losses.cross_entropy_loss")
        build = import_module("mmaction.models.heads.gcn_head").GCNHead
        self.net: Any = build(num_classes, in_channels)
        self.net.init_weights()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C) to logits (N, classes)."""
        return self.net(x[:, None, :, None, None])


@cache
def load_mmaction2(folder: Path | None = None) -> str:
    """Make MMAction2 importable and return its version.

    Args:
        folder: site-packages that hold it; default where it is installed, then ``HAR_PEERS``.

    Raises:
        ConfigError: it is in none of them; tells how to get it.
    """
    place = _find(folder)
    if str(place) not in sys.path:
        sys.path.append(str(place))
    for name in PACKAGES:
        package = ModuleType(name)
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [str(place.joinpath(*name.split(".")))]
        package.__spec__, package.__path__ = spec, spec.submodule_search_locations
        sys.modules[name] = package
    try:
        utils = sys.modules["mmaction.models.utils"]
        for part in ("graph", "gcn_utils"):
            vars(utils).update(vars(import_module(f"mmaction.models.utils.{part}")))
        # Starts of weights are found by name in a scope, and each one drawn is told at length.
        import_module("mmaction.engine.model.weight_init")
        import_module("mmengine.registry").init_default_scope("mmaction")
        import_module("mmengine.logging").MMLogger.get_current_instance().setLevel("WARNING")
        return import_module("mmaction.version").__version__
    except ImportError as error:
        raise ConfigError(f"mmaction2 in {place} cannot be imported: {error}; {OBTAIN}") from error


def check_peer(peer: Peer | None) -> dict[str, str] | None:
    """Return package, model and version of a peer that is there; None for no peer.

    Raises:
        ConfigError: it is not there; tells how to get it.
    """
    if peer is None:
        return None
    return {"package": peer.package, "model": peer.model, "version": load_mmaction2()}


def _find(folder: Path | None) -> Path:
    if folder is None:
        installed = importlib.util.find_spec("mmaction")
        if installed is not None and installed.origin is not None:
            return Path(installed.origin).parent.parent
        named = os.environ.get(FOLDER_VARIABLE)
        if not named:
            raise ConfigError(
                f"mmaction2 is not installed, and {FOLDER_VARIABLE} is not set: {OBTAIN}"
            )
        folder = Path(named).expanduser()
    if not (folder / "mmaction").is_dir():
        raise ConfigError(f"there is no package mmaction in {folder}: {OBTAIN}")
    return folder
