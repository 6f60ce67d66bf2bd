"""Experiments on poses and video together: what serves their clips, and their model."""

from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from har.config.build import build
from har.config.targets import find_target
from har.data.loaders import BatchLoaders
from har.data.paired_batches import PairedBatches
from har.data.paired_datamodule import PairedDataModule
from har.data.paired_store import PairedStore
from har.data.paired_transforms import HideModality, Modality
from har.data.splits import Split
from har.data.transforms import Compose
from har.errors import ConfigError
from har.models.fusion.base import FrameFusion, ModalityFusion
from har.models.multimodal import FusedClassifier
from har.run.loading import loading
from har.skeleton.layout import Layout
from har.skeleton.streams import stream_channels

Config = Mapping[str, Any]
BUILT = ("pose", "video", "fusion", "temporal", "head")


def is_fused(model: Config) -> bool:
    """Return whether a model takes poses and video."""
    return find_target(model["_target_"]).call is FusedClassifier


def build_paired_data(
    store: PairedStore, split: Split, config: Config, clip_weights: np.ndarray | None
) -> PairedDataModule:
    """Build what serves the clips of videos with poses."""
    transform = config["transform"]
    _check(config)
    return PairedDataModule(
        store,
        split,
        _clips(store, config, "train"),
        _clips(store, config, "test"),
        normalise=[build(node) for node in transform["normalise"]],
        augment=[build(node) for node in transform["augment"]],
        **loading(config, clip_weights),
    )


def build_fused_classifier(
    config: Config, store: Any, data: BatchLoaders, num_classes: int
) -> FusedClassifier:
    """Build a classifier of poses and video; sizes follow from its parts and the data.

    Raises:
        ConfigError: the data have no poses, or the parts do not fit each other.
    """
    if not isinstance(store, PairedStore):
        raise ConfigError(
            "model=fused takes poses and video: choose data with data.poses, such as "
            "data=gmdcsa24_fusion"
        )
    model = config["model"]
    layout = data.output_layout
    branches = _branches(model, layout, store.coordinates, config["stream"]["names"])
    fusion = _fusion(model["fusion"], branches, layout)
    if fusion.needs_points and store.camera is None:
        raise ConfigError(
            f"model.fusion {type(fusion).__name__} needs to know where the joints are in the "
            f"frames, which the poses of {store.origin} do not tell: extract them with "
            "coordinates=camera or coordinates=image"
        )
    if model["fusion"].get("method") == "tuned" and len(data.split.val) == 0:
        raise ConfigError(
            "late fusion with method=tuned finds its weights on validation clips, and there are "
            "none: give protocol.validation, or choose model/fusion=late or late_learned"
        )
    heads = {}
    temporals = {}
    for name, channels in fusion.readouts.items():
        temporals[name] = build(model["temporal"], in_channels=channels)
        width = temporals[name].out_channels
        heads[name] = build(model["head"], in_channels=width, num_classes=num_classes)
    options = {key: value for key, value in model.items() if key not in BUILT}
    return build(options, **branches, fusion=fusion, temporal=temporals, head=heads)


def hide_modality(experiment: Any, absent: str) -> None:
    """Take poses or video away from all clips of an experiment, for a test.

    Args:
        experiment: of a model of both.
        absent: "pose" or "video".

    Raises:
        ConfigError: the model does not take both, or there is no such modality.
    """
    hide = HideModality(cast(Modality, absent))
    data = experiment.data
    if not isinstance(experiment.module.classifier, FusedClassifier):
        raise ConfigError(
            f"absent={absent}: the model does not take poses and video together, so that neither "
            "can be left out"
        )
    data.normalise = Compose((*data.normalise.transforms, hide))


def _branches(
    model: Config, layout: Layout, coordinates: int, streams: list[str]
) -> dict[str, Any]:
    channels = {name: stream_channels(name, coordinates) for name in streams}
    pose, video = model["pose"], model["video"]
    joined = build(pose["fusion"], stream_channels=channels)
    backbone = build(pose["backbone"], layout=layout, in_channels=joined.out_channels)
    filmed = build(video["backbone"])
    return {
        "pose": build(_options(pose), fusion=joined, backbone=backbone),
        "video": build(_options(video), backbone=filmed),
    }


def _options(branch: Config) -> dict[str, Any]:
    return {key: value for key, value in branch.items() if key not in ("fusion", "backbone")}


def _fusion(node: Config, branches: Mapping[str, Any], layout: Layout) -> ModalityFusion:
    """Build a strategy; a fusion of streams joins the modalities frame by frame."""
    takes = find_target(node["_target_"]).parameters
    channels = {name: branch.out_channels for name, branch in branches.items()}
    if "stream_channels" in takes:
        return FrameFusion(build(node, stream_channels=channels))
    backbones = {name: branch.backbone for name, branch in branches.items()}
    offered = {"map_channels": channels, "backbones": backbones, "layout": layout}
    return build(node, **{name: value for name, value in offered.items() if name in takes})


def _clips(store: PairedStore, config: Config, part: str) -> PairedBatches:
    data, video = config["data"], config["data"]["video"]
    return PairedBatches(
        store,
        build(config["sampling"][part]),
        build(video[f"{part}_crop"]),
        video["size"],
        training=part == "train",
        augment=[build(node) for node in video["clip_augment"]],
        people=data["people"] or 1,
        rate=data["poses"]["rate"],
    )


def _check(config: Config) -> None:
    """Refuse what does not work on poses and video together, all in one message."""
    video, problems = config["data"]["video"], []
    if video is None:
        raise ConfigError("data.poses needs data.video: choose data=gmdcsa24_fusion")
    if config["data"]["poses"]["rate"] < 1:
        problems.append("data.poses.rate must be 1 or more")
    if video["features"]:
        problems.append("data.video.features are of video alone: set it to null")
    if video["selection"]:
        problems.append("data.video.selection chooses frames of video alone: set it to null")
    if config["mixing"]:
        problems.append("mixing mixes joints and not frames: choose mixing=none")
    if is_fused(config["model"]):
        problems += _fused_problems(config)
    if problems:
        told = "".join(f"\n  - {problem}" for problem in problems)
        raise ConfigError(f"this is a dataset of videos with poses:{told}")


def _fused_problems(config: Config) -> list[str]:
    problems = []
    if not config["stream"]["names"]:
        problems.append("stream.names is empty, the poses need one: choose stream=joint")
    if config["labels"]["space"] != "own":
        problems.append("model=fused has the labels of one dataset: choose labels=own")
    if hasattr(find_target(config["model"]["head"]["_target_"]).call, "auxiliary_loss"):
        problems.append("model.head has a loss of its own on skeletons: choose model/head=linear")
    return problems
