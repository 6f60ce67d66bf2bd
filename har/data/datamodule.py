"""The one LightningDataModule: a store, a split, a sampling strategy and transforms."""

from collections.abc import Sequence

import numpy as np
import torch

from har.data.balance import Balance
from har.data.batches import ClipBatches
from har.data.combined import ClipSource
from har.data.loaders import BatchLoaders
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
        batch_size: clips of a training batch, over all processes.
        eval_batch_size: clips of a validation or test batch.
        repeat: how often an epoch shows each training clip, on average.
        balance: what an epoch shows equally often.
        clip_weights: how often each training clip comes compared with others, on top of the
            balance; None: all alike.
        people: M, how many people of each clip to keep; None keeps the most that any clip has.
        workers: processes that read ahead; 0 reads in the training process, which is fastest for
            skeletons, because a whole batch is one gather from memory-mapped arrays.
        seed: of all draws.
    """

    def __init__(
        self,
        store: ClipSource,
        split: Split,
        train_sampler: Sampler,
        test_sampler: Sampler,
        normalise: Sequence[Transform] = (),
        augment: Sequence[Transform] = (),
        batch_size: int = 64,
        eval_batch_size: int = 128,
        repeat: int = 1,
        balance: Balance = "none",
        clip_weights: np.ndarray | None = None,
        people: int | None = None,
        workers: int = 0,
        seed: int = 0,
    ):
        self.people = people or int(store.index.person_count.max())
        super().__init__(
            store,
            split,
            ClipBatches(store, train_sampler, self.people, training=True),
            ClipBatches(store, test_sampler, self.people, training=False),
            batch_size=batch_size,
            eval_batch_size=eval_batch_size,
            repeat=repeat,
            balance=balance,
            clip_weights=clip_weights,
            workers=workers,
            seed=seed,
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
