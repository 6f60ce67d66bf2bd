"""``har models``: the backbones that the configurations offer."""

import inspect
from collections.abc import Sequence
from typing import Any

from har.cli.tables import print_json, print_table, wants_json

STANDARD_LAYOUT, STANDARD_CHANNELS = "ntu25", 3
DESCRIPTION = (
    "List the backbones, one a file of configs/model/backbone, with the paper and the number of "
    f"parameters for {STANDARD_CHANNELS} channels of the joints of {STANDARD_LAYOUT}."
)


def run(arguments: Sequence[str]) -> int:
    """Print the list."""
    as_json = wants_json("models", DESCRIPTION, arguments)
    backbones = list_backbones()
    if as_json:
        print_json(backbones)
        return 0
    print_table(
        [
            {
                "backbone": backbone["name"],
                "parameters": f"{backbone['parameters'] / 1e6:.2f} M",
                "paper": backbone["paper"],
            }
            for backbone in backbones
        ]
    )
    return 0


def list_backbones() -> list[dict[str, Any]]:
    """Return name, target, paper and parameter count of every backbone, by name."""
    from har.config.compose import config_dir

    names = sorted(path.stem for path in (config_dir() / "model" / "backbone").glob("*.yaml"))
    return [_describe(name) for name in names]


def _describe(name: str) -> dict[str, Any]:
    from har.config.build import build
    from har.config.compose import compose_unchecked
    from har.config.targets import find_target
    from har.skeleton.layout import load_layout

    node = compose_unchecked([f"model/backbone={name}"]).model.backbone
    backbone = build(node, layout=load_layout(STANDARD_LAYOUT), in_channels=STANDARD_CHANNELS)
    module = inspect.getmodule(find_target(node["_target_"]).call)
    return {
        "name": name,
        "target": node["_target_"],
        "paper": (inspect.getdoc(module) or "").partition("\n")[0],
        "parameters": sum(weights.numel() for weights in backbone.parameters()),
    }
