"""MediaPipe skeletons of the falls of UP-Fall: a CSV table a clip, in an archive a subject.

The number in an archive's name is not that of its subject (``SUBJECT2.zip`` has subject 10), so
everything is taken from the names of the tables.
"""

import zipfile
from pathlib import Path, PurePosixPath

from har.data.adapters.base import check_clip
from har.data.cards import Card
from har.data.formats.confidence import seen_joints
from har.data.formats.mediapipe33 import fall_segments, parse_mediapipe33, parse_upfall_name
from har.data.formats.raw_files import list_files
from har.errors import BadSampleError, HarError
from har.samples import Clip, ClipRecord, Segment

MEMBER = "::"


class Adapter:
    """Reads the tables of a folder, and of the archives in it."""

    VERSION = 1

    def __init__(self, card: Card, raw: Path | None):
        self.card = card
        self.raw = raw

    def items(self) -> list[str]:
        """Return the tables: their paths, in an archive as ``<archive>::<table>``."""
        found: list[str] = []
        for item in list_files(self.card, self.raw, "*"):
            if item.lower().endswith(".zip"):
                found += [f"{item}{MEMBER}{name}" for name in self._tables_in(item)]
            elif item.lower().endswith(".csv"):
                found.append(item)
        if not found:
            raise HarError(f"{self.card.name}: no CSV table in {self.raw}. {self.card.obtain}")
        return sorted(found)

    def read(self, item: str) -> list[Clip]:
        """Return the one clip of a table."""
        joints, _ = parse_mediapipe33(self._text(item), item)
        record = self._record(item, len(joints))
        clip = Clip(record, joints[None], seen_joints(joints)[None])
        check_clip(clip, self.card)
        return [clip]

    def segments(self, item: str) -> list[Segment]:
        """Return the stretch of a table's clip from the onset of the fall."""
        joints, labels = parse_mediapipe33(self._text(item), item)
        return fall_segments(labels, self._record(item, len(joints)))

    def _record(self, item: str, frame_count: int) -> ClipRecord:
        stem = PurePosixPath(item.rpartition(MEMBER)[2]).stem
        name = parse_upfall_name(stem, item)
        activity = int(name["activity"])
        if not 1 <= activity <= len(self.card.labels):
            raise BadSampleError(
                item, f"activity A{activity} is not one of A1 to A{len(self.card.labels)}"
            )
        return ClipRecord(
            clip_id=stem,
            dataset=self.card.name,
            label=activity - 1,
            frame_count=frame_count,
            person_count=1,
            fps=self.card.fps,
            layout=self.card.layout,
            subject=name["subject"],
            camera=name["camera"],
            replication=name["trial"],
            source=item,
        )

    def _tables_in(self, archive: str) -> list[str]:
        try:
            with zipfile.ZipFile(Path(self.raw or "", archive)) as file:
                return [name for name in file.namelist() if name.lower().endswith(".csv")]
        except (zipfile.BadZipFile, OSError) as error:
            raise HarError(f"{self.card.name}: {archive} cannot be opened: {error}") from error

    def _text(self, item: str) -> str:
        archive, member, table = item.rpartition(MEMBER)
        try:
            if not member:
                return Path(self.raw or "", item).read_text(encoding="utf-8")
            with zipfile.ZipFile(Path(self.raw or "", archive)) as file:
                return file.read(table).decode("utf-8")
        except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
            raise BadSampleError(item, f"cannot be read: {error}") from error
