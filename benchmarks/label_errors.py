r"""Plants wrong labels in N-UCLA and measures how many of them the audit lists first.

    OMP_NUM_THREADS=1 python benchmarks/label_errors.py --store data/store/nwucla \
        --work runs/label_errors --json benchmarks/results/nwucla_label_errors.json

The ranking is chosen with the first planting seed, and judged on the others. Called again, folds
that are trained are not trained again.
"""

import argparse
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from har.audit.planting import PlantedErrors, copy_with_labels, plant_errors
from har.audit.suspects import PRUNINGS, SCORES, Ranking, rank_suspects, recall_curve
from har.config.compose import compose, to_plain
from har.data.store import ClipStore
from har.evaluation.predictions import Predictions
from har.evaluation.style import BLUE, GREY, ORANGE, clean_axes, new_figure, save_figure
from har.record import provenance, write_json_atomic
from har.run.out_of_fold import out_of_fold

RECIPE = (
    "experiment=nwucla_stgcnpp_joint",
    "model/backbone=stgcnpp_small",
    "transform=kinect3d_gravity",
    "stream=joint_bone",
    "sampling.frames=16",
    "data.batch_size=32",
    "data.repeat=4",
    "optimizer.factory.lr=4.0e-3",
    "trainer.max_epochs=3",
    "trainer.progress_bar=false",
    "evaluation.bootstrap=0",
    "evaluation.examples=0",
)
SHARE = 0.05
FOLDS = 5
REVIEWED = (0.05, 0.08, 0.15)


def main() -> None:
    """Run the experiment for every planting seed; write the record and the figure."""
    options = _parse()
    store = ClipStore.open(options.store)
    plantings = {seed: _predict(store, seed, options.work) for seed in options.seeds}
    first, *others = options.seeds
    rankings = _compare_rankings(*plantings[first])
    chosen = Ranking(**max(rankings, key=lambda entry: entry["recall"]["0.08"])["ranking"])
    curves = {seed: _curve(*planting, chosen) for seed, planting in plantings.items()}
    record = {
        "dataset": "nwucla",
        "data_fingerprint": store.fingerprint,
        "clips": len(store),
        "planted_share": SHARE,
        "folds": FOLDS,
        "recipe": RECIPE,
        "chosen_on_seed": first,
        "chosen_ranking": chosen,
        "judged_on_seeds": others,
        "seeds": {seed: _describe(store, *plantings[seed], curves[seed]) for seed in plantings},
        "rankings_on_first_seed": rankings,
        "provenance": provenance(),
    }
    write_json_atomic(options.json, record)
    _draw(curves, first, options.figure)
    for seed, curve in curves.items():
        print(f"seed {seed}: {_recalls(curve)}")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--store", type=Path, required=True, help="prepared clips of N-UCLA")
    parser.add_argument("--work", type=Path, required=True, help="folder for copies and runs")
    parser.add_argument("--json", type=Path, required=True, help="record to write")
    parser.add_argument("--figure", type=Path, default=Path("docs/images/label_errors.png"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="of the planting")
    return parser.parse_args()


def _predict(store: ClipStore, seed: int, work: Path) -> tuple[Predictions, PlantedErrors]:
    """Plant errors in a copy of the store, and predict all its clips out of fold."""
    rng = np.random.default_rng(seed)
    planted = plant_errors(store.index.label, len(store.labels), SHARE, rng)
    out = work.resolve() / f"planting_{seed}"
    if not (out / "store").exists():
        copy_with_labels(store, planted.labels, out / "store")
    config = to_plain(compose([*RECIPE, f"data.store={out / 'store'}"]))
    return out_of_fold(config, out, FOLDS).predictions, planted


def _compare_rankings(predictions: Predictions, planted: PlantedErrors) -> list[dict[str, Any]]:
    """Measure every ranking there is, but for scores that cannot be adjusted."""
    entries = []
    for score, adjusted, pruning in product(SCORES, (False, True), PRUNINGS):
        if not (adjusted and score == "confidence_weighted_entropy"):
            ranking = {"score": score, "adjusted": adjusted, "pruning": pruning}
            curve = _curve(predictions, planted, Ranking(**ranking))
            entries.append({"ranking": ranking, "recall": _recalls(curve)})
    return entries


def _curve(predictions: Predictions, planted: PlantedErrors, ranking: Ranking) -> np.ndarray:
    return recall_curve(rank_suspects(predictions, ranking).order, planted.rows)


def _recalls(curve: np.ndarray) -> dict[str, float]:
    """Return the share of the planted errors in the first so much of the list."""
    return {str(share): float(curve[int(share * (len(curve) - 1))]) for share in REVIEWED}


def _describe(
    store: ClipStore, predictions: Predictions, planted: PlantedErrors, curve: np.ndarray
) -> dict[str, Any]:
    untouched = np.delete(np.arange(len(store)), planted.rows)
    right = predictions.predicted == store.index.label
    return {
        "planted": len(planted.rows),
        "recall": _recalls(curve),
        "reviewed_for_90_percent": float((curve < 0.9).sum() / (len(curve) - 1)),
        "accuracy_on_original_labels": float(right.mean()),
        "accuracy_on_clips_left_alone": float(right[untouched].mean()),
    }


def _draw(curves: Mapping[int, np.ndarray], chosen_on: int, path: Path) -> None:
    figure = new_figure(6.4, 4.2)
    axes = figure.subplots()
    for number, (seed, curve) in enumerate(curves.items()):
        share = np.linspace(0, 100, len(curve))
        style: Sequence[str] = ("-", "--", ":")
        role = "ranking chosen on it" if seed == chosen_on else "held out"
        axes.plot(
            share,
            100 * curve,
            color=GREY if seed == chosen_on else BLUE,
            linestyle=style[number % len(style)],
            label=f"planting seed {seed} ({role})",
        )
    axes.plot([0, 100], [0, 100], color=GREY, linewidth=0.8, label="random order")
    axes.plot([8], [70], marker="x", color=ORANGE, linestyle="none", label="aim: 70 % within 8 %")
    axes.set(xlim=(0, 50), ylim=(0, 101), xlabel="share of the list reviewed, %")
    axes.set_ylabel("planted errors found, %")
    axes.legend(frameon=False, fontsize=9, loc="lower right")
    clean_axes(axes)
    save_figure(figure, path)


if __name__ == "__main__":
    main()
