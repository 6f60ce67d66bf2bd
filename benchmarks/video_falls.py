"""Falls from video alone: GMDCSA24 leaving each person out in turn, and its models on UP-Fall.

    python benchmarks/video_falls.py stores=<folder> [epochs=6] [size=64] [json=<file>]
    python benchmarks/video_falls.py stores=<folder> features=<folder> epochs=20 [json=<file>]

``stores`` holds the prepared gmdcsa24 and upfall. The four models start from random weights and
learn from the segments of three people each: far too few for a claim about any method. With
``features``, which `har features` made, an attentive probe is trained instead, and UP-Fall is left
out. Intervals are Wilson's, over clips.
"""

import sys
import tempfile
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import torch

from har.config.compose import compose, to_plain
from har.data.batches import TestBatches
from har.data.sampling import SlidingWindowSampler
from har.data.video_batches import VideoBatches
from har.data.video_crops import FullFrame
from har.data.video_store import VideoStore
from har.evaluation.predictions import Predictions
from har.record import provenance, write_json_atomic
from har.run import train
from har.run.assemble import assemble
from har.run.checkpoints import load_weights, make_record, read_checkpoint
from har.run.folder import LAST, checkpoint_folder
from har.run.outputs import PREDICTIONS

FALLS = ("Falling (FW)", "Falling (BW)", "Falling (SW)")
UPFALL_FALLS = 5
PEOPLE = ("1", "2", "3", "4")


def main(arguments: list[str]) -> None:
    """Train and test the four models and write the record."""
    settings = dict(argument.split("=", 1) for argument in arguments)
    size = int(settings.get("size", 64))
    true, scores, on_upfall = [], [], []
    with tempfile.TemporaryDirectory() as runs:
        for person in PEOPLE:
            config = _config(person, size, settings, runs)
            folder = train(config).folder
            predictions = Predictions.read(folder / PREDICTIONS)
            falls = [predictions.class_names.index(name) for name in FALLS]
            true.append(np.isin(predictions.labels, falls))
            scores.append(predictions.probabilities[:, falls].sum(axis=1))
            if "features" not in settings:
                upfall = VideoStore.open(Path(settings["stores"]) / "upfall")
                on_upfall.append(_fall_scores(config, folder, upfall, size, falls))
    results = {"gmdcsa24_left_out_people": _scores(np.concatenate(true), np.concatenate(scores))}
    if on_upfall:
        upfall_true = upfall.index.label < UPFALL_FALLS
        results["upfall_subject_1"] = _scores(upfall_true, np.mean(on_upfall, axis=0))
    print(results)
    record = {
        **results,
        "config": _shown(_config("1", size, settings, "runs")),
        "provenance": provenance(),
    }
    if "json" in settings:
        write_json_atomic(Path(settings["json"]), record)


def _config(person: str, size: int, settings: dict[str, str], runs: str) -> dict[str, Any]:
    return to_plain(
        compose(
            [
                "experiment=gmdcsa24_video",
                f"protocol.fold='{person}'",
                f"paths.store={settings['stores']}",
                f"paths.runs={runs}",
                f"data.video.size={size}",
                f"trainer.max_epochs={settings.get('epochs', 6)}",
                "trainer.accelerator=cpu",
                "trainer.progress_bar=false",
                "evaluation.bootstrap=0",
                "evaluation.examples=0",
                *_probe(settings),
            ]
        )
    )


def _shown(config: dict[str, Any]) -> dict[str, Any]:
    """Return what of a configuration does not depend on the folders of this machine."""
    data = {key: value for key, value in config["data"].items() if key != "store"}
    features = data["video"]["features"]
    video = {**data["video"], "features": Path(features).name if features else None}
    kept = {key: value for key, value in config.items() if key != "paths"}
    return {**kept, "data": {**data, "video": video}}


def _probe(settings: dict[str, str]) -> list[str]:
    if "features" not in settings:
        return []
    folder = settings["features"]
    return [f"data.video.features={folder}", "model/temporal=attention", "data.repeat=8"]


@torch.no_grad()
def _fall_scores(
    config: dict[str, Any], folder: Path, store: VideoStore, size: int, falls: list[int]
) -> np.ndarray:
    """Return (N,) the highest probability of a fall in any window of each video."""
    experiment = assemble(config, make_record(config))
    path = checkpoint_folder(folder) / LAST
    load_weights(experiment.module, read_checkpoint(path), path)
    classifier = experiment.module.classifier.eval()
    frames = config["sampling"]["frames"]
    sampler = SlidingWindowSampler(2 * frames, frames, views=6)
    clips = VideoBatches(store, sampler, FullFrame(), size, training=False)
    found = []
    for request in TestBatches(np.arange(len(store.index)), 4):
        batch = clips[request]
        assert batch.frames is not None
        probabilities = classifier(batch.frames[:, ::2]).softmax(1)[:, falls].sum(1)
        found.append(probabilities.view(-1, batch.views).amax(1).numpy())
    return np.concatenate(found)


def _scores(true: np.ndarray, scores: np.ndarray) -> dict[str, Any]:
    given = scores > 0.5
    ranks = scores[true][:, None] - scores[~true][None]
    return {
        "falls": int(true.sum()),
        "others": int((~true).sum()),
        "sensitivity": _share(int((given & true).sum()), int(true.sum())),
        "specificity": _share(int((~given & ~true).sum()), int((~true).sum())),
        "area_under_roc": round(float(((ranks > 0) + 0.5 * (ranks == 0)).mean()), 3),
    }


def _share(hits: int, count: int, z: float = 1.96) -> dict[str, Any]:
    """Return a share with Wilson's 95 % interval."""
    share, square = hits / count, z * z / count
    middle = (share + square / 2) / (1 + square)
    half = z * sqrt(share * (1 - share) / count + square / (4 * count)) / (1 + square)
    interval = [round(max(0, middle - half), 3), round(min(1, middle + half), 3)]
    return {"value": round(share, 3), "hits": hits, "interval": interval}


if __name__ == "__main__":
    main(sys.argv[1:])
