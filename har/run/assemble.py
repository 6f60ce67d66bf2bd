"""From a checked configuration to the parts of an experiment."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from har.config.build import build
from har.data.adapters.base import adapter_options, is_generated
from har.data.cards import Card, load_card
from har.data.datamodule import ClipDataModule
from har.data.prepare import prepare_dataset
from har.data.splits import Split, Validation, make_split
from har.data.store import ClipStore
from har.errors import StoreError
from har.models.classifier import SkeletonClassifier
from har.skeleton.layout import Layout
from har.training.module import RecognitionModule

Config = Mapping[str, Any]


@dataclass(frozen=True)
class Experiment:
    """All parts of one experiment, ready to train or test."""

    card: Card
    store: ClipStore
    split: Split
    data: ClipDataModule
    module: RecognitionModule


def assemble(config: Config, record: dict[str, Any]) -> Experiment:
    """Build the experiment that a configuration describes.

    Args:
        config: resolved and checked, as plain containers.
        record: plain data for the checkpoints.

    Raises:
        HarError: the data are not prepared, the split is empty or leaks, a part does not fit.
    """
    card = load_card(config["data"]["card"])
    store = open_store(card, config["data"])
    split = split_store(card, store, config["protocol"])
    torch.manual_seed(config["seed"])
    data = _build_data(store, split, config)
    module = _build_module(store, data, config, record)
    return Experiment(card, store, split, data, module)


def open_store(card: Card, data: Config) -> ClipStore:
    """Open the prepared clips; a dataset that is generated, not recorded, is made on first use."""
    path = Path(data["store"])
    if not path.exists() and is_generated(card):
        options = data["adapter_options"] or {}
        prepare_dataset(card, None, path, options=options)
    if not path.exists():
        raise StoreError(
            f"There is no clip store {path}. Prepare it with: har prepare dataset={card.name} "
            f"raw=<folder or archive as distributed> out={path} (how to get the data: "
            f"datasets/{card.name}/card.yaml)"
        )
    store = ClipStore.open(path)
    if is_generated(card):
        _check_options(store, adapter_options(card, data["adapter_options"] or {}))
    if store.labels != card.labels:
        raise StoreError(
            f"{path} was prepared with other labels than {card.name}'s card has now: prepare it "
            f"again with `har prepare dataset={card.name} raw=<folder or archive> force=true`"
        )
    return store


def _check_options(store: ClipStore, asked: Config) -> None:
    made = store.meta.description.adapter_options
    changed = sorted(key for key in made.keys() | asked.keys() if made.get(key) != asked.get(key))
    if changed:
        differences = ", ".join(f"{key}={made.get(key)}, not {asked.get(key)}" for key in changed)
        raise StoreError(
            f"{store.path} was generated with {differences}: choose a folder for the new clips "
            "with data.store=<folder>, or delete this one"
        )


def split_store(card: Card, store: ClipStore, protocol: Config) -> Split:
    """Split the clips as the protocol says; leaks are refused."""
    validation = protocol["validation"]
    return make_split(
        store.index,
        card.protocol(protocol["name"]),
        fold=protocol["fold"],
        validation=Validation(**validation) if validation else None,
    )


def _build_data(store: ClipStore, split: Split, config: Config) -> ClipDataModule:
    data, sampling, transform = config["data"], config["sampling"], config["transform"]
    return ClipDataModule(
        store,
        split,
        train_sampler=build(sampling["train"]),
        test_sampler=build(sampling["test"]),
        normalise=[build(node) for node in transform["normalise"]],
        augment=[build(node) for node in transform["augment"]],
        batch_size=data["batch_size"],
        eval_batch_size=data["eval_batch_size"],
        repeat=data["repeat"],
        people=data["people"],
        workers=data["workers"],
        seed=config["seed"],
    )


def _build_module(
    store: ClipStore, data: ClipDataModule, config: Config, record: dict[str, Any]
) -> RecognitionModule:
    classes = len(store.labels)
    classifier = build_classifier(
        config["model"],
        data.output_layout,
        coordinates=store.joints.shape[-1],
        streams=config["stream"]["names"],
        num_classes=classes,
    )
    optimizer = config["optimizer"]
    return RecognitionModule(
        classifier,
        streams=config["stream"]["names"],
        layout=data.output_layout,
        num_classes=classes,
        loss=build(config["loss"], class_counts=data.class_counts()),
        optimizer=build(optimizer["factory"]),
        schedule=build(config["scheduler"]),
        mixing=build(config["mixing"]) if config["mixing"] else None,
        decay_all=optimizer["decay_all"],
        record=record,
    )


def build_classifier(
    model: Config, layout: Layout, coordinates: int, streams: list[str], num_classes: int
) -> SkeletonClassifier:
    """Build a classifier; channels, joints and classes follow from the data, never from a file."""
    fusion = build(model["fusion"], stream_channels=dict.fromkeys(streams, coordinates))
    backbone = build(model["backbone"], layout=layout, in_channels=fusion.out_channels)
    temporal = build(model["temporal"], in_channels=backbone.out_channels)
    head = build(model["head"], in_channels=temporal.out_channels, num_classes=num_classes)
    parts = {"fusion": fusion, "backbone": backbone, "temporal": temporal, "head": head}
    options = {key: value for key, value in model.items() if key not in parts}
    return build(options, **parts)


def describe_split(experiment: Experiment) -> dict[str, Any]:
    """Return who is in which part, for the record of a run."""
    index, parts = experiment.store.index, {}
    for name in ("train", "val", "test"):
        rows: np.ndarray = getattr(experiment.split, name)
        parts[name] = {
            "clips": len(rows),
            "subjects": sorted(set(index.subject[rows].tolist())),
            "cameras": sorted(set(index.camera[rows].tolist())),
        }
    return parts
