"""Decoding with torchcodec, which needs the FFmpeg libraries of the system."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from har.errors import ConfigError, VideoError
from har.extras import require
from har.video.timeline import Timeline, error_text

AT_ONCE = 16
"""Frames that are in memory at a time."""

THREADS = 2


class TorchcodecDecoder:
    """Fast, but paints over damaged frames without telling.

    Args:
        path: the file.
        timeline: of the file.
        size: (height, width) of the frames to return; None keeps those of the video.

    Raises:
        VideoError: torchcodec cannot open it, counts other frames than there are, or would give
            them in another order.
        ConfigError: torchcodec does not find its libraries.
    """

    def __init__(self, path: Path, timeline: Timeline, size: tuple[int, int] | None):
        try:
            decoders = require("torchcodec.decoders", "torchcodec")
        except (RuntimeError, OSError) as error:
            raise ConfigError(
                f"torchcodec does not find the FFmpeg libraries of the system: {error_text(error)}"
            ) from error
        if timeline.pts is None:
            reason = "has no times by which torchcodec could order its frames: use decoder=pyav"
            raise VideoError(str(path), reason)
        self._path = path
        self.height, self.width = size or timeline.upright_size
        resize = require("torchcodec.transforms", "torchcodec").Resize
        try:
            self._reader = decoders.VideoDecoder(
                str(path),
                dimension_order="NHWC",
                num_ffmpeg_threads=THREADS,
                transforms=[resize((self.height, self.width))] if size else None,
            )
        except (RuntimeError, ValueError) as error:
            raise VideoError(
                str(path), f"torchcodec cannot open it ({error_text(error)})"
            ) from error
        if len(self._reader) != len(timeline):
            raise VideoError(
                str(path),
                f"torchcodec finds {len(self._reader)} frames, there are {len(timeline)}: "
                "use decoder=pyav",
            )

    def read(self, indices: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
        """Yield the frames (H, W, 3) of ascending ``indices``."""
        for start in range(0, len(indices), AT_ONCE):
            yield from self._batch(list(indices[start : start + AT_ONCE]))

    def close(self) -> None:
        """Forget the file, which torchcodec then closes."""
        self._reader = None

    def _batch(self, indices: list[int]) -> NDArray[np.uint8]:
        try:
            return self._reader.get_frames_at(indices).data.numpy()
        except (RuntimeError, IndexError) as error:
            reason = f"or one up to {indices[-1]} cannot be decoded ({error_text(error)})"
            raise VideoError(str(self._path), reason, indices[0]) from error
