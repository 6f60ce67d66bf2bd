"""The one LightningDataModule: a store, a split, a sampling strategy and transforms."""

from collections.abc import Sequence
from typing import Literal

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from har.data.balance import Balance, balance_weights
from har.data.batches import BatchRequest, ClipBatches, TestBatches, TrainingBatches
from har.data.combined import ClipSource
from har.data.sampling import Sampler
from har.data.splits import Split
from har.data.transforms import Compose, Transform
from har.errors import StoreError
from har.samples import Batch
from har.skeleton.layout import Layout, load_layout


class ClipDataModule(pl.LightningDataModule):
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
        people: int | None = None,
        workers: int = 0,
        seed: int = 0,
    ):
        super().__init__()
        self.store = store
        self.split = split
        self.people = people or int(store.index.person_count.max())
        self.input_layout: Layout = load_layout(store.layout)
        self.normalise = Compose(tuple(normalise))
        self.augment = Compose((*normalise, *augment))
        self.output_layout = self.normalise.output_layout(self.input_layout)
        self.batch_size = batch_size
        self.eval_batch_size = eval_batch_size
        self.repeat = repeat
        self.balance = balance
        self.workers = workers
        self.seed = seed
        self.tested: Literal["train", "val", "test"] = "test"
        self._train_clips = ClipBatches(store, train_sampler, self.people, training=True)
        self._test_clips = ClipBatches(store, test_sampler, self.people, training=False)

    def class_counts(self) -> torch.Tensor:
        """Return (K,) how many training clips each class has.

        Raises:
            StoreError: a training clip has no label.
        """
        labels = torch.from_numpy(self.store.index.label[self.split.train].astype("int64"))
        if unlabelled := int((labels < 0).sum()):
            raise StoreError(
                f"{unlabelled} of {len(labels)} training clips have no label: "
                "label them, or leave them out of the training part of the protocol"
            )
        return torch.bincount(labels, minlength=len(self.store.labels))

    def train_dataloader(self) -> DataLoader:
        """Return the shuffled training batches."""
        rows = self.split.train
        labels, datasets = self.store.index.label[rows], self.store.dataset[rows]
        weights = balance_weights(self.balance, labels, datasets)
        batches = TrainingBatches(rows, self.batch_size, self.repeat, self.seed, weights)
        return self._loader(self._train_clips, batches)

    def val_dataloader(self) -> DataLoader | list:
        """Return the validation batches; an empty list where the split has no validation part."""
        if len(self.split.val) == 0:
            return []
        return self._loader(self._test_clips, TestBatches(self.split.val, self.eval_batch_size))

    def test_dataloader(self) -> DataLoader:
        """Return the batches of the part that ``tested`` names."""
        rows = getattr(self.split, self.tested)
        return self._loader(self._test_clips, TestBatches(rows, self.eval_batch_size))

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:  # noqa: ARG002
        """Transform the batch on its device, drawing from the batch's own seed."""
        training = self.trainer is not None and self.trainer.training
        return self.transform(batch, training)

    def transform(self, batch: Batch, training: bool) -> Batch:
        """Normalise a batch and, in training, augment it."""
        rng = torch.Generator().manual_seed(batch.seed)
        chain = self.augment if training else self.normalise
        return chain(batch, self.input_layout, rng)

    def _loader(
        self, clips: ClipBatches, batches: torch.utils.data.Sampler[BatchRequest]
    ) -> DataLoader:
        return DataLoader(
            clips,
            sampler=batches,
            batch_size=None,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            pin_memory=torch.cuda.is_available(),
        )
