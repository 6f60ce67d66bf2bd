"""What a finished run gives to Weights & Biases besides metrics: tables, pictures, artifacts."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import WandbLogger
from pytorch_lightning.loggers.logger import Logger

from har.run.folder import RESULTS

TABLES = ("per_class", "per_subject", "per_camera")


def log_outputs(
    loggers: Sequence[Logger], folder: Path, results: Mapping[str, Any], checkpoint: Path
) -> None:
    """Log the outputs of a run folder to those of the loggers that are W&B's.

    Offline they are kept in the run's ``wandb/`` folder until ``wandb sync``.

    Args:
        loggers: of the trainer.
        folder: of the run, with its outputs written.
        results: content of ``results.json``.
        checkpoint: that was tested.
    """
    for logger in loggers:
        if isinstance(logger, WandbLogger):
            _log(logger, folder, results, checkpoint)


def _log(logger: WandbLogger, folder: Path, results: Mapping[str, Any], checkpoint: Path) -> None:
    run: Any = logger.experiment
    metrics = results.get("metrics") or {}
    run.summary.update({f"test/{name}": value for name, value in metrics.items()})
    for name in TABLES:
        rows = _rows(results.get(name))
        if rows:
            columns = list(rows[0])
            data = [[row.get(column) for column in columns] for row in rows]
            logger.log_table(f"test/{name}", columns=columns, data=data)
    for picture in sorted(folder.glob("*.png")):
        logger.log_image(f"test/{picture.stem}", images=[str(picture)])
    for path, kind in ((checkpoint, "model"), (folder / RESULTS, "results")):
        run.log_artifact(str(path), name=f"{run.id}-{kind}", type=kind)


def _rows(table: Any) -> list[dict[str, Any]]:
    """Return a table of ``results.json`` as rows: a list of them, or a mapping by name."""
    if isinstance(table, Mapping):
        return [{"name": name, **row} for name, row in table.items()]
    return [dict(row) for row in table or ()]
