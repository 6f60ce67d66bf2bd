"""What a run leaves in its folder besides checkpoints and curves."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from har.data.cards import Card
from har.data.store import ClipStore
from har.errors import HarError
from har.evaluation.model_card import write_model_card
from har.evaluation.plots import write_plots
from har.evaluation.predictions import Predictions
from har.evaluation.projection import SkeletonClip
from har.evaluation.render import draw_animation, draw_strip, prediction_title
from har.evaluation.style import save_figure
from har.evaluation.summary import evaluate
from har.evaluation.training_curves import read_training_curves, training_figure
from har.record import copy_file_atomic, write_json_atomic
from har.run.folder import RESULTS
from har.skeleton.layout import load_layout

PREDICTIONS, SKIPPED = "predictions.parquet", "skipped.csv"


def make_predictions(
    store: ClipStore, probabilities: np.ndarray, labels: np.ndarray, rows: np.ndarray
) -> Predictions:
    """Join the outputs of a model with what the store knows of the clips."""
    index = store.index
    return Predictions(
        probabilities=probabilities,
        labels=labels,
        clip_ids=index.clip_id[rows].astype(str),
        subjects=index.subject[rows].astype(str),
        cameras=index.camera[rows].astype(str),
        class_names=store.labels,
    )


def summarise(
    predictions: Predictions, config: Mapping[str, Any], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the content of ``results.json``: each metric by its name, intervals, and facts."""
    summary = evaluate(
        predictions, bootstrap=config["evaluation"]["bootstrap"], seed=config["seed"]
    )
    return {**summary["metrics"], **summary, **facts}


def write_outputs(
    folder: Path,
    predictions: Predictions,
    results: Mapping[str, Any],
    config: Mapping[str, Any],
    card: Card,
    store: ClipStore,
) -> None:
    """Write predictions, pictures, model card, and last ``results.json``, which ends a run."""
    predictions.write(folder / PREDICTIONS)
    copy_file_atomic(store.path / SKIPPED, folder / SKIPPED)
    write_plots(predictions, folder)
    _write_training_curves(folder)
    _write_examples(folder / "examples", predictions, store, config["evaluation"]["examples"])
    described = {**results, "dataset": _describe(card)}
    write_model_card(folder / "model_card.md", described, config, results["provenance"])
    write_json_atomic(folder / RESULTS, results)


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
        clip = store.clip(row_of[clip_id])
        layout = load_layout(store.layout)
        picture = SkeletonClip(
            clip.joints,
            clip.confidence,
            layout.edge_indices,
            layout.joints,
            clip.record.fps,
        )
        title = prediction_title(
            clip_id,
            predictions.class_names[predictions.labels[number]],
            predictions.class_names[predictions.predicted[number]],
            float(predictions.confidence[number]),
        )
        draw_strip(folder / f"{clip_id}.png", picture, title=title)
        draw_animation(folder / f"{clip_id}.gif", picture, title=title)


def _choose_examples(predictions: Predictions, count: int) -> list[int]:
    wrong = predictions.predicted != predictions.labels
    by_confidence = np.argsort(-predictions.confidence, kind="stable")
    mistakes = [int(n) for n in by_confidence if wrong[n]][: count // 2]
    right = [int(n) for n in by_confidence if not wrong[n]]
    shown = {int(predictions.labels[n]) for n in mistakes}
    fresh = [n for n in right if int(predictions.labels[n]) not in shown]
    return mistakes + (fresh or right)[: count - len(mistakes)]


def check_same_data(store: ClipStore, expected: str) -> None:
    """Refuse data other than those the checkpoint was trained and tested on."""
    if store.fingerprint != expected:
        raise HarError(
            f"{store.path} holds other data (fingerprint {store.fingerprint[:12]}) than the "
            f"checkpoint was made with ({expected[:12]}): prepare the dataset as the run's "
            "config.yaml says, or pass any_data=true to evaluate on what is there"
        )
