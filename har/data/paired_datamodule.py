"""Clips of video with their poses, in batches."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Unpack

import torch

from har.data.loaders import BatchLoaders, Loading
from har.data.paired_batches import PairedBatches
from har.data.paired_store import PairedStore
from har.data.splits import Split
from har.data.transforms import (
    Compose,
    ConvertLayout,
    RandomFlip,
    SelectPeople,
    TemporalReverse,
    TemporalShift,
    Transform,
)
from har.data.video_transforms import FlipVideo, VideoTransform
from har.errors import ConfigError
from har.samples import Batch
from har.skeleton.convert import conversion
from har.skeleton.layout import load_layout


class PairedDataModule(BatchLoaders):
    """Serves the clips of a split in batches of frames and poses.

    Args:
        store: prepared videos with their poses.
        split: rows for training, validation and testing.
        train_clips, test_clips: read a requested batch for training, and for testing.
        normalise: transforms of the poses of every batch.
        augment: transforms of training batches, after ``normalise``: of poses, of frames, of both.
        loading: see ``har.data.loaders.Loading``.
    """

    def __init__(
        self,
        store: PairedStore,
        split: Split,
        train_clips: PairedBatches,
        test_clips: PairedBatches,
        normalise: Sequence[Transform] = (),
        augment: Sequence[Transform | VideoTransform] = (),
        **loading: Unpack[Loading],
    ):
        super().__init__(
            store,
            split,
            train_clips,
            test_clips,
            **loading,
        )
        self.people = test_clips.people
        self.input_layout = load_layout(store.layout)
        self.normalise = Compose(tuple(normalise))
        self.augment = tuple(augment)
        self.output_layout = self.normalise.output_layout(self.input_layout)
        for number, step in enumerate((*normalise, *augment)):
            _check(step, of_training=number >= len(normalise))
        self._conversion = None
        if self.output_layout.joints != self.input_layout.joints:
            self._conversion = conversion(self.input_layout, self.output_layout)

    def transform(self, batch: Batch, training: bool) -> Batch:
        """Normalise the poses of a batch and, in training, augment poses and frames."""
        rng = torch.Generator().manual_seed(batch.seed)
        seen = batch.confidence
        batch = self.normalise(batch, self.input_layout, rng)
        if self._conversion is not None and batch.points is not None:
            points, _ = self._conversion.apply(batch.points, seen)
            batch = replace(batch, points=points)
        for step in self.augment if training else ():
            if isinstance(step, Transform):
                batch = step(batch, self.output_layout, rng)
            else:
                batch = step(batch, rng)
        return batch


def _check(step: Transform | VideoTransform, of_training: bool) -> None:
    """Refuse what would part poses from frames, or change the joints once they are converted."""
    for kinds, reason in _APART:
        if isinstance(step, kinds):
            raise ConfigError(f"transform: {type(step).__name__} {reason}")
    if of_training and isinstance(step, ConvertLayout):
        raise ConfigError("ConvertLayout changes the joints: put it into transform.normalise")


_BOTH = "use har.data.paired_transforms.FlipBoth"
_APART: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (FlipVideo, f"flips the frames and not the poses: {_BOTH}"),
    (RandomFlip, f"flips the poses and not the frames: {_BOTH}"),
    ((TemporalReverse, TemporalShift), "moves the poses in time and not the frames: leave it out"),
    (SelectPeople, "chooses people by their joints only: set data.people, or leave it out"),
)
