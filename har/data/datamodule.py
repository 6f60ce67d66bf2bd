"""The one LightningDataModule: a store, a split, a sampling strategy and transforms."""

from collections.abc import Sequence
from typing import Unpack

import torch

from har.data.batches import ClipBatches
from har.data.combined import ClipSource
from har.data.loaders import BatchLoaders, Loading
from har.data.sampling import Sampler
from har.data.splits import Split
from har.data.transforms import Compose, Transform
from har.samples import Batch
from har.skeleton.layout import Layout, load_layout


class ClipDataModule(BatchLoaders):
    """Serves the clips of a split in batches; transforms run on the device of the batch.

    Args:
        store: prepared clips, of one dataset or of several.
        split: rows for training, validation and testing.
        train_sampler, test_sampler: temporal strategies.
        normalise: transforms for every batch.
        augment: transforms for training batches, after ``normalise``.
        people: M, how many people of each clip to keep; None keeps the most that any clip has.
        loading: see ``har.data.loaders.Loading``.
    """

    def __init__(
        self,
        store: ClipSource,
        split: Split,
        train_sampler: Sampler,
        test_sampler: Sampler,
        normalise: Sequence[Transform] = (),
        augment: Sequence[Transform] = (),
        people: int | None = None,
        **loading: Unpack[Loading],
    ):
        self.people = people or int(store.index.person_count.max())
        super().__init__(
            store,
            split,
            ClipBatches(store, train_sampler, self.people, training=True),
            ClipBatches(store, test_sampler, self.people, training=False),
            **loading,
        )
        self.input_layout: Layout = load_layout(store.layout)
        self.normalise = Compose(tuple(normalise))
        self.augment = Compose((*normalise, *augment))
        self.output_layout = self.normalise.output_layout(self.input_layout)

    def transform(self, batch: Batch, training: bool) -> Batch:
        """Normalise a batch and, in training, augment it."""
        rng = torch.Generator().manual_seed(batch.seed)
        chain = self.augment if training else self.normalise
        return chain(batch, self.input_layout, rng)
