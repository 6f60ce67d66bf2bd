"""Decoding with libraries that return several frames at a time, by their numbers."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from numpy import uint8
from numpy.typing import NDArray

from har.errors import VideoError
from har.video.timeline import Timeline, error_text

AT_ONCE = 16
"""Frames that are in memory at a time."""

THREADS = 2


class BatchDecoder(ABC):
    """Fast, but paints over damaged frames without telling.

    Args:
        path: the file.
        timeline: of the file.
        size: (height, width) of the frames to return; None keeps those of the video.

    Attributes:
        library: its name, for messages.
        failures: what it raises where it cannot open a file or decode a frame.

    Raises:
        VideoError: the library cannot open the file, or counts other frames than there are.
    """

    library: ClassVar[str]
    failures: tuple[type[Exception], ...]

    def __init__(self, path: Path, timeline: Timeline, size: tuple[int, int] | None):
        self._path = path
        self.height, self.width = size or timeline.upright_size
        try:
            self._reader = self._open(resize=size is not None)
        except self.failures as error:
            reason = f"{self.library} cannot open it ({error_text(error)})"
            raise VideoError(str(path), reason) from error
        if len(self._reader) != len(timeline):
            raise VideoError(
                str(path),
                f"{self.library} finds {len(self._reader)} frames, there are {len(timeline)}: "
                "use decoder=pyav",
            )

    def read(self, indices: Sequence[int]) -> Iterator[NDArray[uint8]]:
        """Yield the frames (H, W, 3) of ascending ``indices``."""
        for start in range(0, len(indices), AT_ONCE):
            batch = list(indices[start : start + AT_ONCE])
            try:
                frames = self._decode(batch)
            except self.failures as error:
                reason = f"or one up to {batch[-1]} cannot be decoded ({error_text(error)})"
                raise VideoError(str(self._path), reason, batch[0]) from error
            yield from frames

    def close(self) -> None:
        """Forget the file, which the library then closes."""
        self._reader = None

    @abstractmethod
    def _open(self, resize: bool) -> Any:
        """Return the library's reader of the file, of frames as large as asked for."""

    @abstractmethod
    def _decode(self, indices: list[int]) -> NDArray[uint8]:
        """Return the frames (N, H, W, 3) of ascending indices."""
