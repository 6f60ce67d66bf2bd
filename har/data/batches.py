"""Which clips make up each batch, and the reading of a whole batch at once.

Every random choice follows from (seed, epoch, number of the batch). A run that is stopped and
resumed therefore repeats the batches it would have seen, and several processes agree on the whole
batch, of which each takes its share.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import distributed as dist
from torch.utils.data import Dataset, Sampler

from har.data import sampling
from har.data.combined import ClipSource
from har.errors import ConfigError
from har.samples import Batch


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """Clips to read together.

    Attributes:
        rows: (N,) rows of the store, of the whole batch over all processes.
        share: which of the rows this process reads.
        seed: of every draw for the batch.
    """

    rows: np.ndarray
    share: slice
    seed: int


class TrainingBatches(Sampler[BatchRequest]):
    """Shuffled batches, new in each epoch; an incomplete last batch is left out.

    Args:
        rows: training rows of the store.
        batch_size: N over all processes; no more than an epoch has is taken.
        repeat: how often each clip comes in an epoch, on average.
        seed: of the run.
        weights: (N,) how often each row comes compared with the others; None: all alike.

    Raises:
        ConfigError: a batch does not split evenly over the processes.
    """

    def __init__(
        self,
        rows: np.ndarray,
        batch_size: int,
        repeat: int,
        seed: int,
        weights: np.ndarray | None = None,
    ):
        self.rows = rows
        self.weights = weights
        self.batch_size = min(batch_size, len(rows) * repeat)
        _check_even(self.batch_size)
        self.repeat = repeat
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next pass draws."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.rows) * self.repeat // self.batch_size

    def __iter__(self) -> Iterator[BatchRequest]:
        rng = np.random.default_rng((self.seed, self.epoch))
        if self.weights is None:
            order = np.concatenate([rng.permutation(self.rows) for _ in range(self.repeat)])
        else:
            order = rng.permutation(self._weighted(self.weights, rng))
        share = _share_of_process()
        for number in range(len(self)):
            rows = order[number * self.batch_size : (number + 1) * self.batch_size]
            yield BatchRequest(rows, share, _mix(self.seed, self.epoch, number))

    def _weighted(self, weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw an epoch by systematic resampling: no row is off its due number by one or more."""
        chosen = rng.permutation(len(self.rows))
        size = len(self.rows) * self.repeat
        due = np.cumsum(weights[chosen]) * (size / weights.sum())
        due[-1] = size
        ends = np.floor(due + rng.random()).astype(np.int64).clip(max=size)
        return self.rows[chosen].repeat(np.diff(ends, prepend=0))


class TestBatches(Sampler[BatchRequest]):
    """All rows in order; each process takes its share of every batch.

    Args:
        rows: rows of the store.
        batch_size: N over all processes.
    """

    __test__ = False

    def __init__(self, rows: np.ndarray, batch_size: int):
        self.rows = rows
        self.batch_size = batch_size

    def __len__(self) -> int:
        return -(-len(self.rows) // self.batch_size)

    def __iter__(self) -> Iterator[BatchRequest]:
        for start in range(0, len(self.rows), self.batch_size):
            yield BatchRequest(self.rows[start : start + self.batch_size], _share_of_process(), 0)


class Clips(Dataset[Batch]):
    """Reads a requested batch."""

    @property
    def views(self) -> int:
        """K, views of each clip in a batch."""
        raise NotImplementedError


class ClipBatches(Clips):
    """Reads a requested batch from a store in one vectorised step.

    Args:
        store: prepared clips, of one dataset or of several.
        sampler: temporal strategy.
        people: M, how many people of each clip to keep.
        training: draw the sampler's positions at random.
    """

    def __init__(self, store: ClipSource, sampler: "sampling.Sampler", people: int, training: bool):
        self.store = store
        self.sampler = sampler
        self.people = people
        self.training = training

    @property
    def views(self) -> int:
        """K, views of each clip in a batch."""
        return self.sampler.views

    def __getitem__(self, request: BatchRequest) -> Batch:
        rng = np.random.default_rng(request.seed) if self.training else None
        positions = self.sampler(self.store.index.frame_count[request.rows], rng)[request.share]
        rows = request.rows[request.share]
        joints, confidence, mask = self.store.gather(rows, positions, self.people)
        views = positions.shape[1]
        rows = np.repeat(rows, views)
        return Batch(
            joints=torch.from_numpy(joints),
            confidence=torch.from_numpy(confidence),
            person_mask=torch.from_numpy(mask),
            labels=torch.from_numpy(self.store.index.label[rows].astype(np.int64)),
            clip_index=torch.from_numpy(rows),
            views=views,
            seed=request.seed,
        )


def _share_of_process() -> slice:
    if dist.is_available() and dist.is_initialized():
        return slice(dist.get_rank(), None, dist.get_world_size())
    return slice(None)


def _check_even(batch_size: int) -> None:
    """Refuse a batch of which processes get unequal shares: its clips would not count the same."""
    processes = dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1
    if batch_size % processes:
        raise ConfigError(
            f"a batch of {batch_size} clips does not split evenly over {processes} processes: "
            f"set data.batch_size to a multiple of {processes}"
        )


def _mix(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))
