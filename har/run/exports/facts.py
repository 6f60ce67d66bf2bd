"""What a bundle says about its model besides the graph: labels, thresholds, data, metrics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from har.data.paired_store import PairedStore
from har.data.video_store import VideoStore
from har.errors import ConfigError
from har.evaluation.label_sets import Hierarchy
from har.evaluation.predictions import Predictions
from har.evaluation.risk import RISK_COSTS, label_risks
from har.record import provenance, read_json
from har.run.assemble import Experiment, crosswalk, describe_split
from har.run.evaluating import run_folder
from har.run.folder import RESULTS
from har.run.outputs import VALIDATION_PREDICTIONS
from har.taxonomy.concept import RISKS
from har.taxonomy.label_space import LabelView

LeafSet = frozenset[str]
ACCEPTED_ACCURACY = 0.95
FEWEST_ACCEPTED = 20
LICENCE = "Apache-2.0"
NEIGHBOURING = ("DenseSampler", "SlidingWindowSampler")
KEPT_RESULTS = (
    "experiment", "dataset_name", "protocol", "fold", "left_out", "seed", "checkpoint", "metrics",
    "intervals", "interval_unit", "interval_level", "without_copies", "provenance",
)  # fmt: skip


@dataclass(frozen=True)
class Outputs:
    """What the K outputs of an exported graph stand for.

    Attributes:
        names: of the outputs.
        leaves: leaf concepts that each may stand for; empty where it is mapped to none.
        projection: (A, K) share of each output of the model; None where they are the same.
        true: (G,) the right output for each label of the store, -1 where none is or several are.
    """

    names: tuple[str, ...]
    leaves: tuple[LeafSet, ...]
    projection: np.ndarray | None
    true: np.ndarray


def outputs_of(experiment: Experiment, dataset: str | None) -> Outputs:
    """Return what an export of a model says.

    Args:
        experiment: of the checkpoint.
        dataset: whose labels the graph is to give, where the model learnt from several; None for
            the model's own outputs.

    Raises:
        ConfigError: there is no such dataset, or nothing to choose.
    """
    space, labels = experiment.space, experiment.store.labels
    if space is None:
        if dataset not in (None, experiment.sources[0].name):
            raise ConfigError(
                f"labels={dataset}: the model gives the labels of {experiment.sources[0].name}"
            )
        leaves = _leaves_of_labels(experiment, 0)
        return Outputs(tuple(labels), leaves, None, np.arange(len(labels)))
    if dataset is None:
        nobody = np.full(len(labels), -1)
        own = tuple(output.leaves for output in space.outputs)
        return Outputs(tuple(output.name for output in space.outputs), own, None, nobody)
    names = [source.name for source in experiment.sources]
    if dataset not in names:
        raise ConfigError(f"labels={dataset}: the model knows {', '.join(names)}")
    return _view_of(experiment, names.index(dataset))


def bundle_facts(
    ckpt: Path, experiment: Experiment, config: Mapping[str, Any], outputs: Outputs
) -> dict[str, Any]:
    """Return all of ``bundle.json`` that does not depend on the form of the graph."""
    return {
        "name": config["name"],
        "labels": _describe_labels(experiment, outputs),
        "taxonomy": {"version": crosswalk(experiment.sources).taxonomy.version},
        **_input_facts(experiment, config),
        "thresholds": _thresholds(run_folder(ckpt)),
        "licence": {
            "model": LICENCE,
            "data": {source.name: source.card.licence for source in experiment.sources},
        },
        "training_data": _training_data(experiment),
        "metrics": _test_results(run_folder(ckpt), ckpt),
        "provenance": provenance(),
    }


def _input_facts(experiment: Experiment, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a graph takes: poses, frames, or both."""
    if not isinstance(experiment.store, VideoStore):
        return _poses(experiment, config)
    frames = _frames(experiment, config)
    if not isinstance(experiment.store, PairedStore):
        return frames
    poses = _poses(experiment, config)
    both = {
        way: {**poses["preprocessing"][way], **frames["preprocessing"][way]}
        for way in ("in_graph", "by_caller")
    }
    return {**poses, **frames, "preprocessing": both}


def _poses(experiment: Experiment, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a graph of poses takes."""
    layout = experiment.data.input_layout
    return {
        "layout": {
            "name": layout.name,
            "joints": list(layout.joints),
            "edges": [list(edge) for edge in layout.edges],
            "root": layout.root,
        },
        "coordinates": experiment.store.coordinates,
        "unit": experiment.sources[0].card.unit,
        "fps": experiment.sources[0].card.fps,
        "preprocessing": {
            "in_graph": {
                "normalise": config["transform"]["normalise"],
                "streams": config["stream"]["names"],
            },
            "by_caller": {"sampling": config["sampling"]["test"]},
        },
    }


def _frames(experiment: Experiment, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a graph of frames takes."""
    video, index = config["data"]["video"], experiment.store.index
    return {
        "fps": float(np.median(index.fps[experiment.split.train])),
        "picture": {
            "height": int(video["size"]), "width": int(video["size"]), "colours": "RGB",
            "dtype": "uint8",
        },
        "preprocessing": {
            "in_graph": {"pixels": "x / 255, less the mean, over the deviation of each colour"},
            "by_caller": {
                "sampling": config["sampling"]["test"],
                "crop": video["test_crop"],
                "resize": "bilinear, with antialiasing",
                "selection": video["selection"],
            },
        },
    }  # fmt: skip


def _view_of(experiment: Experiment, number: int) -> Outputs:
    source, space = experiment.sources[number], experiment.space
    assert space is not None
    walk = crosswalk(experiment.sources)
    view: LabelView = (
        space.view(source.name)
        if source.trains
        else space.unseen_view(walk, source.name, source.card.labels)
    )
    of_labels = _leaves_of_labels(experiment, number)
    members = [np.flatnonzero(view.group_of_label == group) for group in range(len(view.groups))]
    leaves = tuple(frozenset().union(*(of_labels[k] for k in group)) for group in members)
    before = sum(len(other.card.labels) for other in experiment.sources[:number])
    true = np.full(sum(len(other.card.labels) for other in experiment.sources), -1)
    true[before : before + len(view.group_of_label)] = view.group_of_label
    return Outputs(tuple(view.groups), leaves, view.projection, true)


def _leaves_of_labels(experiment: Experiment, number: int) -> tuple[LeafSet, ...]:
    source = experiment.sources[number]
    walk = crosswalk([source])
    if source.name not in walk.mappings:
        return tuple(frozenset() for _ in source.card.labels)
    return tuple(walk.admissible_leaves(source.name, label) for label in source.card.labels)


def _describe_labels(experiment: Experiment, outputs: Outputs) -> list[dict[str, Any]]:
    """Return name, concepts, leaves and risk of each output; one without concepts has no risk."""
    walk = crosswalk(experiment.sources)
    closest = _closest_concepts(experiment, outputs)
    risks = label_risks(outputs.leaves, Hierarchy.of(walk.taxonomy), walk.taxonomy)
    return [
        {
            "name": name,
            "concepts": list(concepts) if leaves else [],
            "leaves": sorted(leaves),
            "risk": RISKS[risk],
        }
        for name, leaves, concepts, risk in zip(
            outputs.names, outputs.leaves, closest, risks.tolist(), strict=True
        )
    ]


def _closest_concepts(experiment: Experiment, outputs: Outputs) -> Sequence[Sequence[str]]:
    """Return the concepts that labels are mapped to; for other outputs their leaves."""
    source = experiment.sources[0]
    walk = crosswalk(experiment.sources)
    if experiment.space is None and source.name in walk.mappings:
        return walk.to_concepts(source.name)
    return [sorted(leaves) for leaves in outputs.leaves]


def window_seconds(experiment: Experiment, config: Mapping[str, Any]) -> float:
    """Return how long the recording is that one input of the model shows.

    Samplers that cut out neighbouring frames say it; those that spread the frames over a clip show
    it as long as it is, here the median of the training clips.
    """
    sampling = config["sampling"]["test"]
    rows, index = experiment.split.train, experiment.store.index
    kind = str(sampling["_target_"]).rpartition(".")[2]
    if kind in NEIGHBOURING:
        stride = sampling["stride"] if kind == "DenseSampler" else 1
        return float(sampling["frames"] * stride / np.median(index.fps[rows]))
    return float(np.median(index.frame_count[rows] / index.fps[rows]))


def _thresholds(folder: Path) -> dict[str, Any]:
    """Return from which probability on an answer should be believed, and an alarm pays.

    Args:
        folder: of the run; its validation predictions tell what to believe.
    """
    file = folder / VALIDATION_PREDICTIONS
    accept: dict[str, Any] = {"probability": None, "reason": "the run has no validation part"}
    if file.is_file():
        accept = _accepting(Predictions.read(file))
    alarm = {level: _alarm_pays_from(level) for level in RISKS[1:]}
    return {
        "accept": accept,
        "alarm": alarm,
        "alarm_basis": "costs of mistakes between risk levels; for the summed probability of the "
        "labels of that risk or a higher one",
    }


def _accepting(predictions: Predictions) -> dict[str, Any]:
    """Return the least probability above which the answers reach ``ACCEPTED_ACCURACY``."""
    order = np.argsort(-predictions.confidence, kind="stable")
    right = (predictions.predicted == predictions.labels)[order]
    accuracy = np.cumsum(right) / np.arange(1, len(right) + 1)
    enough = np.flatnonzero(accuracy[FEWEST_ACCEPTED - 1 :] >= ACCEPTED_ACCURACY)
    facts = {"accuracy": ACCEPTED_ACCURACY, "validation_clips": len(right)}
    if len(enough) == 0:
        return {"probability": None, "reason": "no probability is high enough for it", **facts}
    last = int(enough[-1]) + FEWEST_ACCEPTED - 1
    share = (last + 1) / len(right)
    return {"probability": float(predictions.confidence[order][last]), "coverage": share, **facts}


def _alarm_pays_from(level: str) -> float:
    """Return the probability at which an alarm costs as much as silence, in expectation."""
    position = RISKS.index(level)
    needless, missed = RISK_COSTS["none"][position], RISK_COSTS[level][0]
    return needless / (needless + missed)


def _training_data(experiment: Experiment) -> list[dict[str, Any]]:
    """Return what each dataset is, under which licence, and who is in which part."""
    split = describe_split(experiment.sources)
    several = len(experiment.sources) > 1
    return [
        {
            **{
                key: getattr(source.card, key)
                for key in ("name", "title", "source", "licence", "citation")
            },
            "trained_on": source.trains,
            "parts": split[source.name] if several else split,
        }
        for source in experiment.sources
    ]


def _test_results(folder: Path, ckpt: Path) -> dict[str, Any] | None:
    """Return the test results of a run, or None where it has none for this checkpoint."""
    if not (folder / RESULTS).is_file():
        return None
    results = read_json(folder / RESULTS)
    if results.get("checkpoint") != ckpt.name:
        return None
    return {key: results[key] for key in KEPT_RESULTS if key in results}
