r"""Measures on N-UCLA cross-view what masked motion prediction without labels is worth.

    OMP_NUM_THREADS=1 python benchmarks/masked_motion.py --store data/store/nwucla \
        --work runs/masked_motion --json benchmarks/results/nwucla_mamp.json

Probes of the encoder as it is drawn and as it is pre-trained; then the classifier trained from both
with the same recipe and as many epochs. Called again, what is finished is not done again.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from har.config.compose import compose, to_plain
from har.evaluation.report_table import percent
from har.record import provenance, read_json, write_json_atomic
from har.run import pretrain, probe, train

KEPT = ("metrics", "intervals", "interval_unit", "interval_reason", "interval_level", "bootstrap")


def main() -> None:
    """Run what is not finished, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--store", type=Path, required=True, help="prepared clips of N-UCLA")
    parser.add_argument("--work", type=Path, required=True, help="folder for the runs")
    parser.add_argument("--json", type=Path, required=True, help="record to write")
    options = parser.parse_args()
    shared = (f"data.store={options.store.resolve()}", f"paths.runs={options.work.resolve()}")
    encoder = run("mamp_nwucla", options.work, shared) / "encoder.ckpt"
    probes = {kind: look(encoder, kind == "untrained") for kind in ("untrained", "pretrained")}
    trained = {
        "from_scratch": run("mamp_nwucla_finetune", options.work, shared, "from_scratch"),
        "fine_tuned": run(
            "mamp_nwucla_finetune", options.work, (*shared, f"weights={encoder}"), "fine_tuned"
        ),
    }
    results = {name: read_json(folder / "results.json") for name, folder in trained.items()}
    task = read_json(encoder.with_name("results.json"))
    record = {
        "dataset": "nwucla",
        "protocol": "cross_view",
        "data_fingerprint": task["data_fingerprint"],
        "pretraining": {k: task[k] for k in ("experiment", "seed", "reconstruction", "cost")},
        "probes": probes,
        "trained": {name: shorten(found) for name, found in results.items()},
        "split": {"pretraining": task["split"], "training": results["fine_tuned"]["split"]},
        "provenance": provenance(),
    }
    write_json_atomic(options.json, record)
    print(describe(record))


def run(experiment: str, work: Path, overrides: tuple[str, ...], name: str | None = None) -> Path:
    """Return the folder of the finished run of this name, after running it if there is none."""
    name = name or experiment
    finished = sorted(path.parent for path in (work.resolve() / name).glob("*/results.json"))
    if finished:
        return finished[-1]
    words = [f"experiment={experiment}", f"name={name}", *overrides, "evaluation.examples=0"]
    config = to_plain(compose([*words, "trainer.progress_bar=false"]))
    return (pretrain if config["pretraining"] else train)(config).folder


def look(encoder: Path, untrained: bool) -> dict[str, Any]:
    """Return what the probes reach."""
    kept = encoder.with_name("probe_untrained.json" if untrained else "probe.json")
    if not kept.exists():
        probe(encoder, out=kept, untrained=untrained)
    content = read_json(kept)
    settings = ("setting", "validation_top1")
    return {
        kind: {**{key: found[key] for key in settings}, **{key: found[key] for key in KEPT}}
        for kind, found in content["probes"].items()
    }


def shorten(results: Mapping[str, Any]) -> dict[str, Any]:
    """Return the numbers of a run that the record keeps."""
    return {key: results[key] for key in (*KEPT, "without_copies", "seed", "cost")}


def describe(record: Mapping[str, Any]) -> str:
    """Return top-1 accuracies as text."""
    rows = [
        (f"{kind} {name}", found)
        for kind, probes in record["probes"].items()
        for name, found in probes.items()
    ]
    return "\n".join(
        f"{name}: {percent(found['metrics']['top1'])}"
        for name, found in [*rows, *record["trained"].items()]
    )


if __name__ == "__main__":
    main()
