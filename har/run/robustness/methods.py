"""Tests checkpoints on clips with faults of camera and pose estimator, and compares them."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
from tqdm import tqdm

from har.data.corrupted import corrupted
from har.data.video_features import FeatureBatches
from har.data.video_store import VideoStore
from har.errors import ConfigError, did_you_mean
from har.evaluation.predictions import Predictions
from har.evaluation.robustness import CLEAN, Condition, MethodPredictions, robustness_summary
from har.quality.corruptions import (
    POSE_CORRUPTIONS,
    SEVERITIES,
    VIDEO_CORRUPTIONS,
)
from har.run.assemble import Experiment, build_data
from har.run.checkpoints import load_weights, read_checkpoint
from har.run.evaluating import on_one_device, restore, run_folder
from har.run.robustness.clips import ClipFacts, check_plan, clip_facts, clips_plan
from har.run.robustness.outputs import write_robustness
from har.run.testing import predict
from har.run.trainer import make_trainer


@dataclass(frozen=True)
class Benchmark:
    """What is asked of every checkpoint.

    Attributes:
        corruptions: names of ``CORRUPTIONS``, of which those that fit the data are taken; empty for
            all of them.
        severities: those to test.
        seed: of the corruptions and of the resampling.
        bootstrap: resamples for the intervals.
        clips: how many of the test clips, chosen at random; None for all.
    """

    corruptions: Sequence[str] = ()
    severities: Sequence[int] = SEVERITIES
    seed: int = 0
    bootstrap: int = 1000
    clips: int | None = None

    def conditions(self, experiment: Experiment) -> list[Condition]:
        """Return the conditions that fit the clips of an experiment, clean ones first.

        Raises:
            ConfigError: none does.
        """
        fitting = _fitting(experiment)
        names = [name for name in self.corruptions or fitting if name in fitting]
        if not names:
            raise ConfigError(
                f"none of the corruptions {', '.join(self.corruptions)} can be applied to "
                f"{experiment.store.origin}. There are: {', '.join(fitting)}"
            )
        return [CLEAN, *((name, severity) for name in names for severity in self.severities)]


def _fitting(experiment: Experiment) -> list[str]:
    if isinstance(experiment.store, VideoStore):
        return list(VIDEO_CORRUPTIONS)
    axes = experiment.store.coordinates
    return [name for name, kind in POSE_CORRUPTIONS.items() if axes in kind.dimensions]


def robustness(
    ckpts: Sequence[Path],
    names: Sequence[str] = (),
    baseline: str | None = None,
    out: Path | None = None,
    benchmark: Benchmark | None = None,
    store: Path | None = None,
    any_data: bool = False,
) -> dict[str, Any]:
    """Test checkpoints under every corruption and severity, and write tables and pictures.

    Each clip is corrupted in the same way for every checkpoint. Predictions are kept for each
    condition, so that a stopped benchmark goes on where it was, and checkpoints can be added.

    Args:
        ckpts: checkpoints of runs.
        names: of the methods, one a checkpoint; default the names of their experiments.
        baseline: the method that the errors of the others are divided by; default the first.
        out: folder for the outputs; default ``robustness`` in the first checkpoint's run folder.
        benchmark: what to test.
        store: clip store, where it is not where the runs found it.
        any_data: also test on data other than the runs' own.

    Returns:
        The content of ``robustness.json``.

    Raises:
        HarError: something the user gave cannot be used; the message says what and how to mend it.
    """
    benchmark = benchmark or Benchmark()
    methods = _name_methods(ckpts, names)
    baseline = baseline or next(iter(methods))
    if baseline not in methods:
        raise ConfigError(
            f"baseline={baseline} is none of the methods.{did_you_mean(baseline, methods)} "
            f"There are: {', '.join(methods)}"
        )
    folder = out or run_folder(ckpts[0]) / "robustness"
    tested: dict[str, dict[str, MethodPredictions]] = {}
    facts: dict[str, ClipFacts] = {}
    for name, ckpt in methods.items():
        experiment, config = restore(ckpt, store, any_data)
        load_weights(experiment.module, read_checkpoint(ckpt), ckpt)
        experiment = _with_fewer_clips(experiment, benchmark)
        for dataset in _tested_datasets(experiment):
            if dataset not in facts:
                clips = folder / "clips" / dataset
                conditions = benchmark.conditions(experiment)
                facts[dataset] = clip_facts(experiment, dataset, conditions, benchmark.seed, clips)
        place = folder / "predictions" / name
        check_plan(place, _plan(ckpt, experiment, benchmark))
        found = _test_method(name, place, experiment, config, benchmark, facts)
        for dataset, by_condition in found.items():
            tested.setdefault(dataset, {})[name] = MethodPredictions(by_condition)
    summaries = {
        dataset: _summarise(own, facts[dataset], baseline, benchmark)
        for dataset, own in tested.items()
    }
    return write_robustness(folder, summaries, methods, benchmark.seed, benchmark.clips)


def _summarise(
    methods: Mapping[str, MethodPredictions], facts: ClipFacts, baseline: str, benchmark: Benchmark
) -> dict[str, Any]:
    first = next(iter(methods))
    facts = facts.of(methods[first].clean.clip_ids)
    return robustness_summary(
        methods,
        facts.changed,
        baseline if baseline in methods else first,
        filters=facts.filters,
        conditions=facts.conditions,
        bootstrap=benchmark.bootstrap,
        seed=benchmark.seed,
    )


def _name_methods(ckpts: Sequence[Path], names: Sequence[str]) -> dict[str, Path]:
    """Return the checkpoints by name; runs of one experiment are told apart by their seeds."""
    if names and len(names) != len(ckpts):
        raise ConfigError(
            f"there are {len(ckpts)} checkpoints and {len(names)} names: give as many"
        )
    if not names:
        configs = [read_checkpoint(ckpt)["har"]["config"] for ckpt in ckpts]
        names = [config["name"] for config in configs]
        if len(set(names)) < len(names):
            names = [f"{config['name']}_seed{config['seed']}" for config in configs]
    if len(set(names)) < len(names):
        raise ConfigError(f"two methods have the same name ({', '.join(names)}): give names=[...]")
    return dict(zip(names, ckpts, strict=True))


def _plan(ckpt: Path, experiment: Experiment, benchmark: Benchmark) -> dict[str, Any]:
    return {
        "clips": benchmark.clips,
        "checkpoint_sha256": hashlib.sha256(ckpt.read_bytes()).hexdigest(),
        **clips_plan(experiment, benchmark.seed),
    }


def _with_fewer_clips(experiment: Experiment, benchmark: Benchmark) -> Experiment:
    rows = np.sort(experiment.split.test)
    if benchmark.clips is None or benchmark.clips >= len(rows):
        return experiment
    rng = np.random.default_rng(benchmark.seed)
    chosen = np.sort(rng.permutation(rows)[: benchmark.clips])
    return replace(experiment, split=replace(experiment.split, test=chosen))


def _tested_datasets(experiment: Experiment) -> list[str]:
    numbers = np.unique(experiment.store.dataset[experiment.split.test])
    return [experiment.sources[number].name for number in numbers]


def _test_method(
    name: str,
    place: Path,
    experiment: Experiment,
    config: Mapping[str, Any],
    benchmark: Benchmark,
    facts: Mapping[str, ClipFacts],
) -> dict[str, dict[Condition, Predictions]]:
    """Return the predictions of one checkpoint by dataset and condition; reuse what is there.

    A condition that changes no clip has the predictions of the clean clips.
    """
    trainer = make_trainer(_quiet(config), place, validates=False)
    found: dict[str, dict[Condition, Predictions]] = {d: {} for d in _tested_datasets(experiment)}
    conditions = benchmark.conditions(experiment)
    for condition in tqdm(conditions, desc=name, unit="condition"):
        files = {dataset: _file(place, dataset, condition) for dataset in found}
        changes = any(facts[dataset].changed.get(condition, 1) for dataset in found)
        if changes and not all(file.exists() for file in files.values()):
            tests = _predict(trainer, experiment, config, condition, benchmark.seed)
            for dataset, predictions in tests:
                predictions.write(files[dataset])
        for dataset, file in files.items():
            found[dataset][condition] = Predictions.read(file) if changes else found[dataset][CLEAN]
    return found


def _predict(
    trainer: pl.Trainer,
    experiment: Experiment,
    config: Mapping[str, Any],
    condition: Condition,
    seed: int,
) -> Iterator[tuple[str, Predictions]]:
    name, severity = (None, 0) if condition == CLEAN else condition
    clips = corrupted(experiment.store, name, severity, seed)
    data = build_data(clips, experiment.split, config)
    if name and isinstance(data.test_clips, FeatureBatches):
        raise ConfigError(
            "the model reads features that were computed before: they cannot be corrupted. Train "
            "with data.video.features=null"
        )
    for test in predict(trainer, replace(experiment, data=data)):
        yield test.source.name, test.predictions


def _file(place: Path, dataset: str, condition: Condition) -> Path:
    return place / dataset / f"{condition[0]}_{condition[1]}.parquet"


def _quiet(config: Mapping[str, Any]) -> dict[str, Any]:
    config = on_one_device(config)
    return {**config, "trainer": {**config["trainer"], "progress_bar": False}}
