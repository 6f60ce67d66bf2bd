"""What every kind of data shares: batches of the parts of a split, in reproducible order."""

from typing import Any, Literal, TypedDict, Unpack

import numpy as np
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Dataset

from har.data.balance import Balance, balance_weights
from har.data.batches import BatchRequest, Clips, TestBatches, TrainingBatches
from har.data.combined import ClipSource
from har.data.splits import Split
from har.data.transforms import Compose
from har.errors import ConfigError, StoreError
from har.samples import Batch
from har.skeleton.layout import Layout


class Loading(TypedDict, total=False):
    """How clips are loaded, whatever they are made of.

    Attributes:
        batch_size: clips of a training batch, over all processes (default: 64).
        eval_batch_size: most views of clips in a validation or test batch; those of one clip stay
            together (128).
        repeat: how often an epoch shows each training clip, on average (1).
        balance: what an epoch shows equally often ("none").
        clip_weights: how often each training clip comes compared with others, on top of the
            balance; None (default): all alike.
        workers: processes that read ahead; 0 (default) reads in the training process, which is
            fastest for skeletons, because a whole batch is one gather from memory-mapped arrays.
        seed: of all draws (0).
    """

    batch_size: int
    eval_batch_size: int
    repeat: int
    balance: Balance
    clip_weights: np.ndarray | None
    workers: int
    seed: int


class BatchLoaders(pl.LightningDataModule):
    """Serves the parts of a split in batches.

    Args:
        store: prepared clips.
        split: rows for training, validation and testing.
        train_clips, test_clips: read a requested batch for training, and for testing.
        loading: see ``Loading``.

    Attributes:
        input_layout, output_layout: joint layouts before and after the transforms, and
        normalise: the transforms applied always; of datasets that have joints.
    """

    input_layout: Layout
    output_layout: Layout
    normalise: Compose

    def __init__(
        self,
        store: ClipSource,
        split: Split,
        train_clips: Clips,
        test_clips: Clips,
        **loading: Unpack[Loading],
    ):
        super().__init__()
        self.store = store
        self.split = split
        self.batch_size = loading.get("batch_size", 64)
        self.eval_batch_size = loading.get("eval_batch_size", 128)
        self.repeat = loading.get("repeat", 1)
        self.balance: Balance = loading.get("balance", "none")
        self.clip_weights = loading.get("clip_weights")
        self.workers = loading.get("workers", 0)
        self.seed = loading.get("seed", 0)
        self.tested: Literal["train", "val", "test"] = "test"
        self.train_clips = train_clips
        self.test_clips = test_clips

    def __getattr__(self, name: str) -> Any:
        if name in ("input_layout", "output_layout", "normalise"):
            raise ConfigError(f"{self.store.origin} holds videos: they have no joints to work with")
        raise AttributeError(f"{type(self).__name__} has no attribute '{name}'")

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
        if self.clip_weights is not None:
            weights = self.clip_weights if weights is None else weights * self.clip_weights
        batches = TrainingBatches(rows, self.batch_size, self.repeat, self.seed, weights)
        return self._loader(self.train_clips, batches)

    def val_dataloader(self) -> DataLoader | list:
        """Return the validation batches; an empty list where the split has no validation part."""
        if len(self.split.val) == 0:
            return []
        return self._loader(self.test_clips, self.in_order(self.split.val))

    def test_dataloader(self) -> DataLoader:
        """Return the batches of the part that ``tested`` names."""
        return self._loader(self.test_clips, self.in_order(getattr(self.split, self.tested)))

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:  # noqa: ARG002
        """Transform the batch on its device, drawing from the batch's own seed."""
        training = self.trainer is not None and self.trainer.training
        return self.transform(batch, training)

    def transform(self, batch: Batch, training: bool) -> Batch:
        """Normalise a batch and, in training, augment it."""
        raise NotImplementedError

    def in_order(self, rows: np.ndarray) -> TestBatches:
        """Return batches of rows of the store, as for validation and testing."""
        return TestBatches(rows, max(1, self.eval_batch_size // self.test_clips.views))

    def _loader(
        self, clips: Dataset[Batch], batches: torch.utils.data.Sampler[BatchRequest]
    ) -> DataLoader:
        return DataLoader(
            clips,
            sampler=batches,
            batch_size=None,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            pin_memory=torch.cuda.is_available(),
        )
