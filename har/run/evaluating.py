"""Evaluation of a checkpoint alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from har.config.compose import from_plain, to_plain
from har.errors import CheckpointError
from har.evaluation.report_table import report
from har.run.assemble import assemble
from har.run.checkpoints import read_checkpoint
from har.run.folder import checkpoint_folder
from har.run.outputs import check_same_data, write_outputs
from har.run.trainer import make_trainer
from har.run.training import RunResult, test


def evaluate(
    ckpt: Path, out: Path | None = None, store: Path | None = None, any_data: bool = False
) -> RunResult:
    """Test a checkpoint on the protocol it was trained for, from what the file itself says.

    Args:
        ckpt: checkpoint of a run.
        out: folder for the outputs; default ``evaluation`` in the checkpoint's run folder, or
            beside a checkpoint that lies elsewhere.
        store: clip store, where it is not where the run found it.
        any_data: also test on data other than the run's own.

    Raises:
        CheckpointError: the file is missing, damaged, unsafe or of another model.
        HarError: the data are missing or others than the run's.
    """
    record = read_checkpoint(ckpt)["har"]
    config: dict[str, Any] = to_plain(from_plain(record["config"]))
    if store is not None:
        config["data"]["store"] = str(store)
    experiment = assemble(config, record)
    if list(experiment.store.labels) != record["labels"]:
        raise CheckpointError(f"{ckpt} knows other labels than the store {experiment.store.path}")
    if not any_data:
        check_same_data(experiment.store, record["data_fingerprint"])
    folder = out or _run_folder(ckpt) / "evaluation"
    trainer = make_trainer(_on_one_device(config), folder, validates=False)
    results, predictions = test(trainer, experiment, config, ckpt)
    write_outputs(folder, predictions, results, config, experiment.card, experiment.store)
    print(report(results))
    print(f"evaluation: {folder}")
    return RunResult(folder, results)


def _run_folder(ckpt: Path) -> Path:
    folder = ckpt.resolve().parent
    return folder.parent if checkpoint_folder(folder.parent) == folder else folder


def _on_one_device(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration for one device of this machine, whatever the run was trained on.

    Loggers are left out: they would open a run of their own.
    """
    accelerator = "cpu" if config["trainer"]["accelerator"] == "cpu" else "auto"
    device = {"accelerator": accelerator, "devices": 1, "strategy": "auto"}
    trainer = {**config["trainer"], **device}
    return {**config, "trainer": trainer, "logger": {"extra": None}}
