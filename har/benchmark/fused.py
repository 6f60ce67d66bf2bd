"""Late fusion of the streams of a method, as lines of the leaderboard of their own."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from har.benchmark.entries import Entry, SeedResult, dig
from har.benchmark.suite import Fusion
from har.errors import HarError
from har.evaluation.fusion import LinearPool, Pool, find_pool, fuse
from har.evaluation.predictions import Predictions
from har.run.fusing import measure_fused
from har.run.outputs import VALIDATION_PREDICTIONS


def fuse_streams(
    entries: Sequence[Entry], fusion: Fusion, failed: list[Mapping[str, Any]]
) -> Iterator[Entry]:
    """Yield the fusion of the streams of each method, for the seeds that all streams have.

    Args:
        entries: of single streams.
        fusion: of which streams, and how.
        failed: takes a record of each fusion that cannot be made, so that the others are shown.
    """
    parts: dict[tuple[str, str], dict[str, Entry]] = {}
    for entry in entries:
        parts.setdefault((entry.task, entry.method), {})[entry.stream] = entry
    for (task, method), streams in parts.items():
        if not set(fusion.of) <= streams.keys():
            continue
        by_seed = [{run.seed: run for run in streams[name].runs} for name in fusion.of]
        seeds = sorted(set.intersection(*(set(runs) for runs in by_seed)))
        try:
            runs = tuple(_fuse([own[seed] for own in by_seed], fusion) for seed in seeds)
        except HarError as error:
            job = {"task": task, "method": method, "stream": fusion.name, "seed": seeds[0]}
            failed.append({"job": job, "error": str(error), "command": ""})
            continue
        if runs:
            yield Entry(task, method, fusion.name, runs, streams[fusion.of[0]].label)


def _fuse(runs: Sequence[SeedResult], fusion: Fusion) -> SeedResult:
    named = dict(zip(fusion.of, runs, strict=True))
    predictions = fuse({name: run.predictions for name, run in named.items()}, _pool(named, fusion))
    dataset = runs[0].results["dataset_name"]
    results = measure_fused(predictions, dataset, bootstrap=0, seed=runs[0].seed)
    return SeedResult(runs[0].seed, results, predictions, _sum_costs(runs), None)


def _pool(runs: Mapping[str, SeedResult], fusion: Fusion) -> Pool:
    if fusion.weights is None:
        return LinearPool((1.0,) * len(runs))
    if not isinstance(fusion.weights, str):
        return LinearPool(fusion.weights)
    validation = {
        name: Predictions.read(run.folder / VALIDATION_PREDICTIONS)
        for name, run in runs.items()
        if run.folder and (run.folder / VALIDATION_PREDICTIONS).exists()
    }
    if len(validation) < len(runs):
        raise HarError(
            f"fusion {fusion.name}: weights={fusion.weights} are found on validation clips, and "
            "the runs have none; give the weights as numbers, or a validation part to the suite"
        )
    return find_pool(fusion.weights, validation, next(iter(runs.values())).predictions)


def _sum_costs(runs: Sequence[SeedResult]) -> dict[str, Any]:
    """Return a cell record in which the costs of the fused runs are added up."""
    total: dict[str, Any] = {"command": "\n".join(run.record["command"] for run in runs)}
    for path in (
        ("model", "parameters"),
        ("model", "macs_of_a_view"),
        ("inference", "latency", "p50_ms"),
        ("inference", "latency", "p99_ms"),
        ("exports", "fp32", "latency", "p50_ms"),
        ("exports", "fp32", "latency", "p90_ms"),
        ("exports", "fp32", "latency", "p99_ms"),
        ("exports", "int8", "latency", "p50_ms"),
    ):
        found = [dig(run.record, path) for run in runs]
        if all(value is not None for value in found):
            node = total
            for key in path[:-1]:
                node = node.setdefault(key, {})
            node[path[-1]] = sum(found)
    rates = [dig(run.record, ("inference", "throughput", "clips_per_second")) for run in runs]
    if all(rates):
        rate = 1 / sum(1 / rate for rate in rates)
        total["inference"]["throughput"] = {"clips_per_second": rate}
    total["results_cost"] = {
        "training_seconds": sum(run.results["cost"]["training_seconds"] for run in runs)
    }
    return total
