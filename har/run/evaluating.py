"""Evaluation of a checkpoint alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from har.config.compose import from_plain, to_plain
from har.errors import CheckpointError
from har.run.assemble import Experiment, assemble
from har.run.checkpoints import make_record, read_checkpoint
from har.run.folder import checkpoint_folder
from har.run.outputs import check_same_data, describe, write_outputs
from har.run.pairs import hide_modality
from har.run.trainer import make_trainer
from har.run.training import RunResult, test
from har.skeleton.layout import load_layout


def evaluate(
    ckpt: Path,
    out: Path | None = None,
    store: Path | None = None,
    any_data: bool = False,
    absent: str | None = None,
) -> RunResult:
    """Test a checkpoint on the protocol it was trained for, from what the file itself says.

    Args:
        ckpt: checkpoint of a run.
        out: folder for the outputs; default ``evaluation`` in the checkpoint's run folder, or
            beside a checkpoint that lies elsewhere.
        store: clip store, where it is not where the run found it.
        any_data: also test on data other than the run's own.
        absent: "pose" or "video": test a model of both without it.

    Raises:
        CheckpointError: the file is missing, damaged, unsafe, of another model, or of a model for
            another joint layout.
        HarError: the data are missing or others than the run's.
    """
    experiment, config = restore(ckpt, store, any_data)
    if absent is not None:
        hide_modality(experiment, absent)
    name = "evaluation" if absent is None else f"evaluation_without_{absent}"
    folder = out or run_folder(ckpt) / name
    trainer = make_trainer(on_one_device(config), folder, validates=False)
    results, tests = test(trainer, experiment, config, ckpt)
    write_outputs(folder, tests, results, config, experiment.quality)
    print(describe(results))
    print(f"evaluation: {folder}")
    return RunResult(folder, results)


def restore(
    ckpt: Path, store: Path | None = None, any_data: bool = False
) -> tuple[Experiment, dict[str, Any]]:
    """Build the experiment of a checkpoint, and return it with its configuration.

    The weights are not loaded yet. Arguments and errors are those of ``evaluate``.
    """
    record = read_checkpoint(ckpt)["har"]
    config: dict[str, Any] = to_plain(from_plain(record["config"]))
    if store is not None:
        config["data"]["store"] = str(store)
    present = make_record(config)
    experiment = assemble(config, present)
    if present["labels"] != record["labels"]:
        raise CheckpointError(f"{ckpt} knows other labels than the store {experiment.store.origin}")
    if present["outputs"] != record.get("outputs", record["labels"]):
        raise CheckpointError(
            f"{ckpt} was trained when the taxonomy and its mappings gave other outputs than they "
            "give now: evaluate it with the version of har that is in its results.json"
        )
    _check_layout(experiment, record["data_fingerprint"], ckpt)
    if not any_data:
        check_same_data(experiment.store, record["data_fingerprint"])
    return experiment, config


def _check_layout(experiment: Experiment, fingerprint: str, ckpt: Path) -> None:
    """Refuse clips in another joint layout than that of the model; the card tells the model's.

    Clips of several datasets are always brought to one layout, and the run's own clips fit.
    """
    source, data = experiment.sources[0], experiment.data
    if experiment.store is not source.store or source.store.fingerprint == fingerprint:
        return
    if not source.card.layout:  # videos
        return
    learnt = data.normalise.output_layout(load_layout(source.card.layout))
    given = data.output_layout
    if given.joints != learnt.joints:
        raise CheckpointError(
            f"{ckpt} was trained on the joint layout {learnt.name} ({learnt.num_joints} joints), "
            f"the store {source.store.path} gives {given.name} ({given.num_joints} joints): give a "
            f"store prepared in {learnt.name}, or train with transforms that convert the layout"
        )


def run_folder(ckpt: Path) -> Path:
    """Return the run folder of a checkpoint, or the folder that it lies in."""
    folder = ckpt.resolve().parent
    return folder.parent if checkpoint_folder(folder.parent) == folder else folder


def on_one_device(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration for one device of this machine, whatever the run was trained on.

    Loggers are left out: they would open a run of their own.
    """
    accelerator = "cpu" if config["trainer"]["accelerator"] == "cpu" else "auto"
    device = {"accelerator": accelerator, "devices": 1, "strategy": "auto"}
    trainer = {**config["trainer"], **device}
    return {**config, "trainer": trainer, "logger": {"extra": None}}
