"""What the program itself hands to a node of the configuration when it builds it."""

from collections.abc import Mapping
from typing import Any

Provided = Mapping[str, frozenset[str]]

PROVIDED: Provided = {
    "model": frozenset({"fusion", "backbone", "temporal", "head"}),
    "model.fusion": frozenset({"stream_channels"}),
    "model.backbone": frozenset({"in_channels", "layout"}),
    "model.temporal": frozenset({"in_channels"}),
    "model.head": frozenset({"in_channels", "num_classes"}),
    "loss": frozenset({"class_counts"}),
    "pretraining": frozenset({"encoder", "in_channels"}),
    "distillation": frozenset({"teacher"}),
    "optimizer.factory": frozenset({"params"}),
    "logger.extra": frozenset({"save_dir"}),
}
"""By the node's path."""

PROVIDED_FOR_VIDEO: Provided = {
    **PROVIDED,
    "model": frozenset({"backbone", "temporal", "head"}),
    "model.backbone": frozenset(),
}
"""The same where the clips are videos, which have neither joints nor streams of them."""


PROVIDED_FOR_PAIRS: Provided = {
    **PROVIDED,
    "model": frozenset({"pose", "video", "fusion", "temporal", "head"}),
    "model.fusion": frozenset(),
    "model.pose": frozenset({"fusion", "backbone"}),
    "model.pose.fusion": frozenset({"stream_channels"}),
    "model.pose.backbone": frozenset({"in_channels", "layout"}),
    "model.video": frozenset({"backbone"}),
}
"""The same for a model of poses and video."""


def provided_for(config: Mapping[str, Any]) -> Provided:
    """Return what the program hands over in an experiment of this configuration."""
    data, model = config.get("data"), config.get("model")
    if not isinstance(data, Mapping) or data.get("video") is None:
        return PROVIDED
    if data.get("poses") is not None and isinstance(model, Mapping):
        if "pose" in model:
            return PROVIDED_FOR_PAIRS
        if "fusion" in model:
            return PROVIDED
    return PROVIDED_FOR_VIDEO


OFFERED: Provided = {
    "loss": frozenset({"admissible", "competing"}),
    "model.head": frozenset({"layout"}),
    "model.fusion": frozenset({"stream_channels", "map_channels", "backbones", "layout"}),
}
"""What the program hands to those nodes that take it."""
