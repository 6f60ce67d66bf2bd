import csv
from pathlib import Path

import pytest

from har.errors import HarError
from har.training.metrics_log import MetricsCsv


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def log_epoch(log: MetricsCsv, epoch: int, loss: float) -> None:
    log.log_metrics({"epoch": epoch, "val/top1": loss / 2}, step=epoch * 10)
    log.log_metrics({"epoch": epoch, "train/loss": loss}, step=epoch * 10)


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "run" / "metrics.csv"


def test_all_metrics_of_an_epoch_are_one_row(path):
    log = MetricsCsv(path)
    for epoch in range(3):
        log_epoch(log, epoch, 1 / (epoch + 1))
    assert list(rows(path)[0]) == ["epoch", "step", "train/loss", "val/top1"]
    assert [row["epoch"] for row in rows(path)] == ["0", "1", "2"]
    assert [row["step"] for row in rows(path)] == ["0", "10", "20"]
    assert float(rows(path)[2]["train/loss"]) == 1 / 3


def test_a_metric_that_comes_later_leaves_earlier_cells_empty(path):
    log = MetricsCsv(path)
    log.log_metrics({"epoch": 0, "train/loss": 1.0}, step=1)
    log.log_metrics({"epoch": 1, "train/loss": 0.5, "val/top1": 0.2}, step=2)
    assert [row["val/top1"] for row in rows(path)] == ["", "0.2"]


def test_metrics_without_an_epoch_are_not_of_this_file(path):
    MetricsCsv(path).log_metrics({"speed": 3.0}, step=0)
    assert not path.exists()


def test_a_resumed_run_keeps_its_rows_and_repeats_none(path):
    log = MetricsCsv(path)
    for epoch in range(3):
        log_epoch(log, epoch, epoch + 0.1)
    before = path.read_text().splitlines()
    resumed = MetricsCsv(path)
    log_epoch(resumed, 2, 9.0)  # epoch 2 was not yet in the checkpoint
    log_epoch(resumed, 3, 8.0)
    assert path.read_text().splitlines()[:3] == before[:3]
    assert [row["epoch"] for row in rows(path)] == ["0", "1", "2", "3"]
    assert float(rows(path)[2]["train/loss"]) == 9.0


def test_a_run_that_goes_back_further_drops_what_it_will_repeat(path):
    log = MetricsCsv(path)
    for epoch in range(4):
        log_epoch(log, epoch, 1.0)
    log_epoch(MetricsCsv(path), 1, 2.0)
    assert [row["epoch"] for row in rows(path)] == ["0", "1"]


def test_a_full_disk_keeps_the_file_and_is_told(path, monkeypatch):
    log = MetricsCsv(path)
    log_epoch(log, 0, 1.0)
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("har.record.os.fsync", full)
    with pytest.raises(HarError, match=r"disk of .* is full: metrics\.csv was not written"):
        log_epoch(log, 1, 1.0)
    assert path.read_bytes() == before
