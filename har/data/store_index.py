"""The index of a clip store: its Parquet rows as NumPy arrays in memory, column by column."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from itertools import accumulate, chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from har.errors import StoreError, did_you_mean
from har.samples import ClipRecord

CONDITION_PREFIX = "condition."
EVERYBODY = -1
_FEW_VALUES = ("dataset", "layout", "subject", "camera", "setup", "replication")
_INTEGERS = ("label", "frame_count", "person_count", "row_offset")
_TEXTS = (*_FEW_VALUES, "clip_id", "source")
_STORED = (*_INTEGERS, "fps", "clip_id", "subject", "camera", "setup", "replication")


@dataclass(frozen=True, slots=True, eq=False)
class StoreIndex:
    """What is known about every clip of a store, column by column; N clips.

    A clip is a recording, or a labelled segment of one; the last four columns tell which.

    Attributes:
        clip_id, subject, camera, setup, replication: (N,) strings; "" where unknown.
        label: (N,) int64, ``UNLABELLED`` (-1) where unknown.
        frame_count, person_count: (N,) int64, T and M of each clip.
        row_offset: (N,) int64, first row of each clip in the arrays.
        person_stride: (N,) int64, rows from one person to the next. Person m at frame t is row
            ``row_offset + m * person_stride + t``.
        fps: (N,) float64, frames a second.
        recording: (N,) strings, the recording that each clip is, or is a part of.
        start_sec, end_sec: (N,) float64, time of the clip within its recording.
        person: (N,) int64, the one person of the recording whom the clip shows, or
            ``EVERYBODY`` (-1).
        conditions: camera conditions by name, each (N,) float64; NaN where unknown.
    """

    clip_id: np.ndarray
    label: np.ndarray
    frame_count: np.ndarray
    person_count: np.ndarray
    row_offset: np.ndarray
    person_stride: np.ndarray
    fps: np.ndarray
    recording: np.ndarray
    start_sec: np.ndarray
    end_sec: np.ndarray
    person: np.ndarray
    subject: np.ndarray
    camera: np.ndarray
    setup: np.ndarray
    replication: np.ndarray
    conditions: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.label)

    def column(self, name: str) -> np.ndarray:
        """Return a column by name; a condition may be named with or without its prefix.

        Raises:
            StoreError: there is no such column; the message lists those there are.
        """
        condition = name.removeprefix(CONDITION_PREFIX)
        if condition in self.conditions:
            return self.conditions[condition]
        columns = [f.name for f in fields(self) if f.name != "conditions"]
        if name not in columns:
            allowed = [*columns, *(CONDITION_PREFIX + key for key in self.conditions)]
            raise StoreError(
                f"The store index has no column '{name}'; there are: {', '.join(allowed)}."
                f"{did_you_mean(name, allowed)}"
            )
        return np.asarray(getattr(self, name))

    @classmethod
    def from_records(cls, records: Iterable[ClipRecord]) -> Self:
        """Build the index that a store of these clips, in this order, would have."""
        builder = IndexBuilder()
        for record in records:
            builder.add(record)
        table = builder.table()
        columns: dict[str, Any] = {"conditions": _conditions(table)}
        columns |= numpy_columns(table, _STORED)
        known = SimpleNamespace(**columns)
        columns |= {name: derive(known) for name, derive in _DERIVED.items()}
        return cls(**columns)


_DERIVED: dict[str, Callable[[Any], np.ndarray]] = {
    "recording": lambda index: index.clip_id,
    "person_stride": lambda index: index.frame_count,
    "start_sec": lambda index: np.zeros_like(index.fps),
    "end_sec": lambda index: index.frame_count / index.fps,
    "person": lambda index: np.full_like(index.frame_count, EVERYBODY),
}
"""Columns of an index of whole recordings that its file does not hold."""


class IndexBuilder:
    """Collects the records of a store in order and writes its index."""

    def __init__(self) -> None:
        self.row_count = 0
        self._rows: list[dict[str, Any]] = []
        self._sources: dict[str, str] = {}
        self._digest = hashlib.sha256()

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, record: ClipRecord) -> None:
        """Add the next clip.

        Raises:
            StoreError: another clip has the same ``clip_id``.
        """
        row = record_to_dict(record)
        clip_id, source = row["clip_id"], row["source"]
        if clip_id in self._sources:
            raise StoreError(
                f"Two clips have the clip_id '{clip_id}': one from {self._sources[clip_id]}, one "
                f"from {source}. Each clip needs its own: remove one of the two from the raw data, "
                f"or mend the adapter that names them."
            )
        self._sources[clip_id] = source
        seen = {name: value for name, value in row.items() if name != "source"}
        self._digest.update(json.dumps(seen, sort_keys=True).encode())
        self._rows.append(row)
        self.row_count += row["frame_count"] * row["person_count"]

    def digest(self) -> str:
        """Return a hash of all records, but for the paths of their raw files.

        It does not depend on how Parquet encodes the records.
        """
        return self._digest.hexdigest()

    def table(self) -> pa.Table:
        """Return the index as a table, one row a clip."""
        columns = {name: self._column(name) for name in _TEXTS}
        sizes = (row["frame_count"] * row["person_count"] for row in self._rows)
        offsets = list(accumulate(sizes, initial=0))[:-1]
        for name in _INTEGERS[:-1]:
            columns[name] = pa.array([row[name] for row in self._rows], pa.int64())
        columns["row_offset"] = pa.array(offsets, pa.int64())
        columns["fps"] = pa.array([row["fps"] for row in self._rows], pa.float64())
        names = sorted(set(chain.from_iterable(row["conditions"] for row in self._rows)))
        for name in names:
            values = [row["conditions"].get(name, np.nan) for row in self._rows]
            columns[CONDITION_PREFIX + name] = pa.array(values, pa.float64())
        return pa.table(columns)

    def write(self, path: Path) -> None:
        """Write the index as a Parquet file.

        Columns in which every clip differs are slow to read through a dictionary of their values;
        the bytes of numbers apart compress better.
        """
        table = self.table()
        numbers = [f.name for f in table.schema if f.type in (pa.int64(), pa.float64())]
        pq.write_table(
            table,
            path,
            compression="zstd",
            use_dictionary=list(_FEW_VALUES),
            column_encoding=dict.fromkeys(numbers, "BYTE_STREAM_SPLIT"),
        )

    def _column(self, name: str) -> pa.Array:
        values = pa.array([row[name] for row in self._rows], pa.string())
        return values.dictionary_encode() if name in _FEW_VALUES else values


class FileIndex(StoreIndex):
    """An index whose columns are read from its file when they are first asked for."""

    path: Path

    @classmethod
    def of(cls, path: Path) -> Self:
        """Return the index in a file, of which nothing is read yet."""
        index = cls.__new__(cls)
        index._fill({"path": path})
        return index

    def __getattr__(self, name: str) -> Any:
        """Read a column; only what was not read yet comes here.

        The integers come together: whoever reads clips needs them all.
        """
        if name in _DERIVED:
            self._fill({name: _DERIVED[name](self)})
        elif name == "conditions":
            stored = pq.read_schema(self.path).names
            names = [column for column in stored if column.startswith(CONDITION_PREFIX)]
            self._fill({name: _conditions(read_columns(self.path, names))})
        elif name in _STORED:
            names = list(_INTEGERS) if name in _INTEGERS else [name]
            self._fill(numpy_columns(read_columns(self.path, names), names))
        else:
            raise AttributeError(f"'{type(self).__name__}' has no attribute '{name}'")
        return getattr(self, name)

    def _fill(self, columns: Mapping[str, Any]) -> None:
        for name, values in columns.items():
            object.__setattr__(self, name, values)


def read_index(path: Path) -> StoreIndex:
    """Return an index written by :class:`IndexBuilder`, which reads its columns when asked."""
    return FileIndex.of(path)


def read_sources(path: Path) -> pa.ChunkedArray:
    """Read the raw file of every clip, kept compact: these strings are long and rarely used."""
    return read_columns(path, ["source"]).column("source")


def record_to_dict(record: ClipRecord) -> dict[str, Any]:
    """Return a record as plain JSON values; conditions that are NaN are left out."""
    row: dict[str, Any] = {name: str(getattr(record, name)) for name in _TEXTS}
    row |= {name: int(getattr(record, name)) for name in _INTEGERS[:-1]}
    row["fps"] = float(record.fps)
    known = {str(name): float(value) for name, value in record.conditions.items()}
    row["conditions"] = {name: value for name, value in known.items() if not np.isnan(value)}
    return row


def read_columns(path: Path, names: list[str]) -> pa.Table:
    """Read columns of a Parquet file of a store.

    A few megabytes come faster from the memory of the system than from Arrow's own, which takes
    it in huge pages that have to be cleared first.
    """
    usual = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        with pq.ParquetFile(path, memory_map=True) as file:
            return file.read(columns=names, use_threads=False)
    finally:
        pa.set_memory_pool(usual)


def _conditions(table: pa.Table) -> dict[str, np.ndarray]:
    """Return the columns of camera conditions by their names."""
    names = [name for name in table.column_names if name.startswith(CONDITION_PREFIX)]
    columns = numpy_columns(table, names)
    return {name.removeprefix(CONDITION_PREFIX): values for name, values in columns.items()}


def numpy_columns(table: pa.Table, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Return columns of a table by name, each as ``numpy_column`` gives it."""
    return {name: numpy_column(table.column(name)) for name in names}


def numpy_column(column: pa.ChunkedArray) -> np.ndarray:
    """Return numbers as they are, and strings as a fixed-width array, which NumPy sorts fast.

    Arrow's own ``to_numpy`` would first import pandas, wherever that is installed.
    """
    values = column.combine_chunks()
    if pa.types.is_dictionary(column.type):
        words = np.array(values.dictionary.to_pylist() or [""], dtype=np.str_)
        return words[np.from_dlpack(values.indices)]
    if pa.types.is_string(column.type):
        return np.array(values.to_pylist(), dtype=np.str_)
    return np.from_dlpack(values)
