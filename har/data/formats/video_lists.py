"""What the parsers of official lists of videos share: their result, and how they read a list."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from har.data.formats.timed_labels import SkippedEntry


@dataclass(frozen=True, slots=True)
class ListedVideo:
    """A video with its class, as an official list names it.

    Attributes:
        path: the file, below the folder of the videos.
        label: index into the card's label list.
        part: ``train`` or ``test``; "" where the list uses it for neither.
        setup: the videos that were recorded together, as the set names them; "" where unknown.
    """

    path: str
    label: int
    part: str
    setup: str = ""

    @property
    def clip_id(self) -> str:
        """Name of the file without its ending."""
        return PurePosixPath(self.path).stem


@dataclass(slots=True)
class ParsedList:
    """The videos of an official list, and what of it could not be read.

    Attributes:
        videos: in the order of the list.
        skipped: every line that names no video, with the reason.
    """

    videos: list[ListedVideo] = field(default_factory=list)
    skipped: list[SkippedEntry] = field(default_factory=list)

    def clip_ids(self, part: str) -> list[str]:
        """Return the clips of a part, as the lists of a protocol name them."""
        return [video.clip_id for video in self.videos if video.part == part]


def list_lines(content: str) -> Iterator[tuple[int, str]]:
    """Yield number, from 1, and text of each line that has any."""
    for number, line in enumerate(content.removeprefix("\ufeff").splitlines(), start=1):
        if line.strip():
            yield number, line.strip()
