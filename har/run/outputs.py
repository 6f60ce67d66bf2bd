"""What a run leaves in its folder besides checkpoints and curves."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from har.data.cards import Card
from har.data.combined import ClipSource
from har.data.copies import copies_of_training
from har.data.store import ClipStore
from har.data.video_store import VideoStore
from har.errors import HarError
from har.evaluation.model_card import write_model_card
from har.evaluation.plots import write_plots
from har.evaluation.predictions import Predictions
from har.evaluation.projection import SkeletonClip
from har.evaluation.render import draw_animation, draw_strip, prediction_title
from har.evaluation.report_table import percent, report
from har.evaluation.style import save_figure
from har.evaluation.summary import evaluate, overall_scores
from har.evaluation.taxonomy_report import taxonomy_lines
from har.evaluation.totals import METRICS
from har.evaluation.training_curves import read_training_curves, training_figure
from har.evaluation.video_strip import draw_frames
from har.record import copy_file_atomic, write_json_atomic
from har.run.folder import RESULTS
from har.run.quality.experiment import Quality, append_verdicts
from har.run.testing import TestSet, taxonomy_scores
from har.skeleton.layout import load_layout

PREDICTIONS, SKIPPED = "predictions.parquet", "skipped.csv"
VALIDATION_PREDICTIONS = "validation_predictions.parquet"


def summarise(
    tests: Sequence[TestSet], config: Mapping[str, Any], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the content of ``results.json``: each metric by its name, intervals, and facts.

    With several datasets the metrics by name are means over the datasets, and ``datasets`` has
    those of each.
    """
    summaries = {test.source.name: _summarise_one(test, config) for test in tests}
    if len(tests) == 1:
        summary = summaries[tests[0].source.name]
        return {**summary["metrics"], **summary, **facts}
    means = {
        name: float(np.mean([summary["metrics"][name] for summary in summaries.values()]))
        for name in METRICS
    }
    return {**means, "metrics": means, "datasets": summaries, **facts}


def _summarise_one(test: TestSet, config: Mapping[str, Any]) -> dict[str, Any]:
    bootstrap = config["evaluation"]["bootstrap"]
    summary = evaluate(test.predictions, bootstrap=bootstrap, seed=config["seed"])
    return {
        **summary,
        "without_copies": _without_copies(test),
        "taxonomy": taxonomy_scores(test),
        "uncovered": dict(test.uncovered),
    }


def _without_copies(test: TestSet) -> dict[str, Any] | None:
    """Return the metrics without test clips that are also in training; None if there are none."""
    store, split = test.source.store, test.source.split
    copied = store.index.clip_id[copies_of_training(store, split)].astype(str)
    kept = ~np.isin(test.predictions.clip_ids, copied)
    if kept.all() or not kept.any():
        return None
    scores = overall_scores(test.predictions.subset(kept))
    return {"copies": int((~kept).sum()), "clips": int(kept.sum()), **scores}


def describe(results: Mapping[str, Any]) -> str:
    """Return results as text for a terminal."""
    lines = [report(results), *_copies_lines(results)]
    if results.get("taxonomy"):
        lines += ["", *taxonomy_lines(results["taxonomy"])]
    return "\n".join(lines)


def _copies_lines(results: Mapping[str, Any]) -> list[str]:
    parts = results.get("datasets") or {"": results}
    told = [(name, part.get("without_copies")) for name, part in parts.items()]
    return [
        f"\n{name + ': ' if name else ''}{found['copies']} test clips are also in the training "
        f"part, byte for byte; without them top-1 accuracy is {percent(found['top1'])}, mean class "
        f"accuracy {percent(found['mean_class_accuracy'])}."
        for name, found in told
        if found
    ]


def write_outputs(
    folder: Path,
    tests: Sequence[TestSet],
    results: Mapping[str, Any],
    config: Mapping[str, Any],
    quality: Quality | None = None,
) -> None:
    """Write predictions, pictures, model card, and last ``results.json``, which ends a run.

    With several datasets, each has a folder of its own for what is about it alone. The verdicts of
    quality filters, where there are any, go into ``skipped.csv``.
    """
    _write_training_curves(folder)
    for test in tests:
        alone = len(tests) == 1
        place = folder if alone else folder / test.source.name
        own = results if alone else {**results, **results["datasets"][test.source.name]}
        _write_test(place, test, own, config)
        if quality is not None:
            append_verdicts(place / SKIPPED, quality, test.source.name)
    write_json_atomic(folder / RESULTS, results)


def _write_test(
    folder: Path, test: TestSet, results: Mapping[str, Any], config: Mapping[str, Any]
) -> None:
    test.predictions.write(folder / PREDICTIONS)
    copy_file_atomic(test.source.store.path / SKIPPED, folder / SKIPPED)
    write_plots(test.predictions, folder)
    count = config["evaluation"]["examples"]
    _write_examples(folder / "examples", test.predictions, test.source.store, count)
    described = {**results, "dataset": _describe(test.source.card)}
    write_model_card(folder / "model_card.md", described, config, results["provenance"])


def _describe(card: Card) -> dict[str, str]:
    names = ("title", "licence", "source", "citation")
    return {name: getattr(card, name) for name in names if getattr(card, name)}


def _write_training_curves(folder: Path) -> None:
    if (folder / "metrics.csv").exists():
        curves = read_training_curves(folder / "metrics.csv")
        save_figure(training_figure(curves), folder / "training_curves.png")


def _write_examples(folder: Path, predictions: Predictions, store: ClipStore, count: int) -> None:
    """Draw the worst mistakes and, of the rest, the clips the model is surest of."""
    row_of = {clip_id: row for row, clip_id in enumerate(store.index.clip_id.astype(str))}
    for number in _choose_examples(predictions, count):
        clip_id = str(predictions.clip_ids[number])
        if isinstance(store, VideoStore):
            title = _example_title(predictions, number)
            draw_frames(folder / f"{clip_id}.png", store.frames(row_of[clip_id]), title)
            continue
        clip = store.clip(row_of[clip_id])
        layout = load_layout(store.layout)
        picture = SkeletonClip(
            clip.joints,
            clip.confidence,
            layout.edge_indices,
            layout.joints,
            clip.record.fps,
        )
        title = _example_title(predictions, number)
        draw_strip(folder / f"{clip_id}.png", picture, title=title)
        draw_animation(folder / f"{clip_id}.gif", picture, title=title)


def _example_title(predictions: Predictions, number: int) -> str:
    return prediction_title(
        str(predictions.clip_ids[number]),
        predictions.class_names[predictions.labels[number]],
        predictions.class_names[predictions.predicted[number]],
        float(predictions.confidence[number]),
    )


def _choose_examples(predictions: Predictions, count: int) -> list[int]:
    wrong = predictions.predicted != predictions.labels
    by_confidence = np.argsort(-predictions.confidence, kind="stable")
    mistakes = [int(n) for n in by_confidence if wrong[n]][: count // 2]
    right = [int(n) for n in by_confidence if not wrong[n]]
    shown = {int(predictions.labels[n]) for n in mistakes}
    fresh = [n for n in right if int(predictions.labels[n]) not in shown]
    return mistakes + (fresh or right)[: count - len(mistakes)]


def check_same_data(store: ClipSource, expected: str) -> None:
    """Refuse data other than those the checkpoint was trained and tested on."""
    if store.fingerprint != expected:
        raise HarError(
            f"{store.origin} holds other data (fingerprint {store.fingerprint[:12]}) than the "
            f"checkpoint was made with ({expected[:12]}): prepare the dataset as the run's "
            "config.yaml says, or pass any_data=true to evaluate on what is there"
        )
