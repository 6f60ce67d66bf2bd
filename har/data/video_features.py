"""Features of all clips of a video store, computed once by a backbone that stays as it is.

Folder of features::

    features.npy    (N, K, T, S, C) float16: K views of the clip in each row of the store
    features.json   what they were made from, and how
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from har.data.batches import BatchRequest, Clips
from har.data.video_batches import video_batch
from har.data.video_store import VideoStore
from har.errors import StoreError
from har.record import read_json, write_json_atomic
from har.samples import Batch

ARRAY, ABOUT = "features.npy", "features.json"


@dataclass(frozen=True)
class FeatureMeta:
    """What features were made from.

    Attributes:
        fingerprint: of the video store.
        unit: what its rows are.
        channels: C.
        made_with: plain data that tell backbone, frames and crop.
    """

    fingerprint: str
    unit: str
    channels: int
    made_with: dict[str, Any]


@dataclass(frozen=True)
class VideoFeatures:
    """Features opened for reading; pickled as its folder only."""

    folder: Path
    meta: FeatureMeta

    @classmethod
    def open(cls, folder: Path, store: VideoStore) -> "VideoFeatures":
        """Open the features of a store.

        Raises:
            StoreError: there are none, or they are of other clips.
        """
        if not (folder / ABOUT).is_file():
            raise StoreError(
                f"There are no features {folder}. Make them with: har features out={folder} "
                "experiment=<name> model/backbone=<name>"
            )
        meta = FeatureMeta(**read_json(folder / ABOUT))
        if (meta.fingerprint, meta.unit) != (store.fingerprint, store.unit):
            raise StoreError(
                f"{folder} has features of other clips than {store.path} (unit={store.unit}): "
                "make them again with har features"
            )
        return cls(folder, meta)

    @cached_property
    def array(self) -> np.ndarray:
        """(N, K, T, S, C) float16, mapped into memory."""
        return np.load(self.folder / ARRAY, mmap_mode="r", allow_pickle=False)


@contextmanager
def feature_array(folder: Path, shape: tuple[int, ...], meta: FeatureMeta) -> Iterator[np.ndarray]:
    """Yield an array to fill; it and what tells of it appear in ``folder`` when it is full."""
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / "unfinished.npy"
    array = np.lib.format.open_memmap(unfinished, "w+", np.float16, shape)
    yield array
    array.flush()
    unfinished.replace(folder / ARRAY)
    write_json_atomic(folder / ABOUT, asdict(meta))


class FeatureBatches(Clips):
    """Reads a requested batch of features.

    Args:
        store: the videos.
        features: of all its rows.
        training: draw one view a clip; testing takes all.
    """

    def __init__(self, store: VideoStore, features: VideoFeatures, training: bool):
        self.store = store
        self.features = features
        self.training = training

    @property
    def views(self) -> int:
        """K, views of each clip in a batch."""
        return 1 if self.training else self.features.array.shape[1]

    def __getitem__(self, request: BatchRequest) -> Batch:
        rows = request.rows[request.share]
        array = self.features.array
        views = array.shape[1]
        if self.training:
            rng = np.random.default_rng(request.seed)
            chosen = rng.integers(views, size=len(request.rows))[request.share]
            taken, views = array[rows, chosen], 1
        else:
            taken = array[rows].reshape(-1, *array.shape[2:])
        rows = np.repeat(rows, views)
        labels = self.store.index.label[rows].astype(np.int64)
        return video_batch(
            torch.from_numpy(np.ascontiguousarray(taken)),
            torch.from_numpy(labels),
            torch.from_numpy(rows),
            views,
            request.seed,
        )
