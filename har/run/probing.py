"""Probes of a checkpoint: simple readouts of its frozen features."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from har.config.compose import compose_unchecked, from_plain, to_plain
from har.data.combined import ClipSource
from har.data.splits import Split
from har.errors import ConfigError, SplitError
from har.evaluation.predictions import Predictions
from har.evaluation.probes import PROBES, ProbeResult, check_probe, run_probe
from har.evaluation.report_table import NOTHING, format_interval, interval_note, percent, text_table
from har.evaluation.summary import evaluate
from har.record import provenance, write_json_atomic
from har.run.assemble import build_classifier, build_data
from har.run.checkpoints import read_checkpoint
from har.run.features import PARTS, FrozenModel, load_feature_weights
from har.run.sources import combine, describe_split, open_sources
from har.samples import UNLABELLED

HELD_OUT = {"by": "subject", "count": 1, "values": None, "fraction": None, "seed": 0}
"""Validation part for checkpoints that were trained without one."""


@dataclass(frozen=True)
class ProbeData:
    """Where the clips of a probe come from, if not from what the checkpoint says.

    Attributes:
        data: option of the configuration group ``data``.
        protocol: name of a protocol of the dataset's card.
        fold: of the protocol.
        store: clip store.
    """

    data: str | None = None
    protocol: str | None = None
    fold: str | None = None
    store: Path | None = None


def probe(
    ckpt: Path,
    kinds: Sequence[str] = tuple(PROBES),
    out: Path | None = None,
    clips: ProbeData | None = None,
    untrained: bool = False,
) -> dict[str, Any]:
    """Probe the frozen features of a checkpoint on a protocol, and write the scores.

    Args:
        ckpt: checkpoint of a run, or the encoder of a pre-training.
        kinds: which probes, of ``PROBES``.
        out: JSON file; default beside the checkpoint.
        clips: other clips than those of the checkpoint's run.
        untrained: leave the model as it is drawn, without the weights: what the probes reach then
            is due to the architecture.

    Returns:
        The content of the JSON file.

    Raises:
        HarError: something the user gave cannot be used; the message says what and how to mend it.
    """
    for kind in kinds:
        check_probe(kind)
    checkpoint = read_checkpoint(ckpt)
    record = checkpoint["har"]
    config = probe_config(record, clips or ProbeData())
    sources = open_sources(config)
    store, split = combine(sources, config["data"])
    split = _labelled(store, split)
    results = _run_probes(checkpoint, ckpt, kinds, (store, split), config, untrained)
    content = {
        "checkpoint": ckpt,
        "experiment": config["name"],
        "untrained": untrained,
        "dataset_name": sources[0].name,
        "protocol": config["protocol"]["name"],
        "fold": config["protocol"]["fold"],
        "probes": {k: _scores(result, store, split, config) for k, result in results.items()},
        "split": describe_split(sources),
        "labelled_clips": {part: len(getattr(split, part)) for part in PARTS},
        "data_fingerprint": store.fingerprint,
        "checkpoint_data_fingerprint": record["data_fingerprint"],
        "seed": config["seed"],
        "provenance": provenance(),
    }
    path = out or _default_path(ckpt, sources[0].name, kinds, untrained)
    write_json_atomic(path, content)
    print(describe(content))
    print(f"probe: {path}")
    return content


def probe_config(record: Mapping[str, Any], clips: ProbeData) -> dict[str, Any]:
    """Return the configuration of a checkpoint, pointed to the clips of the probe.

    Clips in another joint layout than the model learnt are converted to it.

    Raises:
        ConfigError: the checkpoint learnt from several datasets, and none is chosen.
    """
    config = to_plain(from_plain(record["config"]))
    if clips.data is not None:
        config["data"] = to_plain(compose_unchecked([f"data={clips.data}"]))["data"]
    if clips.store is not None:
        config["data"]["store"] = str(clips.store)
    if config["data"]["sources"]:
        raise ConfigError(
            "the checkpoint learnt from several datasets, a probe looks at one: choose it with "
            "data=<name> protocol=<name>"
        )
    config["protocol"] = _protocol(config["protocol"], clips)
    if clips.data is not None and "layout" in record:
        convert = {"_target_": "har.data.transforms.ConvertLayout", "target": record["layout"]}
        config["transform"]["normalise"].insert(0, convert)
    return config


def _protocol(learnt: Mapping[str, Any], clips: ProbeData) -> dict[str, Any]:
    protocol = dict(learnt)
    if clips.protocol is not None:
        protocol |= {"name": clips.protocol, "fold": None, "validation": None}
    fold = protocol["fold"] if clips.fold is None else clips.fold
    validation = protocol["validation"] or HELD_OUT
    return {**protocol, "fold": fold, "validation": validation, "leave_out": None}


def _labelled(store: ClipSource, split: Split) -> Split:
    """Return the split without the clips that have no label."""
    label = store.index.label
    parts = {part: getattr(split, part) for part in PARTS}
    kept = {part: rows[label[rows] != UNLABELLED] for part, rows in parts.items()}
    if empty := [part for part, rows in kept.items() if len(rows) == 0]:
        raise SplitError(f"no clip of the {empty[0]} part of {store.origin} has a label")
    return replace(split, **kept)


def _run_probes(
    checkpoint: Mapping[str, Any],
    path: Path,
    kinds: Sequence[str],
    clips: tuple[ClipSource, Split],
    config: Mapping[str, Any],
    untrained: bool,
) -> dict[str, ProbeResult]:
    store, split = clips
    record = checkpoint["har"]
    data = build_data(store, split, config)
    torch.manual_seed(config["seed"])
    classifier = build_classifier(
        config["model"],
        data.output_layout,
        coordinates=store.coordinates,
        streams=config["stream"]["names"],
        num_classes=len(record.get("outputs", record["labels"])),
    )
    if not untrained:
        load_feature_weights(classifier, checkpoint, path)
    model = FrozenModel.of(classifier, config)
    train, validation, test = (model.part(data, part) for part in PARTS)
    classes = len(store.labels)
    return {kind: run_probe(kind, train, validation, test.features, classes) for kind in kinds}


def _scores(
    result: ProbeResult, store: ClipSource, split: Split, config: Mapping[str, Any]
) -> dict[str, Any]:
    index, rows = store.index, split.test
    predictions = Predictions(
        probabilities=result.probabilities,
        labels=index.label[rows].astype(np.int64),
        clip_ids=index.clip_id[rows].astype(str),
        subjects=index.subject[rows].astype(str),
        cameras=index.camera[rows].astype(str),
        class_names=tuple(store.labels),
    )
    options = {"bootstrap": config["evaluation"]["bootstrap"], "seed": config["seed"]}
    return {
        "setting": result.setting,
        "validation_top1": result.validation,
        **evaluate(predictions, **options),
    }


def _default_path(ckpt: Path, dataset: str, kinds: Sequence[str], untrained: bool) -> Path:
    words = [ckpt.stem, "probe", dataset, *kinds, *(["untrained"] if untrained else [])]
    return ckpt.with_name(f"{'_'.join(words)}.json")


def describe(content: Mapping[str, Any]) -> str:
    """Return the scores as text for a terminal."""
    kind = "untrained" if content["untrained"] else "frozen"
    clips = content["labelled_clips"]
    header = ("probe", "setting", "validation", "top-1", "95 % interval", "mean class", "interval")
    rows = [(name, *_cells(found)) for name, found in content["probes"].items()]
    return "\n".join(
        [
            f"{kind} features of {content['checkpoint']}",
            f"{content['dataset_name']}, {content['protocol']}: fitted on {clips['train']} clips, "
            f"setting chosen on {clips['val']}, tested on {clips['test']}",
            "",
            *text_table(header, rows),
            "",
            interval_note(next(iter(content["probes"].values()))),
        ]
    )


def _cells(found: Mapping[str, Any]) -> tuple[str, ...]:
    cells = [f"{found['setting']:g}", percent(found["validation_top1"][found["setting"]])]
    for name in ("top1", "mean_class_accuracy"):
        interval = format_interval(name, found["intervals"].get(name))
        cells += [percent(found["metrics"][name]), interval or NOTHING]
    return tuple(cells)
