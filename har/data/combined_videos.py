"""Several prepared datasets of videos read as one."""

from collections.abc import Mapping

import numpy as np

from har.data.combined import CombinedStore
from har.data.store import ClipStore
from har.data.video_store import VideoStore
from har.errors import StoreError


class CombinedVideos(CombinedStore):
    """Clips of several video stores, one after the other; see ``CombinedStore``.

    The stored frames may differ in size and in rate: a model sees them cropped, resized and sampled
    by their number.

    Args:
        stores: by name of the dataset.

    Raises:
        StoreError: one of them holds poses.
    """

    def __init__(self, stores: Mapping[str, ClipStore]):
        for name, store in stores.items():
            if not isinstance(store, VideoStore):
                raise StoreError(
                    f"data.sources has videos and poses: {name} ({store.origin}) holds poses"
                )
        super().__init__(stores, layout="")

    def __post_init__(self) -> None:
        """Leave out the checks of joints."""

    def frames(self, row: int) -> np.ndarray:
        """Return the frames of a clip, (T, H, W, 3) uint8, mapped into memory, read-only."""
        number = int(self.dataset[row])
        store = list(self.stores.values())[number]
        assert isinstance(store, VideoStore)
        return store.frames(int(row - self.offsets[number]))


VideoSource = VideoStore | CombinedVideos
"""What a dataset, or several of them, is where models see frames."""
