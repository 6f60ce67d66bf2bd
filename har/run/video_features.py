"""Features of every clip of a video experiment, from its backbone as it is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from har.data.video_datamodule import VideoDataModule
from har.data.video_features import FeatureMeta, feature_array
from har.data.video_store import VideoStore
from har.errors import ConfigError
from har.run.assemble import assemble
from har.run.checkpoints import make_record

MADE_WITH = ("sampling", "seed")


@torch.no_grad()
def extract_features(config: Mapping[str, Any], out: Path) -> tuple[int, ...]:
    """Run the backbone over all clips and write what comes out; return its shape.

    Args:
        config: of an experiment on videos, resolved and checked; its test sampling and test crop
            are used.
        out: folder of the features.

    Raises:
        HarError: the configuration is not one of videos, or something in it cannot be used.
    """
    if config["data"]["video"] is None or config["data"]["video"]["features"]:
        raise ConfigError("features are made of videos: choose an experiment that has data.video")
    experiment = assemble(config, make_record(config))
    store, data = experiment.store, experiment.data
    if not isinstance(store, VideoStore) or not isinstance(data, VideoDataModule):
        raise ConfigError(f"{store.origin} holds no videos")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    classifier: Any = experiment.module.classifier.eval().to(device)
    requests = data.in_order(np.arange(len(store.index)))
    pieces = (
        (request.rows, data.test_clips[request].to(device))
        for request in tqdm(requests, desc="features", unit="batch")
    )
    shape: tuple[int, ...] = ()
    rows, batch = next(pieces)
    first = classifier.feature_map(batch.frames)
    shape = (len(store.index), batch.views, *first.shape[1:])
    meta = FeatureMeta(store.fingerprint, store.unit, shape[-1], _made_with(config))
    with feature_array(out, shape, meta) as array:
        array[rows] = first.cpu().numpy().reshape(len(rows), *shape[1:])
        for rows, batch in pieces:
            features = classifier.feature_map(batch.frames)
            array[rows] = features.cpu().numpy().reshape(len(rows), *shape[1:])
    return shape


def _made_with(config: Mapping[str, Any]) -> dict[str, Any]:
    video = config["data"]["video"]
    return {
        "backbone": dict(config["model"]["backbone"]),
        "sampling": dict(config["sampling"]["test"]),
        "crop": dict(video["test_crop"]),
        "size": video["size"],
        "seed": config["seed"],
    }
