"""Falls from poses, from video and from both: the same clips, splits and settings for each method.

    python benchmarks/video_falls.py stores=<folder> [datasets=gmdcsa24,upfall]
        [methods=pose,video,late,vpn_2d] [epochs=10] [size=64] [runs=<folder>] [json=<file>]
    python benchmarks/video_falls.py stores=<folder> methods=probe features=<folder> [json=<file>]

``stores`` holds the prepared videos (gmdcsa24, or upfall) and their poses (gmdcsa24_pose, or
upfall_pose). GMDCSA24 leaves each person out in turn, UP-Fall each trial; the predictions of all
folds together are measured, with the measures of OmniFall. Models start from random weights and
have the same number of epochs; none was chosen by its result. Methods of both are also tested
without poses and without video. ``late`` is the mean of the probabilities of ``pose`` and
``video``, which are trained first where they are not yet. ``student`` sees poses only and is taught
by ``cross_attention``, trained likewise. Those of ``_2d`` see the frames one by one with a ResNet
of 0.4 million parameters in place of X3D-XS. ``probe`` is trained on features that `har features`
made. With ``runs`` finished folds are kept there and not repeated. Intervals are Wilson's, over
clips.
"""

import sys
import tempfile
import time
from collections.abc import Sequence
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np

from har.config.compose import compose, to_plain
from har.evaluation.predictions import Predictions
from har.evaluation.summary import evaluate as summarise
from har.evaluation.taxonomy_report import taxonomy_summary
from har.paths import project_root
from har.record import provenance, read_json, write_json_atomic
from har.run import evaluate, train
from har.run.folder import LAST, RESULTS, checkpoint_folder
from har.run.fusing import fuse_runs
from har.run.outputs import PREDICTIONS
from har.taxonomy.crosswalk import load_crosswalk

DATASETS = {
    "gmdcsa24": ("gmdcsa24_fusion", "leave_one_subject_out", ("1", "2", "3", "4")),
    "upfall": ("upfall_fusion", "leave_one_trial_out", ("1", "2")),
}
"""Configuration of the data, protocol and folds."""

SMALL = "test_resnet"
FUSED_2D = ["model/backbone@model.video.backbone=tsn", f"model.video.backbone.name={SMALL}"]

METHODS = {
    "pose": ["model=gcn", "model/backbone=stgcnpp_small"],
    "video": ["model=video", "stream=none"],
    "cross_attention": ["model/fusion=cross_attention"],
    "video_2d": [
        "model=video",
        "stream=none",
        "model/backbone=tsn",
        "model.backbone.name=" + SMALL,
    ],
    "gated_2d": ["model/fusion=gated", *FUSED_2D],
    "vpn_2d": ["model/fusion=vpn", *FUSED_2D],
    "student": ["model=gcn", "model/backbone=stgcnpp_small", "distillation=logits"],
    "probe": ["experiment=gmdcsa24_video", "model/temporal=attention", "data.repeat=8"],
}
OF_BOTH = ("cross_attention", "gated_2d", "vpn_2d")
TEACHER, STUDENT, LATE, PROBE = "cross_attention", "student", "late", "probe"
USUAL = "pose,video,late,cross_attention,student,video_2d,gated_2d,vpn_2d"
Settings = dict[str, str]


def main(arguments: list[str]) -> None:
    """Train and test every method on every fold, and write the record."""
    settings = dict(argument.split("=", 1) for argument in arguments)
    with tempfile.TemporaryDirectory() as scratch:
        runs = Path(settings.get("runs", scratch))
        record: dict[str, Any] = {
            dataset: _compare(settings | {"dataset": dataset}, runs)
            for dataset in settings.get("datasets", "gmdcsa24").split(",")
        }
    record["provenance"] = provenance()
    if "json" in settings:
        write_json_atomic(Path(settings["json"]), record)


def _compare(settings: Settings, runs: Path) -> dict[str, Any]:
    """Return the measures of all methods on a dataset."""
    methods = settings.get("methods", USUAL).split(",")
    results: dict[str, Any] = {}
    for method in methods:
        results |= _measure(method, settings, runs)
        print(f"{settings['dataset']} {method}: {results[method]}", flush=True)
    return {
        "protocol": DATASETS[settings["dataset"]][1],
        "methods": results,
        "config": _shown(_config(methods[0], None, settings, [])),
    }


def _measure(method: str, settings: Settings, runs: Path) -> dict[str, Any]:
    """Return the measures over all folds; of a method of both, also without either."""
    folders = [_fold(method, fold, settings, runs) for fold in _folds(settings)]
    measured = {method: _pooled(folders, settings)}
    if method != LATE:
        measured[method] |= _cost(folders)
    for absent in ("pose", "video") if method in OF_BOTH else ():
        name = f"evaluation_without_{absent}"
        for folder in folders:
            if not (folder / name / RESULTS).exists():
                evaluate(checkpoint_folder(folder) / LAST, absent=absent)
        measured[f"{method}_without_{absent}"] = _pooled([f / name for f in folders], settings)
    return measured


def _fold(method: str, fold: str, settings: Settings, runs: Path) -> Path:
    """Return the run folder of one fold, trained unless it is there."""
    own = runs / settings["dataset"] / method / f"fold{fold}"
    if method == LATE:
        alone = [_fold(one, fold, settings, runs) for one in ("pose", "video")]
        return fuse_runs(alone, own, bootstrap=0).folder
    if not (found := sorted(own.glob(f"*/{RESULTS}"))):
        more = [f"paths.runs={own.parent}", f"name=fold{fold}"]
        if method == STUDENT:
            teacher = _fold(TEACHER, fold, settings, runs)
            more.append(f"distillation.checkpoint={checkpoint_folder(teacher) / LAST}")
        started = time.process_time()
        folder = train(_config(method, fold, settings, more)).folder
        write_json_atomic(folder / "cpu.json", {"seconds": time.process_time() - started})
        return folder
    return found[-1].parent


def _config(method: str, fold: str | None, settings: Settings, more: list[str]) -> dict[str, Any]:
    data, protocol, folds = DATASETS[settings["dataset"]]
    shared = [
        f"protocol={protocol}" if method == PROBE else f"protocol.name={protocol}",
        "protocol.validation=null",
        f"protocol.fold='{fold or folds[0]}'",
        f"paths.store={settings['stores']}",
        f"data.video.size={settings.get('size', 64)}",
        f"trainer.max_epochs={settings.get('epochs', 10)}",
        f"seed={settings.get('seed', 0)}",
        "trainer.accelerator=cpu",
        "trainer.progress_bar=false",
        "evaluation.bootstrap=0",
        "evaluation.examples=0",
    ]
    if method == PROBE:
        features = [f"data.video.features={settings['features']}"]
        return to_plain(compose([*METHODS[method], *features, *shared, *more]))
    common = [f"data={data}", "data.repeat=2", "sampling.frames=8"]
    if method == STUDENT and not more:
        more = ["distillation.checkpoint=teacher"]
    chosen = ["experiment=gmdcsa24_fusion", *METHODS[method], *common, *shared, *more]
    return to_plain(compose(chosen))


def _folds(settings: Settings) -> tuple[str, ...]:
    return DATASETS[settings["dataset"]][2]


def _pooled(folders: Sequence[Path], settings: Settings) -> dict[str, Any]:
    """Return the measures of the predictions of all folds together."""
    parts = [Predictions.read(folder / PREDICTIONS) for folder in folders]
    columns = ("probabilities", "labels", "clip_ids", "subjects", "cameras")
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in columns}
    predictions = Predictions(**joined, class_names=parts[0].class_names)
    crosswalk = load_crosswalk(project_root() / "datasets")
    falls = taxonomy_summary(predictions, settings["dataset"], crosswalk)["falls"]["fall"]
    caught, missed = falls["true_positives"], falls["false_negatives"]
    false, spared = falls["false_positives"], falls["true_negatives"]
    right = predictions.predicted == predictions.labels
    over_classes = summarise(predictions, bootstrap=0)["metrics"]
    return {
        "clips": len(predictions),
        "falls": caught + missed,
        "sensitivity": _share(caught, caught + missed),
        "specificity": _share(spared, spared + false),
        "f1": round(falls["f1"], 3),
        "balanced_accuracy": round(falls["balanced_accuracy"], 3),
        "top1": _share(int(right.sum()), len(right)),
        "mean_class_accuracy": round(over_classes["mean_class_accuracy"], 3),
        "macro_f1": round(over_classes["macro_f1"], 3),
    }


def _cost(folders: Sequence[Path]) -> dict[str, Any]:
    results = [read_json(folder / RESULTS) for folder in folders]
    seconds = [read_json(folder / "cpu.json")["seconds"] for folder in folders]
    parameters = results[0]["cost"]["parameters"]
    return {"parameters": parameters, "cpu_seconds_a_fold": round(float(np.mean(seconds)), 1)}


def _share(hits: int, count: int, z: float = 1.96) -> dict[str, Any]:
    """Return a share with Wilson's 95 % interval."""
    share, square = hits / count, z * z / count
    middle = (share + square / 2) / (1 + square)
    half = z * sqrt(share * (1 - share) / count + square / (4 * count)) / (1 + square)
    interval = [round(max(0, middle - half), 3), round(min(1, middle + half), 3)]
    return {"value": round(share, 3), "hits": hits, "of": count, "interval": interval}


def _shown(config: dict[str, Any]) -> dict[str, Any]:
    """Return what of a configuration does not depend on the folders of this machine."""
    data = {key: value for key, value in config["data"].items() if key not in ("store", "poses")}
    features = data["video"]["features"]
    video = {**data["video"], "features": Path(features).name if features else None}
    kept = {key: value for key, value in config.items() if key != "paths"}
    return {**kept, "data": {**data, "video": video}}


if __name__ == "__main__":
    main(sys.argv[1:])
