"""The timed segments of a clip store: their Parquet table, and the index that has a row for each.

A segment has no arrays of its own: its row points into those of its recording.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from har.data.segments import segment_clip_ids
from har.data.store_index import EVERYBODY, StoreIndex, numpy_columns, read_columns
from har.errors import StoreError
from har.samples import Segment

_TYPES = {
    "recording": pa.string(),
    "label": pa.int64(),
    "start_sec": pa.float64(),
    "end_sec": pa.float64(),
    "person": pa.int64(),
    "subject": pa.string(),
    "camera": pa.string(),
}


class SegmentTableBuilder:
    """Collects the segments of a store in order and writes their table."""

    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []
        self._digest = hashlib.sha256()

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, segments: Iterable[Segment]) -> None:
        """Add segments of the clips that are in the index already, in the order of the clips."""
        for segment in segments:
            row = segment_to_dict(segment)
            self._digest.update(json.dumps(row, sort_keys=True).encode())
            self._rows.append(row)

    def digest(self) -> str:
        """Return a hash of all segments, however Parquet encodes them."""
        return self._digest.hexdigest()

    def write(self, path: Path) -> None:
        """Write the table, one row a segment; person is -1 where it is of everybody."""
        columns: dict[str, pa.Array] = {}
        for name, of_type in _TYPES.items():
            values = pa.array([row[name] for row in self._rows], of_type)
            text = pa.types.is_string(of_type)
            columns[name] = values.dictionary_encode() if text else values.fill_null(EVERYBODY)
        pq.write_table(pa.table(columns), path, compression="zstd")


@dataclass(frozen=True, slots=True, eq=False)
class SegmentTable:
    """All segments of a store, S of them, in the order of their recordings.

    Attributes:
        clip_row: (S,) int64, row of the recording in the index of clips.
        label, person: (S,) int64; person is ``EVERYBODY`` (-1) for a segment of no one person.
        start_sec, end_sec: (S,) float64, from the start of the recording.
        subject, camera: (S,) strings, "" where they are those of the recording.
    """

    clip_row: np.ndarray
    label: np.ndarray
    person: np.ndarray
    start_sec: np.ndarray
    end_sec: np.ndarray
    subject: np.ndarray
    camera: np.ndarray

    def of_clip(self, row: int, recording: str, dataset: str) -> tuple[Segment, ...]:
        """Return the segments of the clip in a row of the index of clips."""
        first, last = np.searchsorted(self.clip_row, (row, row + 1))
        return tuple(
            Segment(
                recording=recording,
                dataset=dataset,
                label=int(self.label[i]),
                start_sec=float(self.start_sec[i]),
                end_sec=float(self.end_sec[i]),
                person=None if self.person[i] == EVERYBODY else int(self.person[i]),
                subject=str(self.subject[i]),
                camera=str(self.camera[i]),
            )
            for i in range(first, last)
        )


def segment_to_dict(segment: Segment) -> dict[str, Any]:
    """Return what is stored of a segment as plain JSON values."""
    return {
        "recording": str(segment.recording),
        "dataset": str(segment.dataset),
        "label": int(segment.label),
        "start_sec": float(segment.start_sec),
        "end_sec": float(segment.end_sec),
        "person": None if segment.person is None else int(segment.person),
        "subject": str(segment.subject),
        "camera": str(segment.camera),
    }


def read_segments(path: Path, clips: StoreIndex) -> SegmentTable:
    """Read a table written by :class:`SegmentTableBuilder`.

    Raises:
        StoreError: a segment is of a recording that is not in the index of clips.
    """
    table = read_columns(path, list(_TYPES))
    columns = numpy_columns(table, _TYPES)
    row_of = {clip_id: row for row, clip_id in enumerate(clips.clip_id.tolist())}
    recordings = columns.pop("recording").tolist()
    if unknown := set(recordings) - set(row_of):
        raise StoreError(f"{path} has segments of '{min(unknown)}', which is not in the store")
    clip_row = np.array([row_of[recording] for recording in recordings], dtype=np.int64)
    return SegmentTable(clip_row=clip_row, **columns)


def segment_index(clips: StoreIndex, table: SegmentTable) -> StoreIndex:
    """Return an index with a row for each segment, that points into the rows of its recording."""
    rows = table.clip_row
    fps = clips.fps[rows]
    start, stop = (np.rint(t * fps).astype(np.int64) for t in (table.start_sec, table.end_sec))
    of_all = table.person == EVERYBODY
    first_person = np.where(of_all, 0, table.person)
    people = [None if person == EVERYBODY else person for person in table.person.tolist()]
    frames = list(zip(start.tolist(), stop.tolist(), strict=True))
    taken = {name: getattr(clips, name)[rows] for name in ("setup", "replication")}
    recording, stride = clips.clip_id[rows], clips.frame_count[rows]
    return StoreIndex(
        clip_id=np.array(segment_clip_ids(recording.tolist(), frames, people), dtype=np.str_),
        label=table.label,
        frame_count=stop - start,
        person_count=np.where(of_all, clips.person_count[rows], 1),
        row_offset=clips.row_offset[rows] + first_person * stride + start,
        person_stride=stride,
        fps=fps,
        recording=recording,
        start_sec=table.start_sec,
        end_sec=table.end_sec,
        person=table.person,
        subject=np.where(table.subject == "", clips.subject[rows], table.subject),
        camera=np.where(table.camera == "", clips.camera[rows], table.camera),
        **taken,
        conditions={name: values[rows] for name, values in clips.conditions.items()},
    )
