"""Clips of video in batches."""

from collections.abc import Sequence
from typing import Unpack

import torch

from har.data.batches import Clips
from har.data.combined_videos import VideoSource
from har.data.loaders import BatchLoaders, Loading
from har.data.splits import Split
from har.data.video_transforms import VideoTransform
from har.samples import Batch


class VideoDataModule(BatchLoaders):
    """Serves the clips of a split in batches of frames; transforms run on the batch's device.

    Args:
        store: prepared videos.
        split: rows for training, validation and testing.
        train_clips, test_clips: read a requested batch for training, and for testing.
        augment: transforms of training batches.
        loading: see ``har.data.loaders.Loading``.
    """

    def __init__(
        self,
        store: VideoSource,
        split: Split,
        train_clips: Clips,
        test_clips: Clips,
        augment: Sequence[VideoTransform] = (),
        **loading: Unpack[Loading],
    ):
        super().__init__(
            store,
            split,
            train_clips,
            test_clips,
            **loading,
        )
        self.augment = tuple(augment)

    def transform(self, batch: Batch, training: bool) -> Batch:
        """Augment a training batch, drawing from the batch's own seed."""
        rng = torch.Generator().manual_seed(batch.seed)
        for transform in self.augment if training else ():
            batch = transform(batch, rng)
        return batch
