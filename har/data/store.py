"""The clip store: all clips of a dataset in a few flat files that are mapped into memory.

Folder of a store::

    joints.bin       (R, V, C) coordinates, one row a person-frame
    confidence.bin   (R, V) float16 in [0, 1]
    index.parquet    one row a clip
    segments.parquet one row a timed label within a clip, if there are any
    store.json       contents, checksums, fingerprint, versions
    skipped.csv      raw samples that could not be read, with the reason

The rows of a clip lie together: all frames of its first person, then of its second, and so on.
A store with segments can be read clip by clip, or segment by segment out of the same rows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self, get_args

import numpy as np
import pyarrow as pa

from har.data.store_gather import gather_frames, view_people
from har.data.store_index import StoreIndex, read_index, read_sources
from har.data.store_meta import (
    CONFIDENCE_DTYPE,
    CONFIDENCE_FILE,
    INDEX_FILE,
    JOINTS_FILE,
    SEGMENTS_FILE,
    FileInfo,
    StoreDescription,
    StoreMeta,
    check_hashes,
    check_sizes,
    read_meta,
)
from har.data.store_segments import SegmentTable, read_segments, segment_index
from har.data.store_writer import StoreWriter, write_store
from har.errors import StoreError, did_you_mean
from har.samples import Clip, ClipRecord, Segment

__all__ = [
    "ClipStore",
    "FileInfo",
    "StoreDescription",
    "StoreIndex",
    "StoreMeta",
    "StoreWriter",
    "Unit",
    "write_store",
]

Unit = Literal["clip", "segment"]


@dataclass(frozen=True, eq=False)
class ClipStore:
    """A prepared dataset, opened for reading. Use :meth:`open`.

    Index and arrays are read when they are first used. A pickled store holds its path and unit
    only, so that a worker process maps the same files.

    Attributes:
        path: its folder.
        meta: what its ``store.json`` says, always of the whole clips.
        unit: what a row of the index is: a clip as it was prepared, or a segment of one. A
            segment is a clip of its own, with its own label, ``clip_id``, frames and people.
    """

    path: Path
    meta: StoreMeta
    unit: Unit = "clip"

    @classmethod
    def open(cls, path: Path | str, verify: bool = False, unit: Unit = "clip") -> Self:
        """Open the store in the folder ``path``.

        Args:
            path: folder of the store.
            verify: also read every file and compare its SHA-256 with the recorded one.
            unit: what a row of the index is: ``clip`` or ``segment``.

        Raises:
            StoreError: the store is missing, half prepared, damaged or of another schema version,
                or has no segments where they are asked for; the message says how to mend it.
        """
        path = Path(path)
        meta = read_meta(path)
        _check_unit(path, meta, unit)
        check_sizes(path, meta)
        if verify:
            check_hashes(path, meta)
        return cls(path, meta, unit)

    def __reduce__(self) -> tuple[Callable[..., Self], tuple[Any, ...]]:
        return type(self).open, (self.path, False, self.unit)

    def __len__(self) -> int:
        return self.meta.clip_count if self.unit == "clip" else len(self.index)

    @property
    def layout(self) -> str:
        """Name of the joint layout."""
        return self.meta.description.layout

    @property
    def coordinates(self) -> int:
        """C of the joints."""
        return self.meta.description.coordinate_count

    @property
    def origin(self) -> str:
        """Folder of the store."""
        return str(self.path)

    @property
    def dataset(self) -> np.ndarray:
        """(N,) zeros: all clips are of one dataset."""
        return np.zeros(len(self.index), np.int64)

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the labels."""
        return self.meta.description.labels

    @property
    def fingerprint(self) -> str:
        """Hash of the data and its meaning, for the record of an experiment."""
        return self.meta.fingerprint

    @cached_property
    def index(self) -> StoreIndex:
        """What is known about every clip, or every segment, column by column."""
        if self._segments is None or self.unit == "clip":
            return self._clips
        return segment_index(self._clips, self._segments)

    @cached_property
    def joints(self) -> np.memmap:
        """(R, V, C) coordinates of all person-frames, read-only."""
        about = self.meta.description
        shape = (self.meta.row_count, about.joint_count, about.coordinate_count)
        return self._map(JOINTS_FILE, about.joints_dtype, shape)

    @cached_property
    def confidence(self) -> np.memmap:
        """(R, V) float16 confidence of all person-frames, read-only."""
        shape = (self.meta.row_count, self.meta.description.joint_count)
        return self._map(CONFIDENCE_FILE, CONFIDENCE_DTYPE, shape)

    @cached_property
    def records(self) -> tuple[ClipRecord, ...]:
        """The records of all clips."""
        return tuple(self.record(i) for i in range(len(self)))

    def record(self, i: int) -> ClipRecord:
        """Return what is known about clip ``i``, without its joints."""
        index = self.index
        conditions = {name: float(values[i]) for name, values in index.conditions.items()}
        return ClipRecord(
            clip_id=str(index.clip_id[i]),
            dataset=self.meta.description.dataset,
            label=int(index.label[i]),
            frame_count=int(index.frame_count[i]),
            person_count=int(index.person_count[i]),
            fps=float(index.fps[i]),
            layout=self.layout,
            subject=str(index.subject[i]),
            camera=str(index.camera[i]),
            setup=str(index.setup[i]),
            replication=str(index.replication[i]),
            source=self._sources[self._clip_row(i)].as_py(),
            conditions={name: value for name, value in conditions.items() if not np.isnan(value)},
        )

    def clip(self, i: int) -> Clip:
        """Return clip ``i`` with its joints, copied out of the store, and its segments.

        A clip that is a segment itself has none.
        """
        joints, confidence = (np.array(array, dtype=np.float32) for array in self.view(i))
        segments = self.segments(i) if self.unit == "clip" else ()
        return Clip(self.record(i), joints, confidence, segments)

    def view(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        """Return joints (M, T, V, C) and confidence (M, T, V) of clip ``i`` without copying them.

        They are read-only, in the stored types.
        """
        joints, confidence = self._arrays
        return view_people(joints, self.index, i), view_people(confidence, self.index, i)

    def segments(self, i: int) -> tuple[Segment, ...]:
        """Return all segments of the recording that clip ``i`` is, or is a segment of."""
        if self._segments is None:
            return ()
        recording = str(self.index.recording[i])
        dataset = self.meta.description.dataset
        return self._segments.of_clip(self._clip_row(i), recording, dataset)

    def gather(
        self, rows: np.ndarray, positions: np.ndarray, people: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return K views of T frames of N clips as arrays.

        A whole position takes that frame. A position between two frames mixes them linearly: a
        joint seen in both has the lower of the two confidences; a joint seen in one of them has
        the coordinates and the confidence it has there.

        Args:
            rows: (N,) integers, clips of the store.
            positions: (N, K, T) float64, frames of each clip, in [0, frame_count - 1].
            people: M, how many persons to return: the first of each clip in stored order.

        Returns:
            joints (N*K, M, T, V, C) float32, confidence (N*K, M, T, V) float32, and person mask
            (N*K, M) bool, true where a joint of the person is seen in one of the frames. Persons
            that a clip does not have are zero.

        Raises:
            ValueError: a position lies outside its clip, or the shapes do not fit.
        """
        return gather_frames(self._arrays, self.index, rows, positions, people)

    @cached_property
    def _arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Joints and confidence as plain arrays, which NumPy indexes faster than a memmap."""
        return np.asarray(self.joints), np.asarray(self.confidence)

    @cached_property
    def _clips(self) -> StoreIndex:
        return read_index(self.path / INDEX_FILE)

    @cached_property
    def _segments(self) -> SegmentTable | None:
        if SEGMENTS_FILE not in self.meta.files:
            return None
        return read_segments(self.path / SEGMENTS_FILE, self._clips)

    def _clip_row(self, i: int) -> int:
        """Return the row of ``index.parquet`` that row ``i`` is, or is a segment of."""
        if self._segments is None or self.unit == "clip":
            return int(i)
        return int(self._segments.clip_row[i])

    @cached_property
    def _sources(self) -> pa.ChunkedArray:
        return read_sources(self.path / INDEX_FILE)

    def _map(self, name: str, dtype: str, shape: tuple[int, ...]) -> np.memmap:
        little_endian = np.dtype(dtype).newbyteorder("<")
        return np.memmap(self.path / name, dtype=little_endian, mode="r", shape=shape)


def _check_unit(path: Path, meta: StoreMeta, unit: str) -> None:
    if unit not in get_args(Unit):
        allowed = get_args(Unit)
        raise StoreError(
            f"{path} cannot be read by unit '{unit}'.{did_you_mean(unit, allowed)} "
            f"Allowed: {', '.join(allowed)}"
        )
    if unit == "segment" and SEGMENTS_FILE not in meta.files:
        raise StoreError(
            f"The clip store {path} has no timed segments: read it by unit=clip, or prepare it "
            f"from recordings with timed labels (skipped.csv in it tells which were refused)"
        )
