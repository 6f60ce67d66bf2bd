"""Timed labels that lie beside videos, in the format of one of the known datasets."""

from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

from har.data.cards import Card
from har.data.formats.gmdcsa24 import parse_gmdcsa24
from har.data.formats.omnifall import parse_upfall_segments
from har.data.formats.raw_files import list_files
from har.data.formats.segment_table import read_segment_table
from har.data.formats.timed_labels import Parsed, SkippedEntry
from har.errors import CardError, HarError
from har.samples import Segment

UPFALL_FPS = 18.0


def _gmdcsa24(card: Card, raw: Path | None, table: str | None) -> Parsed:
    parsed = Parsed()
    for name in list_files(card, raw, table or "Subject */*.csv"):
        found = parse_gmdcsa24(Path(raw or "", name).read_text("utf-8"), card, name)
        parsed.segments += found.segments
        parsed.skipped += found.skipped
    return parsed


def _upfall(card: Card, raw: Path | None, table: str | None) -> Parsed:
    path = Path(raw or "", table or "segments.csv")
    if not path.is_file():
        raise HarError(f"{card.name}: there is no table of segments {path}")
    return parse_upfall_segments(path.read_text("utf-8"), card, path.name, UPFALL_FPS)


def _segments(card: Card, raw: Path | None, table: str | None) -> Parsed:
    return Parsed(read_segment_table(Path(raw or "", table or "segments.csv"), card))


LABEL_SOURCES: Mapping[str, Callable[[Card, Path | None, str | None], Parsed]] = {
    "gmdcsa24": _gmdcsa24,
    "upfall": _upfall,
    "segments": _segments,
}
"""By name: what reads all labels of a folder.

``gmdcsa24``: the tables of that set. ``upfall``: UP-Fall videos that were stored anew at 18 frames
a second, with the classes of OmniFall. ``segments``: a table of the user's, in which ``recording``
is the path of the video, with or without its ending.
"""


class VideoLabels:
    """The labels of the videos of a folder, read once.

    Args:
        card: names the classes.
        raw: folder of the videos.
        source: one of ``LABEL_SOURCES``; None for videos without labels.
        table: path of the table, within the folder or absolute.

    Attributes:
        skipped: labels that could not be read, known after :meth:`read`.
    """

    def __init__(self, card: Card, raw: Path | None, source: str | None, table: str | None):
        self.card = card
        self.raw = raw
        self.source = source
        self.table = table
        self.skipped: list[SkippedEntry] = []
        self._by_video: dict[str, list[Segment]] | None = None

    def read(self) -> None:
        """Read the labels.

        Raises:
            HarError: a table is missing or malformed.
        """
        parsed = Parsed()
        if self.source is not None:
            parsed = LABEL_SOURCES[self.source](self.card, self.raw, self.table)
        self.skipped = parsed.skipped
        self._by_video = {}
        for segment in parsed.segments:
            if segment.person is not None:
                raise CardError(
                    f"{segment.source}: labels of one person cannot be used with videos, as the "
                    "people are numbered only when their poses are found"
                )
            self._by_video.setdefault(_stem(segment.recording), []).append(segment)

    def of(self, video: str) -> list[Segment]:
        """Return the segments of a video, by its path below the folder."""
        if self._by_video is None:
            self.read()
        return (self._by_video or {}).get(_stem(video), [])


def _stem(path: str) -> str:
    return PurePosixPath(path).with_suffix("").as_posix()
