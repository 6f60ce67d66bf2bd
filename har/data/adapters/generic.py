"""A user's own folder: ``dataset.yaml``, a table of clips, and a CSV or NPZ pose file a clip.

The table ``clips.csv`` has the columns ``file`` and ``label`` (a class name, or empty for an
unlabelled clip), and may have ``clip_id``, ``subject``, ``camera``, ``setup``, ``replication``,
``fps`` and, for known camera conditions, columns such as ``condition.distance_m``. Long recordings
have their timed labels in a second table, see ``har.data.formats.segment_table``.
"""

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from har.data.adapters.base import check_clip
from har.data.cards import Card
from har.data.formats.pose_table import Poses, read_pose_csv, read_pose_npz
from har.data.formats.raw_files import shorten
from har.data.formats.segment_table import read_segment_table
from har.data.protocols import ATTRIBUTES
from har.errors import BadSampleError, CardError, HarError, did_you_mean
from har.samples import UNLABELLED, Clip, ClipRecord, Segment
from har.skeleton.layout import load_layout

REQUIRED = ("file", "label")
COLUMNS = (*REQUIRED, "clip_id", *ATTRIBUTES, "fps")
CONDITION = "condition."


class Adapter:
    """Reads the pose files that the table of clips names.

    Args:
        card: made from the folder's ``dataset.yaml``.
        raw: the folder; ``file`` in the table is relative to it.
        clips: name of the table.
        segments: name of the table of timed labels; None where there are none.
    """

    VERSION = 1

    def __init__(
        self, card: Card, raw: Path | None, clips: str = "clips.csv", segments: str | None = None
    ):
        self.card = card
        self.raw = raw
        self.clips = clips
        self.segments = segments
        self._records: dict[str, ClipRecord] | None = None
        self._segments: dict[str, list[Segment]] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave the tables out of what goes to a worker process, which reads them again."""
        return self.__dict__ | {"_records": None, "_segments": None}

    def items(self) -> list[str]:
        """Return the pose files that the table names; a wrong table is refused here."""
        self._timed_labels()
        return sorted(self._table())

    def read(self, item: str) -> list[Clip | BadSampleError]:
        """Return the clip of a pose file, and an error for each label of nobody in it."""
        record = self._table()[item]
        poses = self._poses(Path(self.raw or "", item), item)
        person_count, frame_count = poses.joints.shape[:2]
        record = replace(record, person_count=person_count, frame_count=frame_count)
        found = [
            _of_person_in_clip(segment, poses.people, item)
            for segment in self._timed_labels().get(record.clip_id, ())
        ]
        segments = tuple(segment for segment in found if isinstance(segment, Segment))
        clip = Clip(record, poses.joints, poses.confidence, segments)
        check_clip(clip, self.card)
        return [clip, *(error for error in found if isinstance(error, BadSampleError))]

    def _poses(self, path: Path, item: str) -> Poses:
        if not path.is_file():
            raise BadSampleError(item, f"named in {self.clips}, but there is no such file")
        if path.suffix == ".csv":
            return read_pose_csv(path, load_layout(self.card.layout), self.card.dims, item)
        if path.suffix == ".npz":
            return read_pose_npz(path, item)
        raise BadSampleError(item, f"ends in '{path.suffix}'; pose files end in .csv or .npz")

    def _timed_labels(self) -> dict[str, list[Segment]]:
        """Return the segments of each recording that has some."""
        if self._segments is None:
            self._segments = {}
            if self.segments is not None:
                clip_ids = {record.clip_id for record in self._table().values()}
                path = Path(self.raw or "", self.segments)
                for segment in read_segment_table(path, self.card):
                    _check_recording(segment, clip_ids, self.clips)
                    self._segments.setdefault(segment.recording, []).append(segment)
        return self._segments

    def _table(self) -> dict[str, ClipRecord]:
        if self._records is None:
            self._records = self._read_table()
        return self._records

    def _read_table(self) -> dict[str, ClipRecord]:
        if self.raw is None:
            raise HarError(f"{self.card.name}: give the folder with {self.clips} as raw data")
        path = self.raw / self.clips
        if not path.is_file():
            raise HarError(f"{path}: no such table of clips; columns: {', '.join(COLUMNS)}")
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            _check_header(path, list(rows.fieldnames or ()))
            records: dict[str, ClipRecord] = {}
            for row in rows:
                where = f"{path}, line {rows.line_num}"
                if row["file"] in records:
                    raise CardError(f"{where}: the file '{row['file']}' is named twice")
                records[row["file"]] = self._record(where, row)
        return records

    def _record(self, where: str, row: dict[str, str]) -> ClipRecord:
        if None in row or None in row.values() or not row["file"]:
            raise CardError(f"{where}: has not one value for each column")
        conditions = {
            name.removeprefix(CONDITION): _number(where, name, value)
            for name, value in row.items()
            if name.startswith(CONDITION) and value
        }
        return ClipRecord(
            clip_id=row.get("clip_id") or Path(row["file"]).with_suffix("").as_posix(),
            dataset=self.card.name,
            label=self._label(where, row["label"]),
            frame_count=0,
            person_count=0,
            fps=_number(where, "fps", row["fps"]) if row.get("fps") else self.card.fps,
            layout=self.card.layout,
            source=row["file"],
            conditions=conditions,
            **{name: row.get(name, "") for name in ATTRIBUTES},
        )

    def _label(self, where: str, name: str) -> int:
        if not name:
            return UNLABELLED
        try:
            return self.card.label_index(name)
        except CardError as error:
            raise CardError(f"{where}: {error}") from None


def _of_person_in_clip(
    segment: Segment, people: Sequence[int], item: str
) -> Segment | BadSampleError:
    """Return the segment with its person counted from 0, or why it cannot be used."""
    if segment.person is None:
        return segment
    if segment.person not in people:
        numbers = shorten(map(str, people))
        reason = f"{item} has no person {segment.person}; it has {numbers}"
        return BadSampleError(segment.source, reason)
    return replace(segment, person=people.index(segment.person))


def _check_recording(segment: Segment, clip_ids: set[str], table: str) -> None:
    if segment.recording not in clip_ids:
        raise CardError(
            f"{segment.source}: {table} has no clip_id '{segment.recording}'."
            f"{did_you_mean(segment.recording, clip_ids)} Without a column clip_id it is the file "
            f"without its ending, such as '{min(clip_ids, default='')}'"
        )


def _check_header(path: Path, header: list[str]) -> None:
    missing = [name for name in REQUIRED if name not in header]
    if missing:
        raise CardError(f"{path}: missing column {', '.join(missing)}; it has {', '.join(header)}")
    for name in header:
        if name not in COLUMNS and not name.startswith(CONDITION):
            raise CardError(
                f"{path}: unknown column '{name}'.{did_you_mean(name, COLUMNS)} "
                f"Allowed: {', '.join(COLUMNS)}, {CONDITION}<name>"
            )


def _number(where: str, name: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise CardError(f"{where}: {name} '{value}' is no number") from None
