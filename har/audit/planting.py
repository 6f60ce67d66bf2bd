"""Plants wrong labels on purpose, to measure how many of them an audit finds.

The labels of a store are part of its data and stay as they are: planted labels go into a copy.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from har.data.store import ClipStore, write_store
from har.errors import StoreError
from har.samples import UNLABELLED


@dataclass(frozen=True, slots=True)
class PlantedErrors:
    """Labels of which some were made wrong.

    Attributes:
        labels: (N,) int64, with the errors.
        rows: (E,) int64, sorted: the clips whose label is now wrong.
    """

    labels: np.ndarray
    rows: np.ndarray


def plant_errors(
    labels: np.ndarray, classes: int, share: float, rng: np.random.Generator
) -> PlantedErrors:
    """Give a share of the clips another class, each of the others with equal chance.

    Args:
        labels: (N,) integers in [0, classes), or ``UNLABELLED``; those are left alone.
        classes: how many classes there are, 2 or more.
        share: of the labelled clips, in (0, 1); at least one clip is changed.
        rng: draws the clips and their wrong classes.

    Raises:
        ValueError: a share or a number of classes that cannot be planted.
    """
    if classes < 2 or not 0 < share < 1:
        raise ValueError(f"cannot plant a share of {share} wrong labels among {classes} classes")
    labelled = np.flatnonzero(labels != UNLABELLED)
    count = max(1, round(share * len(labelled)))
    rows = np.sort(rng.choice(labelled, count, replace=False))
    wrong = labels.astype(np.int64, copy=True)
    wrong[rows] = (wrong[rows] + rng.integers(1, classes, count)) % classes
    return PlantedErrors(wrong, rows)


def copy_with_labels(store: ClipStore, labels: np.ndarray, folder: Path) -> ClipStore:
    """Write a copy of a store with other labels, and open it.

    Its fingerprint differs from the original's, so that no run takes one for the other.

    Args:
        store: the original, which is only read.
        labels: (N,) integers, one for each clip.
        folder: of the copy; must not exist.

    Raises:
        StoreError: the folder exists.
    """
    if folder.exists():
        raise StoreError(f"{folder} exists: choose another folder for the copy of {store.path}")
    clips = (store.clip(row) for row in range(len(store)))
    relabelled = (
        replace(clip, record=replace(clip.record, label=int(label)))
        for clip, label in zip(clips, labels, strict=True)
    )
    write_store(folder, store.meta.description, relabelled)
    return ClipStore.open(folder)
