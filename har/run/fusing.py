"""Late fusion of finished runs: joins their predictions into one set of results."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from har.errors import HarError
from har.evaluation.fusion import (
    FOUND,
    LinearPool,
    LogPool,
    Pool,
    find_pool,
    fuse,
    mean_log_loss,
)
from har.evaluation.plots import write_plots
from har.evaluation.predictions import Predictions
from har.evaluation.summary import evaluate
from har.evaluation.taxonomy_report import taxonomy_summary
from har.record import provenance, read_json, write_json_atomic
from har.run.assemble import crosswalk
from har.run.folder import RESULTS
from har.run.outputs import PREDICTIONS, VALIDATION_PREDICTIONS, describe
from har.run.training import RunResult

MUST_AGREE = ("dataset_name", "protocol", "fold", "data_fingerprint")


def fuse_runs(
    runs: Sequence[Path],
    out: Path,
    weights: Sequence[float] | str | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
) -> RunResult:
    """Join the test predictions of runs on the same clips, and measure the result.

    Args:
        runs: run folders; they may differ in anything but the data, the protocol and the fold.
        out: folder for the joint ``predictions.parquet``, ``results.json`` and pictures.
        weights: one a run; None for all equal; ``"tuned"`` for the linear pool, or ``"learned"``
            for the log pool with a temperature, of least log-loss on the runs' validation clips.
        bootstrap: resamples for the intervals; 0 leaves the intervals out.
        seed: of the resampling.

    Raises:
        HarError: a run is unfinished, the runs are not about the same clips, labels or data, or
            there are no validation predictions to find the weights on.
    """
    _check_folders(runs, out)
    facts = _common_facts(runs)
    test = _read_predictions(runs, PREDICTIONS)
    pool, validation_loss = _choose_pool(weights, runs, test)
    fused = fuse(test, pool)
    results = {
        **measure_fused(fused, facts["dataset_name"], bootstrap, seed),
        **facts,
        "experiment": "fusion",
        "fusion": _record(weights, pool, validation_loss, test),
        "seed": seed,
        "provenance": provenance(),
    }
    fused.write(out / PREDICTIONS)
    write_plots(fused, out)
    write_json_atomic(out / RESULTS, results)
    print(_describe(results["fusion"]))
    print(describe(results))
    print(f"fusion: {out}")
    return RunResult(out, results)


def measure_fused(fused: Predictions, dataset: str, bootstrap: int, seed: int) -> dict[str, Any]:
    """Return the metrics of joined predictions by name, intervals, and scores by concepts.

    Args:
        fused: the joined predictions.
        dataset: name of the dataset, whose mapping to concepts is the project's; the scores by
            concepts are None where it has none, or where the classes are not its labels.
        bootstrap: resamples for the intervals; 0 leaves the intervals out.
        seed: of the resampling.
    """
    summary = evaluate(fused, bootstrap=bootstrap, seed=seed)
    walk, taxonomy = crosswalk([]), None
    if dataset in walk.mappings and set(fused.class_names) <= set(walk.mappings[dataset].names):
        taxonomy = taxonomy_summary(fused, dataset, walk)
    return {**summary["metrics"], **summary, "taxonomy": taxonomy}


def _check_folders(runs: Sequence[Path], out: Path) -> None:
    """Refuse a run that is given twice, and an ``out`` that would replace one."""
    places = [folder.resolve() for folder in runs]
    if len(set(places)) < len(places):
        raise HarError(f"a run is given twice: {', '.join(map(str, runs))}")
    if out.resolve() in places:
        raise HarError(f"out={out} is one of the runs, its results would be lost: give another")


def _common_facts(runs: Sequence[Path]) -> dict[str, Any]:
    """Return what the runs have to agree on; refuse those that do not."""
    if not runs:
        raise HarError("no run folders given")
    results = [_finished(folder) for folder in runs]
    for folder, result in zip(runs, results, strict=True):
        for key in MUST_AGREE:
            if result.get(key) != results[0].get(key):
                raise HarError(
                    f"{key} is {result.get(key)!r} in {folder}, {results[0].get(key)!r} in "
                    f"{runs[0]}: only runs on the same data and protocol can be fused"
                )
    return {key: results[0].get(key) for key in MUST_AGREE}


def _finished(folder: Path) -> dict[str, Any]:
    if not (folder / RESULTS).exists():
        raise HarError(f"{folder} has no {RESULTS}: give the folder of a finished run")
    return read_json(folder / RESULTS)


def _read_predictions(runs: Sequence[Path], file: str) -> dict[str, Predictions]:
    return {str(folder): Predictions.read(folder / file) for folder in runs}


def _choose_pool(
    weights: Sequence[float] | str | None, runs: Sequence[Path], test: Mapping[str, Predictions]
) -> tuple[Pool, float | None]:
    """Return the pool, and its log-loss on the validation part if it was found there."""
    if weights is None:
        return LinearPool((1.0,) * len(runs)), None
    if not isinstance(weights, str):
        return LinearPool(tuple(weights)), None
    if weights not in FOUND:
        raise HarError(f"weights={weights}: give {', '.join(FOUND)}, or one number a run")
    validation = _read_validation(runs)
    pool = find_pool(weights, validation, next(iter(test.values())))
    return pool, mean_log_loss(fuse(validation, pool))


def _read_validation(runs: Sequence[Path]) -> dict[str, Predictions]:
    lacking = [str(folder) for folder in runs if not (folder / VALIDATION_PREDICTIONS).exists()]
    if lacking:
        raise HarError(
            f"no {VALIDATION_PREDICTIONS} in {', '.join(lacking)}: weights are found on validation "
            "clips only. Train with a validation part (protocol.validation.count=1), or give the "
            "weights, such as weights=[2,2,1,1]"
        )
    return _read_predictions(runs, VALIDATION_PREDICTIONS)


def _record(
    weights: Sequence[float] | str | None,
    pool: Pool,
    validation_loss: float | None,
    test: Mapping[str, Predictions],
) -> dict[str, Any]:
    return {
        "method": weights if isinstance(weights, str) else "given",
        "pool": "log" if isinstance(pool, LogPool) else "linear",
        "weights": dict(zip(test, pool.weights, strict=True)),
        "temperature": pool.temperature if isinstance(pool, LogPool) else None,
        "validation_nll": validation_loss,
        "top1_alone": {n: float((p.predicted == p.labels).mean()) for n, p in test.items()},
    }


def _describe(fusion: Mapping[str, Any]) -> str:
    total = sum(fusion["weights"].values())
    lines = [
        f"  {weight / total:.3f}  {name} (top-1 {100 * fusion['top1_alone'][name]:.2f} alone)"
        for name, weight in fusion["weights"].items()
    ]
    temperature = fusion["temperature"]
    heading = f"{fusion['pool']} pool, weights {fusion['method']}"
    if temperature is not None:
        heading += f", temperature {temperature:.3g}"
    return "\n".join([heading, *lines, ""])
