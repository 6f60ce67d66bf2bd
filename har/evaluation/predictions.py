"""Predictions of one model on one test set, and their Parquet file."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from har.errors import HarError

SUM_TOLERANCE = 1e-3
_METADATA_KEY = b"har.predictions"
_FORMAT_VERSION = 1
_COLUMNS = ("clip_id", "label", "subject", "camera", "probabilities")
_NAMED_ROWS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """Class probabilities of N clips over K classes, with what is known about each clip.

    Attributes:
        probabilities: (N, K) float32 or float64 in [0, 1]; each row sums to 1.
        labels: (N,) int64, the true class of each clip, in [0, K).
        clip_ids: (N,) str, unique.
        subjects, cameras: (N,) str; "" where unknown.
        class_names: K names; the index is the class.

    Raises:
        HarError: no clips, shapes that differ, NaN, rows that are no probabilities, labels
            outside the classes, or a clip that appears twice.
    """

    probabilities: np.ndarray
    labels: np.ndarray
    clip_ids: np.ndarray
    subjects: np.ndarray
    cameras: np.ndarray
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        probabilities = np.asarray(self.probabilities)
        if probabilities.dtype not in (np.float32, np.float64):
            probabilities = probabilities.astype(np.float64)
        object.__setattr__(self, "probabilities", probabilities)
        object.__setattr__(self, "labels", _as_integers(self.labels))
        for name in ("clip_ids", "subjects", "cameras"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=np.str_))
        object.__setattr__(self, "class_names", tuple(self.class_names))
        _check_shapes(self)
        _check_probabilities(self)
        _check_labels(self)
        _check_clip_ids(self)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def predicted(self) -> np.ndarray:
        """(N,) int64: the most probable class; the lower index where two are equal."""
        return self.probabilities.argmax(axis=1)

    @property
    def confidence(self) -> np.ndarray:
        """(N,) float64: the probability of the most probable class."""
        return self.probabilities.max(axis=1).astype(np.float64)

    def top_k(self, k: int) -> np.ndarray:
        """Return the ``min(k, K)`` most probable classes of each clip, (N, k), best first."""
        if k < 1:
            raise HarError(f"top_k needs k of at least 1, got {k}.")
        return np.argsort(-self.probabilities, axis=1, kind="stable")[:, :k]

    def subset(self, selected: np.ndarray) -> Self:
        """Return the predictions of some clips, chosen by a mask (N,) or by rows."""
        return type(self)(
            self.probabilities[selected],
            self.labels[selected],
            self.clip_ids[selected],
            self.subjects[selected],
            self.cameras[selected],
            self.class_names,
        )

    def write(self, path: Path) -> None:
        """Write a Parquet file, one row a clip, the class names in its metadata.

        The file appears under its name only when it is complete.

        Raises:
            HarError: the file cannot be written, for example because the disk is full.
        """
        partial = path.with_name(path.name + ".partial")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(_to_table(self), partial)
            partial.replace(path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise HarError(f"Cannot write predictions to {path}: {error}") from error

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file written by ``write``.

        Raises:
            HarError: the file is missing, not Parquet, or not a predictions file of this version.
        """
        table = _read_table(path)
        class_names = _class_names(table, path)
        missing = [name for name in _COLUMNS if name not in table.column_names]
        if missing:
            raise HarError(f"{path} lacks the columns {missing}; write it with Predictions.write.")
        lists = table.column("probabilities").combine_chunks()
        return cls(
            probabilities=lists.flatten().to_numpy().reshape(table.num_rows, -1),
            labels=table.column("label").to_numpy(),
            clip_ids=_strings(table, "clip_id"),
            subjects=_strings(table, "subject"),
            cameras=_strings(table, "camera"),
            class_names=class_names,
        )


def _as_integers(labels: Any) -> np.ndarray:
    array = np.asarray(labels)
    if array.size and array.dtype.kind not in "iu":
        raise HarError(f"Labels must be integers, got {array.dtype}.")
    return array.astype(np.int64)


def _check_shapes(predictions: Predictions) -> None:
    shape = predictions.probabilities.shape
    if len(shape) != 2:
        raise HarError(f"Probabilities must have shape (clips, classes), got {shape}.")
    if shape[0] == 0:
        raise HarError("There are no predictions to evaluate: the test part holds 0 clips.")
    for name in ("labels", "clip_ids", "subjects", "cameras"):
        other = getattr(predictions, name).shape
        if other != shape[:1]:
            raise HarError(
                f"Predictions disagree: {shape[0]} rows of probabilities, {name} of shape {other}."
            )
    names = predictions.class_names
    if len(names) != shape[1]:
        raise HarError(f"{shape[1]} columns of probabilities but {len(names)} class names.")
    if len(set(names)) != len(names):
        repeated = sorted({name for name in names if names.count(name) > 1})
        raise HarError(f"Class names must be unique; repeated: {repeated}.")


def _check_probabilities(predictions: Predictions) -> None:
    values = predictions.probabilities
    not_finite = ~np.isfinite(values).all(axis=1)
    if not_finite.any():
        raise HarError(
            f"Probabilities are NaN or infinite in {_rows(predictions, not_finite)}. "
            "The model diverged or its input was broken."
        )
    outside = (values < -SUM_TOLERANCE).any(axis=1) | (values > 1 + SUM_TOLERANCE).any(axis=1)
    sums = values.sum(axis=1, dtype=np.float64)
    wrong = outside | (np.abs(sums - 1) > SUM_TOLERANCE)
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise HarError(
            f"Probabilities must lie in [0, 1] and sum to 1 within {SUM_TOLERANCE}, but do not in "
            f"{_rows(predictions, wrong)}; row {first} sums to {sums[first]:.4g}. "
            "Were logits passed? Apply softmax in float32 first."
        )


def _check_labels(predictions: Predictions) -> None:
    classes = len(predictions.class_names)
    wrong = (predictions.labels < 0) | (predictions.labels >= classes)
    if wrong.any():
        values = sorted({int(label) for label in predictions.labels[wrong]})
        raise HarError(
            f"Labels must lie in 0..{classes - 1}, got {values[:_NAMED_ROWS]} in "
            f"{_rows(predictions, wrong)}. Leave clips without a label out of the evaluation."
        )


def _check_clip_ids(predictions: Predictions) -> None:
    _, first = np.unique(predictions.clip_ids, return_index=True)
    repeated = np.ones(len(predictions), dtype=bool)
    repeated[first] = False
    if repeated.any():
        raise HarError(
            f"Each clip must be predicted once; seen again in {_rows(predictions, repeated)}. "
            "Merge the views of a clip, and drop the padding of a distributed sampler."
        )


def _rows(predictions: Predictions, selected: np.ndarray) -> str:
    """Name the first selected rows: ``2 of 9 rows: 3 (clip 'a'), 7 (clip 'b')``."""
    rows = np.flatnonzero(selected)
    named = ", ".join(f"{row} (clip '{predictions.clip_ids[row]}')" for row in rows[:_NAMED_ROWS])
    more = ", ..." if len(rows) > _NAMED_ROWS else ""
    return f"{len(rows)} of {len(selected)} rows: {named}{more}"


def _to_table(predictions: Predictions) -> pa.Table:
    flat = pa.array(np.ascontiguousarray(predictions.probabilities).reshape(-1))
    classes = len(predictions.class_names)
    columns: Sequence[pa.Array] = (
        pa.array(predictions.clip_ids),
        pa.array(predictions.labels),
        pa.array(predictions.subjects),
        pa.array(predictions.cameras),
        pa.FixedSizeListArray.from_arrays(flat, classes),
    )
    header = {"version": _FORMAT_VERSION, "class_names": list(predictions.class_names)}
    table = pa.Table.from_arrays(list(columns), names=list(_COLUMNS))
    return table.replace_schema_metadata({_METADATA_KEY: json.dumps(header).encode()})


def _read_table(path: Path) -> pa.Table:
    if not path.is_file():
        raise HarError(f"There is no predictions file {path}; run the evaluation first.")
    try:
        return pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise HarError(f"{path} is not a readable Parquet file: {error}") from error


def _class_names(table: pa.Table, path: Path) -> tuple[str, ...]:
    metadata = table.schema.metadata or {}
    if _METADATA_KEY not in metadata:
        raise HarError(f"{path} is Parquet but holds no predictions: its class names are missing.")
    header = json.loads(metadata[_METADATA_KEY])
    if header.get("version") != _FORMAT_VERSION:
        raise HarError(
            f"{path} has predictions format {header.get('version')}, this version reads "
            f"{_FORMAT_VERSION}; run the evaluation again."
        )
    return tuple(header["class_names"])


def _strings(table: pa.Table, column: str) -> np.ndarray:
    return np.array(table.column(column).to_pylist(), dtype=np.str_)
