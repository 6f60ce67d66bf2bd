"""From a checked configuration to the parts of an experiment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from har.config.build import build
from har.config.targets import find_target
from har.data.combined import ClipSource
from har.data.combined_videos import VideoSource
from har.data.datamodule import ClipDataModule
from har.data.loaders import BatchLoaders
from har.data.paired_store import PairedStore
from har.data.splits import Split
from har.errors import ConfigError
from har.models.multi_stream import MultiStreamClassifier
from har.paths import project_root
from har.run.loading import loading
from har.run.pairs import build_fused_classifier, build_paired_data, is_fused
from har.run.quality.experiment import Quality, apply_filters
from har.run.sources import Source, combine, describe_split, open_sources, open_store
from har.run.video import build_video_classifier, build_video_data
from har.skeleton.layout import Layout
from har.skeleton.streams import CONFIDENCE, stream_channels
from har.taxonomy.crosswalk import Crosswalk, load_crosswalk
from har.taxonomy.label_space import LabelSpace, separate_space, shared_space
from har.training.module import RecognitionModule
from har.training.readout import LabelReadout

__all__ = [
    "Experiment",
    "assemble",
    "build_classifier",
    "build_data",
    "describe_split",
    "open_store",
]

Config = Mapping[str, Any]
AUXILIARY = "auxiliary_loss"
PARTS = ("fusion", "backbone", "temporal", "head")


@dataclass(frozen=True)
class Experiment:
    """All parts of one experiment, ready to train or test.

    Attributes:
        sources: the datasets; several where one model learns from several.
        store: the clips of all of them.
        split: rows of ``store``.
        space: what the model's outputs stand for; None where they are the labels of the dataset.
        quality: verdicts of the quality filters; None without filters.
    """

    sources: tuple[Source, ...]
    store: ClipSource
    split: Split
    data: BatchLoaders
    module: RecognitionModule
    space: LabelSpace | None = None
    quality: Quality | None = None


def assemble(config: Config, record: dict[str, Any]) -> Experiment:
    """Build the experiment that a configuration describes.

    Args:
        config: resolved and checked, as plain containers.
        record: plain data for the checkpoints; completed with what the data say.

    Raises:
        HarError: the data are not prepared, the split is empty or leaks, a part does not fit.
    """
    sources = open_sources(config)
    store, split = combine(sources, config["data"])
    space = _label_space(config["labels"]["space"], sources)
    if space is not None:
        split = _teachable(space, store, split)
    quality, split = apply_filters(sources, split, config["quality"]["filters"])
    torch.manual_seed(config["seed"])
    data = build_data(store, split, config, quality)
    module = _build_module(store, data, space, config, record)
    record["labels"] = list(store.labels)
    record["outputs"] = [output.name for output in space.outputs] if space else record["labels"]
    record["layout"] = store.layout
    record["data_fingerprint"] = store.fingerprint
    return Experiment(sources, store, split, data, module, space, quality)


def crosswalk(sources: Sequence[Source]) -> Crosswalk:
    """Return the taxonomy with the mappings of the project and of the user's own datasets."""
    return _load_crosswalk(tuple(s.mapping for s in sources if s.mapping is not None))


@cache
def _load_crosswalk(own: tuple[Path, ...]) -> Crosswalk:
    return load_crosswalk(project_root() / "datasets", more=own)


def _label_space(kind: str, sources: Sequence[Source]) -> LabelSpace | None:
    trained = {source.name: source.card.labels for source in sources if source.trains}
    if kind == "own":
        if len(sources) > 1:
            raise ConfigError(
                f"labels.space=own: {len(sources)} datasets have no labels in common. Choose "
                "labels.space=shared (the concepts of the taxonomy) or separate (a head each)"
            )
        return None
    if kind == "separate":
        if left_out := [source.name for source in sources if not source.trains]:
            raise ConfigError(
                f"labels.space=separate: {left_out[0]} is left out of training, so it has no head "
                "to be tested with; choose labels.space=shared"
            )
        return separate_space(trained, crosswalk(sources))
    return shared_space(crosswalk(sources), trained)


def _teachable(space: LabelSpace, store: ClipSource, split: Split) -> Split:
    """Leave out the training and validation clips whose label no output stands for."""
    taught = np.any(space.admissible, axis=1)
    parts = {name: getattr(split, name) for name in ("train", "val")}
    kept = {name: rows[taught[store.index.label[rows]]] for name, rows in parts.items()}
    if lost := sum(len(parts[name]) - len(kept[name]) for name in parts):
        labels = ", ".join("/".join(label) for label in space.untaught)
        print(f"{lost} clips are left out, because no concept stands for their label: {labels}")
    return replace(split, **kept)


def build_data(
    store: ClipSource, split: Split, config: Config, quality: Quality | None = None
) -> BatchLoaders:
    """Build what serves the clips of a split in batches."""
    weights = quality.training_weights(split) if quality else None
    if isinstance(store, PairedStore):
        return build_paired_data(store, split, config, weights)
    if isinstance(store, VideoSource):
        return build_video_data(store, split, config, weights)
    sampling, transform = config["sampling"], config["transform"]
    return ClipDataModule(
        store,
        split,
        train_sampler=build(sampling["train"]),
        test_sampler=build(sampling["test"]),
        normalise=[build(node) for node in transform["normalise"]],
        augment=[build(node) for node in transform["augment"]],
        people=config["data"]["people"],
        **loading(config, weights),
    )


def _build_module(
    store: ClipSource,
    data: BatchLoaders,
    space: LabelSpace | None,
    config: Config,
    record: dict[str, Any],
) -> RecognitionModule:
    classifier = classifier_for(config, store, data, len(space.outputs if space else store.labels))
    head = config["model"]["head"]["_target_"]
    if space is not None and hasattr(find_target(head).call, AUXILIARY):
        raise ConfigError(
            f"model.head._target_={head} has a loss on labels, which with labels.space shared or "
            "separate are not the outputs: choose model/head=linear"
        )
    optimizer = config["optimizer"]
    return RecognitionModule(
        classifier,
        streams=config["stream"]["names"],
        layout=data.output_layout if sees_poses(config, store) else None,
        num_classes=len(space.labels) if space else len(store.labels),
        loss=_build_loss(config["loss"], data, space),
        optimizer=build(optimizer["factory"]),
        schedule=build(config["scheduler"]),
        mixing=build(config["mixing"]) if config["mixing"] else None,
        readout=_build_readout(space) if space else None,
        decay_all=optimizer["decay_all"],
        record=record,
    )


def classifier_for(
    config: Config, store: ClipSource, data: BatchLoaders, num_classes: int
) -> nn.Module:
    """Build the classifier that a configuration describes, for these clips."""
    if is_fused(config["model"]):
        return build_fused_classifier(config, store, data, num_classes)
    if not sees_poses(config, store):
        return build_video_classifier(config["model"], data, num_classes)
    return build_classifier(
        config["model"],
        data.output_layout,
        coordinates=store.coordinates,
        streams=config["stream"]["names"],
        num_classes=num_classes,
    )


def sees_poses(config: Config, store: ClipSource) -> bool:
    """Return whether a model is given the poses of these clips."""
    if isinstance(store, PairedStore):
        return len(config["stream"]["names"]) > 0
    return not isinstance(store, VideoSource)


def _build_loss(node: Config, data: BatchLoaders, space: LabelSpace | None) -> nn.Module:
    takes_sets = "admissible" in find_target(node["_target_"]).parameters
    counts = data.class_counts()
    if space is not None and not takes_sets:
        raise ConfigError(
            f"loss._target_={node['_target_']} wants one right output a label; with labels.space "
            "shared or separate choose loss=marginalised"
        )
    if not takes_sets:
        return build(node, class_counts=counts)
    own = torch.eye(len(counts), dtype=torch.bool)
    admissible = torch.from_numpy(space.admissible) if space else own
    competing = torch.from_numpy(space.competing) if space else torch.ones_like(own)
    return build(
        node, class_counts=counts[: len(admissible)], admissible=admissible, competing=competing
    )


def _build_readout(space: LabelSpace) -> LabelReadout:
    return LabelReadout(
        torch.from_numpy(space.projection), torch.from_numpy(space.dataset_of_label)
    )


def build_classifier(
    model: Config, layout: Layout, coordinates: int, streams: Sequence[str], num_classes: int
) -> nn.Module:
    """Build a classifier; channels, joints and classes follow from the data, never from a file."""
    channels = {name: stream_channels(name, coordinates) for name in _fused(model, streams)}
    options = {key: value for key, value in model.items() if key not in PARTS}
    if find_target(model["_target_"]).call is not MultiStreamClassifier:
        return build(options, **_build_parts(model, layout, channels, num_classes))
    by_stream = {
        name: _build_parts(model, layout, {name: count}, num_classes)
        for name, count in channels.items()
    }
    parts = {part: {name: own[part] for name, own in by_stream.items()} for part in PARTS}
    return build(options, **parts)


def _fused(model: Config, streams: Sequence[str]) -> Sequence[str]:
    """Return the streams that the fusion is given: all, but for a confidence that only weighs."""
    if model.get("joint_confidence") != "weight":
        return streams
    fused = [name for name in streams if name != CONFIDENCE]
    if not fused or len(fused) == len(streams):
        raise ConfigError(
            f"model.joint_confidence=weight with stream.names={list(streams)}: list the stream "
            f"'{CONFIDENCE}' and at least one other, as stream=joint_confidence does"
        )
    return fused


def _build_parts(
    model: Config, layout: Layout, channels: Mapping[str, int], num_classes: int
) -> dict[str, nn.Module]:
    fusion = build(model["fusion"], stream_channels=channels)
    backbone = build(model["backbone"], layout=layout, in_channels=fusion.out_channels)
    temporal = build(model["temporal"], in_channels=backbone.out_channels)
    given: dict[str, Any] = {"in_channels": temporal.out_channels, "num_classes": num_classes}
    if "layout" in find_target(model["head"]["_target_"]).parameters:
        given["layout"] = layout
    head = build(model["head"], **given)
    return dict(zip(PARTS, (fusion, backbone, temporal, head), strict=True))
