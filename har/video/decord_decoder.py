"""Decoding with the module ``decord``, which eva-decord, decord and decord2 install."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from har.extras import require
from har.video.batch_decoder import THREADS, BatchDecoder
from har.video.timeline import Timeline

WIDTH_MULTIPLE = 32


class DecordDecoder(BatchDecoder):
    """Decodes with decord; see ``BatchDecoder``."""

    library = "decord"

    def __init__(self, path: Path, timeline: Timeline, size: tuple[int, int] | None):
        self._decord = require("decord", "video")
        self.failures = (self._decord.DECORDError, RuntimeError, IndexError)
        super().__init__(path, timeline, size)

    def _open(self, resize: bool) -> Any:
        # It copies the frames of a batch wrongly where it resizes them to any other width.
        resize = resize and self.width % WIDTH_MULTIPLE == 0
        height, width = (self.height, self.width) if resize else (-1, -1)
        return self._decord.VideoReader(
            str(self._path), width=width, height=height, num_threads=THREADS
        )

    def _decode(self, indices: list[int]) -> NDArray[np.uint8]:
        pixels = self._reader.get_batch(indices).asnumpy()
        if pixels.shape[1:3] == (self.height, self.width):
            return pixels
        return np.stack([self._resize(frame) for frame in pixels])

    def _resize(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        frame = require("av", "video").VideoFrame.from_ndarray(pixels, format="rgb24")
        return frame.reformat(width=self.width, height=self.height).to_ndarray()
