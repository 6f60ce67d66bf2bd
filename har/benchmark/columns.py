"""The columns of the leaderboard: what each holds, and how it is written."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Column:
    """A column of the tables.

    Attributes:
        better: "high" or "low"; "" where neither is.
        show: how a value is written for a person.
    """

    key: str
    title: str
    about: str
    better: str
    show: Callable[[Any], str]


def _percent(value: Any) -> str:
    return f"{100 * value:.1f}"


def _short(value: Any) -> str:
    return f"{value:.3g}" if abs(value) < 999.5 else f"{value:.0f}"


def _millions(value: Any) -> str:
    return f"{value / 1e6:.2f}"


def _billions(value: Any) -> str:
    return f"{value / 1e9:.3f}"


COLUMNS = (
    Column("top1", "top-1 %", "accuracy on the test part, mean over seeds", "high", _percent),
    Column("std", "±", "standard deviation over seeds, points", "low", _percent),
    Column("mean_class_accuracy", "class acc. %", "mean over the classes", "high", _percent),
    Column("macro_f1", "macro F1 %", "mean F1 over the classes", "high", _percent),
    Column("kind_accuracy", "kind %", "accuracy by kind of activity", "high", _percent),
    Column("risk_cost", "risk cost", "mean cost of mistakes by risk level", "low", _short),
    Column("ece", "ECE %", "expected calibration error", "low", _percent),
    Column("worst_subject", "worst subject %", "top-1 of the worst test subject", "high", _percent),
    Column("worst_camera", "worst camera %", "top-1 of the worst test camera", "high", _percent),
    Column("parameters", "params M", "trainable parameters, millions", "low", _millions),
    Column("macs", "GMACs", "billions of multiply-accumulates a view", "low", _billions),
    Column("training_seconds", "training s", "seconds of training steps", "low", _short),
    Column("training_rate", "train clips/s", "training clips a second", "high", _short),
    Column("data_wait", "data wait %", "share of training spent waiting for data", "low", _percent),
    Column("peak_memory_mib", "peak MiB", "most memory in training, GPU if any", "low", _short),
    Column("latency_ms", "p50 ms", "median latency of one clip", "low", _short),
    Column("latency_p99_ms", "p99 ms", "99th percentile of the latency of one clip", "low", _short),
    Column("throughput", "clips/s", "clips a second at the best batch size", "high", _short),
    Column("onnx_ms", "ONNX p50 ms", "median latency of one clip, float32 graph", "low", _short),
    Column("onnx_p90_ms", "ONNX p90 ms", "its 90th percentile", "low", _short),
    Column("onnx_p99_ms", "ONNX p99 ms", "its 99th percentile", "low", _short),
    Column("int8_ms", "int8 p50 ms", "median latency of one clip, int8 graph", "low", _short),
    Column("int8_lost", "int8 loss, points", "top-1 that int8 loses", "low", _percent),
    Column("joules_a_clip", "J/clip", "energy of one clip at the best batch size", "low", _short),
    Column("target_seconds", "s to target", "training until the target accuracy", "low", _short),
    Column("target_joules", "J to target", "energy of training until then", "low", _short),
    Column("corrupted", "corrupted %", "top-1, mean over corruptions", "high", _percent),
    Column("mce", "mCE", "error under corruption over the baseline's", "low", _short),
    Column("p_value", "p", "against the best of the task, Holm-corrected", "", _short),
)  # fmt: skip


def filled(rows: Sequence[Mapping[str, Any]]) -> list[Column]:
    """Return the columns that at least one row has a value for."""
    return [column for column in COLUMNS if any(row[column.key] is not None for row in rows)]


def shown(row: Mapping[str, Any], column: Column) -> str:
    """Return a cell as text; empty where nothing was measured."""
    value = row[column.key]
    return "" if value is None else column.show(value)
