"""Experiments on videos: what serves their clips, and their model."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from har.config.build import build
from har.config.targets import find_target
from har.data.batches import Clips
from har.data.combined_videos import CombinedVideos, VideoSource
from har.data.loaders import BatchLoaders
from har.data.splits import Split
from har.data.video_batches import VideoBatches
from har.data.video_datamodule import VideoDataModule
from har.data.video_features import FeatureBatches, VideoFeatures
from har.errors import ConfigError
from har.models.video.classifier import VideoClassifier
from har.models.video.precomputed import PrecomputedFeatures
from har.run.loading import loading

Config = Mapping[str, Any]


def build_video_data(
    store: VideoSource, split: Split, config: Config, clip_weights: np.ndarray | None
) -> VideoDataModule:
    """Build what serves the clips of a dataset of videos."""
    data, transform = config["data"], config["transform"]
    _check(config)
    train_clips, test_clips = _clips(store, split, config)
    return VideoDataModule(
        store,
        split,
        train_clips,
        test_clips,
        augment=[] if data["video"]["features"] else [build(n) for n in transform["augment"]],
        **loading(config, clip_weights),
    )


def _clips(store: VideoSource, split: Split, config: Config) -> tuple[Clips, Clips]:
    """Return what reads batches for training, and for testing."""
    video, sampling = config["data"]["video"], config["sampling"]
    if video["features"]:
        if isinstance(store, CombinedVideos):
            raise ConfigError(
                "data.video.features are of one dataset: they do not fit data.sources"
            )
        features = VideoFeatures.open(Path(video["features"]), store)
        return FeatureBatches(store, features, True), FeatureBatches(store, features, False)
    augment = [build(node) for node in video["clip_augment"]]
    train_sampler, test_sampler = build(sampling["train"]), build(sampling["test"])
    train_crop, test_crop = build(video["train_crop"]), build(video["test_crop"])
    size, choose = video["size"], None
    if video["selection"]:
        choose = build(video["selection"]).learn(store, split.train)
    return (
        VideoBatches(store, train_sampler, train_crop, size, True, augment, choose),
        VideoBatches(store, test_sampler, test_crop, size, False, choose=choose),
    )


def build_video_classifier(model: Config, data: BatchLoaders, num_classes: int) -> nn.Module:
    """Build a classifier of videos; channels and classes follow from its parts and the data."""
    options = {k: v for k, v in model.items() if k not in ("backbone", "temporal", "head")}
    clips = data.test_clips
    if isinstance(clips, FeatureBatches):
        backbone: Any = PrecomputedFeatures(clips.features.meta.channels)
    else:
        backbone = build(model["backbone"])
    temporal = build(model["temporal"], in_channels=backbone.out_channels)
    head = build(model["head"], in_channels=temporal.out_channels, num_classes=num_classes)
    return build(options, backbone=backbone, temporal=temporal, head=head)


def _check(config: Config) -> None:
    """Refuse parts for joints in an experiment on videos, all in one message."""
    problems = []
    if config["data"]["video"] is None:
        problems.append("data.video is null: choose data=gmdcsa24, or copy what it says of video")
    if config["stream"]["names"]:
        problems.append("stream.names are made of joints: choose stream=none")
    if config["transform"]["normalise"]:
        problems.append("transform.normalise changes joints: choose transform=video")
    if config["mixing"]:
        problems.append("mixing mixes joints: choose mixing=none")
    if find_target(config["model"]["_target_"]).call is not VideoClassifier:
        problems.append("model is one for joints: choose model=video")
    if problems:
        raise ConfigError("this is a dataset of videos:" + "".join(f"\n  - {p}" for p in problems))
