"""``har models``: the backbones that the configurations offer."""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from har.cli.tables import print_json, print_table
from har.errors import HarError
from har.paths import project_root

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

PEOPLE, CLASSES = 2, 60
LICENCE = "Apache-2.0"
DESCRIPTION = (
    "List the backbones, one a file of configs/model/backbone, with paper, parameters and "
    f"multiply-accumulates (GMACs) of one clip of {PEOPLE} people and {CLASSES} classes."
)
VIDEO = "har.models.video."
_LONGEST_PAPER = 72


@dataclass(frozen=True)
class Setting:
    """The input that a model is measured on."""

    layout: str = "ntu25"
    channels: int = 3
    frames: int = 64


SETTINGS: Mapping[str, Setting] = {
    **dict.fromkeys(
        ("stgcn", "stgcnpp", "aagcn", "msg3d", "dgstgcn", "protogcn"), Setting(frames=100)
    ),
    "posec3d": Setting("coco17", channels=2, frames=48),
    "act": Setting("smarthome13", channels=4, frames=30),
}
"""Settings of the published figures, by the module of the backbone, where not the default."""


def run(arguments: Sequence[str]) -> int:
    """Print the list."""
    parser = argparse.ArgumentParser(prog="har models", description=DESCRIPTION)
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--json", action="store_true", help="print JSON, with all that is known")
    forms.add_argument("--markdown", action="store_true", help="print the table of docs/models.md")
    chosen = parser.parse_args(arguments)
    if chosen.json:
        print_json([{**model, **inputs(model["name"])} for model in list_backbones()])
    elif chosen.markdown:
        print(markdown_table())
    else:
        print_table([_row(model) for model in list_backbones()])
        print(f"\nOf video, which need the extra 'video': {', '.join(video_backbone_names())}")
    return 0


def markdown_table() -> str:
    """Return the list as a Markdown table."""
    lines = [
        "| backbone | paper | year | parameters | GMACs | input |",
        "|---|---|---|---|---|---|",
    ]
    for model in list_backbones():
        row = _row(model, longest_paper=None)
        paper = f"[{row['paper']}]({model['url']})" if model["url"] else row["paper"]
        on = model["measured_on"]
        seen = f"{on['layout']} x {on['channels']}, {on['frames']} frames"
        cells = (f"`{row['backbone']}`", paper, row["year"], row["parameters"], row["GMACs"], seen)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


@lru_cache(maxsize=1)
def list_backbones() -> tuple[dict[str, Any], ...]:
    """Return what is known of every backbone, by name; measured once a process.

    Each has ``name``, ``target``, ``paper``, ``year`` and ``url`` (None without a paper),
    ``licence`` (of this implementation), ``parameters`` and ``gmacs`` with a linear head, and
    ``measured_on`` (layout, channels, frames, people, classes).
    """
    return tuple(_describe(name) for name in backbone_names())


def backbone_names() -> list[str]:
    """Return the names of the skeleton backbones of ``configs/model/backbone``, sorted."""
    return [name for name, target in _targets().items() if not target.startswith(VIDEO)]


def video_backbone_names() -> list[str]:
    """Return the names of the backbones that see pixels, sorted."""
    return [name for name, target in _targets().items() if target.startswith(VIDEO)]


def _targets() -> dict[str, str]:
    import yaml

    files = sorted(_folder().glob("*.yaml"), key=lambda path: path.stem)
    return {path.stem: yaml.safe_load(path.read_text("utf-8"))["_target_"] for path in files}


def inputs(name: str) -> dict[str, list[str]]:
    """Return the ``modality`` and the ``layouts`` that a backbone can be built for."""
    from har.skeleton.layout import list_layouts

    layout = setting(name).layout
    kinds = {"pose3d": 3, "pose2d": 2}
    modalities = [kind for kind, channels in kinds.items() if _builds(name, layout, channels)]
    channels = setting(name).channels
    return {
        "modality": modalities,
        "layouts": [other for other in list_layouts() if _builds(name, other, channels)],
    }


def setting(name: str) -> Setting:
    """Return the input that a backbone is measured on."""
    target = backbone_node(name, Setting().frames)["_target_"]
    return SETTINGS.get(target.split(".")[-2], Setting())


def backbone_node(name: str, frames: int) -> dict[str, Any]:
    """Return the configuration of a backbone, as composed with ``sampling.frames=<frames>``."""
    import yaml

    text = (_folder() / f"{name}.yaml").read_text(encoding="utf-8")
    text = text.replace("${sampling.frames}", str(frames))
    node = yaml.safe_load(text)
    if "${" not in text and "defaults" not in node:
        return node
    from har.config.compose import compose_unchecked, to_plain

    choice = [f"model/backbone={name}", f"sampling.frames={frames}"]
    return to_plain(compose_unchecked(choice))["model"]["backbone"]


def build_backbone(name: str, layout: str, channels: int, frames: int) -> nn.Module:
    """Build a backbone from its configuration."""
    from har.config.build import build
    from har.skeleton.layout import load_layout

    node = backbone_node(name, frames)
    return build(node, layout=load_layout(layout), in_channels=channels)


def _folder() -> Path:
    return project_root() / "configs" / "model" / "backbone"


def _describe(name: str) -> dict[str, Any]:
    from har.config.targets import find_target
    from har.models.cost import parameter_count

    on = setting(name)
    parts = _parts(name, on)
    target = backbone_node(name, on.frames)["_target_"]
    module = inspect.getmodule(find_target(target).call)
    return {
        "name": name,
        "target": target,
        **read_paper(inspect.getdoc(module) or ""),
        "licence": LICENCE,
        "parameters": sum(parameter_count(part) for part in parts),
        "gmacs": round(_macs(*parts, on) / 1e9, 3),
        "measured_on": {**asdict(on), "people": PEOPLE, "classes": CLASSES},
    }


def read_paper(docstring: str) -> dict[str, Any]:
    """Return ``paper``, ``year`` and ``url`` from the docstring of a backbone's module.

    Its first line is "<Name>: <title>."; the second paragraph has the year and the link.
    """
    title, *rest = docstring.split("\n\n")
    source = rest[0] if rest else ""
    link = re.search(r"https?://[^\s,;)]+", source)
    year = re.search(r"\b(?:19|20)\d\d\b", source.replace(link.group(), "") if link else source)
    return {
        "paper": " ".join(title.split()).removesuffix("."),
        "year": int(year.group()) if year else None,
        "url": link.group().removesuffix(".") if link else None,
    }


def _parts(name: str, on: Setting) -> tuple[nn.Module, Any, nn.Module]:
    """Return backbone, temporal pooling and head, without their numbers."""
    from har.models.cost import without_numbers
    from har.models.heads import LinearHead
    from har.models.temporal.average import GlobalAverage

    backbone: Any = _build_without_numbers(name, on.layout, on.channels, on.frames)
    with without_numbers():
        pooling = GlobalAverage(backbone.out_channels)
        return backbone, pooling, LinearHead(pooling.out_channels, CLASSES)


def _macs(backbone: nn.Module, pooling: Any, head: nn.Module, on: Setting) -> int:
    """Return the multiply-accumulates of one clip: people up to the pooling, then the head."""
    import torch
    from torch import nn

    from har.models.cost import forward_macs
    from har.skeleton.layout import load_layout

    joints = load_layout(on.layout).num_joints
    people = torch.empty(PEOPLE, on.frames, joints, on.channels, device="meta")
    clip = torch.empty(1, pooling.out_channels, device="meta")
    return forward_macs(nn.Sequential(backbone, pooling), people) + forward_macs(head, clip)


def _builds(name: str, layout: str, channels: int) -> bool:
    try:
        _build_without_numbers(name, layout, channels, setting(name).frames)
    except HarError:
        return False
    return True


def _build_without_numbers(name: str, layout: str, channels: int, frames: int) -> nn.Module:
    """Build a backbone on the meta device, which is much faster.

    A constructor that looks at its numbers cannot be built so, and is built with them first.
    """
    from har.models.cost import without_numbers

    try:
        with without_numbers():
            return build_backbone(name, layout, channels, frames)
    except (HarError, RuntimeError):
        return build_backbone(name, layout, channels, frames).to("meta")


def _row(model: Mapping[str, Any], longest_paper: int | None = _LONGEST_PAPER) -> dict[str, str]:
    paper = model["paper"]
    if longest_paper and len(paper) > longest_paper:
        paper = paper[: longest_paper - 3].rstrip() + "..."
    return {
        "backbone": model["name"],
        "year": str(model["year"] or "-"),
        "parameters": f"{model['parameters'] / 1e6:.2f} M",
        "GMACs": f"{model['gmacs']:.2f}",
        "frames": str(model["measured_on"]["frames"]),
        "paper": paper,
    }
