"""Decoding with the module ``decord``, which eva-decord, decord and decord2 install."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from har.errors import VideoError
from har.extras import require
from har.video.timeline import Timeline, error_text

AT_ONCE = 16
"""Frames that are in memory at a time."""

THREADS = 2
WIDTH_MULTIPLE = 32


class DecordDecoder:
    """Fast, but paints over damaged frames without telling.

    Args:
        path: the file.
        timeline: of the file.
        size: (height, width) of the frames to return; None keeps those of the video.

    Raises:
        VideoError: decord cannot open it, or counts other frames than there are.
    """

    def __init__(self, path: Path, timeline: Timeline, size: tuple[int, int] | None):
        decord = require("decord", "video")
        self._path = path
        self.height, self.width = size or timeline.upright_size
        # It copies the frames of a batch wrongly where it resizes them to any other width.
        self._resizes = size is not None and size[1] % WIDTH_MULTIPLE == 0
        height, width = (self.height, self.width) if self._resizes else (-1, -1)
        try:
            self._reader = decord.VideoReader(
                str(path), width=width, height=height, num_threads=THREADS
            )
        except (decord.DECORDError, RuntimeError) as error:
            raise VideoError(str(path), f"decord cannot open it ({error_text(error)})") from error
        if len(self._reader) != len(timeline):
            raise VideoError(
                str(path),
                f"decord finds {len(self._reader)} frames, there are {len(timeline)}: "
                "use decoder=pyav",
            )

    def read(self, indices: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
        """Yield the frames (H, W, 3) of ascending ``indices``."""
        for start in range(0, len(indices), AT_ONCE):
            yield from self._batch(list(indices[start : start + AT_ONCE]))

    def close(self) -> None:
        """Forget the file, which decord then closes."""
        self._reader = None

    def _batch(self, indices: list[int]) -> NDArray[np.uint8]:
        decord = require("decord", "video")
        try:
            pixels = self._reader.get_batch(indices).asnumpy()
        except (decord.DECORDError, RuntimeError, IndexError) as error:
            reason = f"or one up to {indices[-1]} cannot be decoded ({error_text(error)})"
            raise VideoError(str(self._path), reason, indices[0]) from error
        return pixels if self._fits(pixels) else np.stack([self._resize(p) for p in pixels])

    def _fits(self, pixels: NDArray[np.uint8]) -> bool:
        return pixels.shape[1:3] == (self.height, self.width)

    def _resize(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        frame = require("av", "video").VideoFrame.from_ndarray(pixels, format="rgb24")
        return frame.reformat(width=self.width, height=self.height).to_ndarray()
