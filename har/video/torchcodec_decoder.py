"""Decoding with torchcodec, which needs the FFmpeg libraries of the system."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from har.errors import ConfigError, VideoError
from har.extras import require
from har.video.batch_decoder import THREADS, BatchDecoder
from har.video.timeline import Timeline, error_text


class TorchcodecDecoder(BatchDecoder):
    """Decodes with torchcodec; see ``BatchDecoder``.

    Raises:
        VideoError: also where torchcodec would give the frames in another order.
        ConfigError: torchcodec does not find its libraries.
    """

    library = "torchcodec"
    failures = (RuntimeError, ValueError, IndexError)

    def __init__(self, path: Path, timeline: Timeline, size: tuple[int, int] | None):
        try:
            self._decoders = require("torchcodec.decoders", "torchcodec")
        except (RuntimeError, OSError) as error:
            raise ConfigError(
                f"torchcodec does not find the FFmpeg libraries of the system: {error_text(error)}"
            ) from error
        if timeline.pts is None:
            reason = "has no times by which torchcodec could order its frames: use decoder=pyav"
            raise VideoError(str(path), reason)
        self._transforms = require("torchcodec.transforms", "torchcodec")
        super().__init__(path, timeline, size)

    def _open(self, resize: bool) -> Any:
        return self._decoders.VideoDecoder(
            str(self._path),
            dimension_order="NHWC",
            num_ffmpeg_threads=THREADS,
            transforms=[self._transforms.Resize((self.height, self.width))] if resize else None,
        )

    def _decode(self, indices: list[int]) -> NDArray[np.uint8]:
        return self._reader.get_frames_at(indices).data.numpy()
