"""Joins the runs of one experiment over several seeds into one record."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import yaml

from har.errors import HarError
from har.evaluation.totals import METRICS
from har.record import read_json, write_json_atomic
from har.run.folder import CONFIG, RESULTS

KEPT_OF_RUNS = ("seed", "checkpoint", "intervals", "without_copies", "cost", "provenance")
MUST_AGREE = ("experiment", "dataset_name", "protocol", "fold", "data_fingerprint")


def collect(runs: Sequence[Path], out: Path) -> dict[str, Any]:
    """Write mean and spread over seeds of finished runs that differ in nothing else.

    Args:
        runs: run folders.
        out: JSON file: each metric with mean, standard deviation and values by seed; the common
            configuration; split, intervals, cost and provenance of each run.

    Raises:
        HarError: a run is unfinished, a seed comes twice, or the runs differ in more than the seed.
    """
    if not runs:
        raise HarError("no run folders given")
    results = [_finished(folder) for folder in runs]
    configs = [_config_without_seed(folder) for folder in runs]
    _check_comparable(runs, results, configs)
    seeds = [result["seed"] for result in results]
    record = {
        **{key: results[0][key] for key in MUST_AGREE},
        "seeds": seeds,
        "metrics": {name: _over_seeds(name, results) for name in METRICS},
        **_by_dataset(results),
        "config": configs[0],
        "split": results[0]["split"],
        "runs": [{key: result[key] for key in KEPT_OF_RUNS if key in result} for result in results],
    }
    write_json_atomic(out, record)
    return record


def _by_dataset(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the metrics over seeds of each dataset, where one model is tested on several."""
    if "datasets" not in results[0]:
        return {}
    datasets = {
        name: [result["datasets"][name] for result in results] for name in results[0]["datasets"]
    }
    return {
        "left_out": results[0]["left_out"],
        "datasets": {name: _of_dataset(tests) for name, tests in datasets.items()},
    }


def _of_dataset(tests: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return metrics over seeds, and what of the test part the model has outputs for."""
    first = tests[0]
    return {
        **{name: _over_seeds(name, [test["metrics"] for test in tests]) for name in METRICS},
        "clips": first["metrics"]["clips"],
        "labels": [row["name"] for row in first["per_class"]],
        "uncovered": first["uncovered"],
    }


def _finished(folder: Path) -> dict[str, Any]:
    if not (folder / RESULTS).exists():
        raise HarError(f"{folder} has no {RESULTS}: the run is not finished (resume=true goes on)")
    return read_json(folder / RESULTS)


def _config_without_seed(folder: Path) -> dict[str, Any]:
    config = yaml.safe_load((folder / CONFIG).read_text(encoding="utf-8"))
    kept = {key: value for key, value in config.items() if key not in ("seed", "resume", "paths")}
    kept["data"] = {key: value for key, value in config["data"].items() if key != "store"}
    for source in (kept["data"].get("sources") or {}).values():
        source.pop("store")
    return kept


def _check_comparable(
    runs: Sequence[Path], results: Sequence[Mapping[str, Any]], configs: Sequence[Any]
) -> None:
    first = runs[0]
    for folder, result, config in zip(runs, results, configs, strict=True):
        for key in MUST_AGREE:
            if result[key] != results[0][key]:
                raise HarError(
                    f"{key} is {result[key]!r} in {folder}, {results[0][key]!r} in {first}"
                )
        if config != configs[0]:
            raise HarError(f"{folder} and {first} have different configurations")
    seeds = [result["seed"] for result in results]
    if len(set(seeds)) < len(seeds):
        raise HarError(f"the seeds {seeds} are not all different")


def _over_seeds(name: str, results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    values = [result[name] for result in results]
    spread = stdev(values) if len(values) > 1 else None
    return {"mean": mean(values), "std": spread, "values": values}
