"""metrics.csv: one row an epoch, kept over a resume."""

import csv
import io
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers.logger import Logger
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from har.record import write_bytes_atomic


class MetricsCsv(Logger):
    """Writes all logged metrics of an epoch as one row.

    A resumed run keeps the rows of the epochs before the one it starts from.

    Args:
        path: the file.
    """

    def __init__(self, path: Path):
        super().__init__()
        self.path = path
        self._rows = _read_rows(path)

    @property
    def name(self) -> str:
        """Return the name of the logger."""
        return "csv"

    @property
    def version(self) -> str:
        """Return an empty version: a run folder has one file."""
        return ""

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Do nothing: the run folder holds the configuration."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Add metrics to the row of their epoch and rewrite the file."""
        epoch = int(metrics.get("epoch", -1))
        if epoch < 0:
            return
        self._rows = {e: row for e, row in self._rows.items() if e <= epoch}
        row = self._rows.setdefault(epoch, {"epoch": epoch})
        row.update({key: value for key, value in metrics.items() if key != "epoch"})
        row["step"] = step if step is not None else row.get("step", "")
        self._write()

    def total(self, column: str) -> float:
        """Return the sum of a column over all epochs, those before a resume included."""
        return sum(float(row.get(column, 0)) for row in self._rows.values())

    def _write(self) -> None:
        columns = ["epoch", "step"]
        columns += sorted({key for row in self._rows.values() for key in row} - set(columns))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self._rows[epoch] for epoch in sorted(self._rows))
        write_bytes_atomic(self.path, text.getvalue().encode())


def _read_rows(path: Path) -> dict[int, dict[str, Any]]:
    rows = read_metrics(path) if path.exists() else []
    return {int(row["epoch"]): row | {"epoch": int(row["epoch"])} for row in rows}


def read_metrics(path: Path) -> list[dict[str, str]]:
    """Return the rows of a ``metrics.csv``, each with the columns that it has a value for."""
    with path.open(newline="") as file:
        return [{k: v for k, v in row.items() if v != ""} for row in csv.DictReader(file)]
