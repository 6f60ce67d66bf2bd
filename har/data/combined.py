"""Several prepared datasets read as one: one index, one joint layout, one list of labels."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Protocol

import numpy as np

from har.data.splits import Split
from har.data.store import ClipStore, StoreIndex
from har.errors import StoreError
from har.samples import UNLABELLED
from har.skeleton.convert import conversion
from har.skeleton.layout import load_layout

_NAMED_APART = ("clip_id", "recording", "subject", "camera", "setup")
"""Columns in which two datasets may use the same word for different things."""


class ClipSource(Protocol):
    """What is needed to serve clips in batches: one store, or several as one."""

    @property
    def index(self) -> StoreIndex:
        """What is known about every clip."""

    @property
    def layout(self) -> str:
        """Name of the joint layout of what ``gather`` returns."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes."""

    @property
    def coordinates(self) -> int:
        """C of the joints."""

    @property
    def fingerprint(self) -> str:
        """Hash of the data and its meaning."""

    @property
    def origin(self) -> str:
        """Where the clips lie, for messages."""

    @property
    def dataset(self) -> np.ndarray:
        """(N,) number of the dataset that each clip is from."""

    def gather(
        self, rows: np.ndarray, positions: np.ndarray, people: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return joints, confidence and person mask; see ``ClipStore.gather``."""


@dataclass(frozen=True, eq=False)
class CombinedStore:
    """Clips of several stores, one after the other.

    Joints are converted to the common layout when they are read; what a dataset's sensor does not
    give is marked as not seen. Subjects, cameras, setups and clips are named ``dataset/name``, so
    that subject 1 of one dataset is nobody in another.

    Args:
        stores: by name of the dataset.
        layout: name of the common joint layout.

    Raises:
        StoreError: there is no store, or 2D and 3D coordinates are mixed.
        LayoutError: a dataset shares no joint with the layout.
    """

    stores: Mapping[str, ClipStore]
    layout: str

    def __post_init__(self) -> None:
        if not self.stores:
            raise StoreError("There is no dataset to combine: name at least one in data.sources")
        found = {name: store.coordinates for name, store in self.stores.items()}
        if len(set(found.values())) > 1:
            told = ", ".join(f"{name} has {count}" for name, count in found.items())
            raise StoreError(f"Datasets with 2D and 3D coordinates cannot be combined: {told}")
        target = load_layout(self.layout)
        for store in self.stores.values():
            conversion(load_layout(store.layout), target)

    def __len__(self) -> int:
        return int(self.offsets[-1])

    @property
    def labels(self) -> tuple[str, ...]:
        """``dataset/label`` for all labels of all datasets."""
        return tuple(f"{name}/{label}" for name, own in self.stores.items() for label in own.labels)

    @property
    def coordinates(self) -> int:
        """C of the joints."""
        return next(iter(self.stores.values())).coordinates

    @property
    def fingerprint(self) -> str:
        """Hash of the data of all datasets and of the layout they are converted to."""
        parts = [self.layout, *(f"{n}={s.fingerprint}" for n, s in self.stores.items())]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @property
    def origin(self) -> str:
        """The folders of the stores."""
        return ", ".join(store.origin for store in self.stores.values())

    @cached_property
    def offsets(self) -> np.ndarray:
        """(D + 1,) first row of each dataset, and the number of all clips."""
        return np.cumsum([0, *(len(store.index) for store in self.stores.values())])

    @cached_property
    def dataset(self) -> np.ndarray:
        """(N,) position of each clip's dataset in ``stores``."""
        return np.repeat(np.arange(len(self.stores)), np.diff(self.offsets))

    @cached_property
    def index(self) -> StoreIndex:
        """The index of all clips; labels count through ``labels``, ``row_offset`` is each store's.

        Conditions are known for the clips of the datasets that have them.
        """
        first_label = np.cumsum([0, *(len(store.labels) for store in self.stores.values())])
        parts = [
            _own_columns(name, store.index, first)
            for (name, store), first in zip(self.stores.items(), first_label[:-1], strict=True)
        ]
        columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        return StoreIndex(**columns, conditions=self._conditions())

    def gather(
        self, rows: np.ndarray, positions: np.ndarray, people: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return joints, confidence and person mask in the common layout.

        Args and results are those of ``ClipStore.gather``.
        """
        clips, views, frames = positions.shape
        shape = (clips, views, people, frames, load_layout(self.layout).num_joints)
        joints = np.zeros((*shape, self.coordinates), np.float32)
        confidence = np.zeros(shape, np.float32)
        mask = np.zeros(shape[:3], bool)
        for number, store in enumerate(self.stores.values()):
            here = np.flatnonzero(self.dataset[rows] == number)
            if len(here) == 0:
                continue
            own = store.gather(rows[here] - self.offsets[number], positions[here], people)
            own_joints, own_confidence = self._convert(store, own[0], own[1])
            joints[here] = own_joints.reshape(len(here), *joints.shape[1:])
            confidence[here] = own_confidence.reshape(len(here), *shape[1:])
            seen = (confidence[here] > 0).any(axis=(3, 4))
            mask[here] = own[2].reshape(len(here), *mask.shape[1:]) & seen
        return (
            joints.reshape(-1, *joints.shape[2:]),
            confidence.reshape(-1, *shape[2:]),
            _flat(mask),
        )

    def split(self, splits: Mapping[str, Split]) -> Split:
        """Join the splits of the datasets into one over the rows of this store."""
        parts = {
            part: np.concatenate(
                [
                    getattr(splits[name], part) + offset
                    for name, offset in zip(self.stores, self.offsets, strict=False)
                ]
            )
            for part in ("train", "val", "test")
        }
        missing = tuple(f"{name}/{clip}" for name in self.stores for clip in splits[name].missing)
        return Split(**parts, missing=missing)

    def _convert(
        self, store: ClipStore, joints: np.ndarray, confidence: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        if store.layout == self.layout:
            return joints, confidence
        return conversion(load_layout(store.layout), load_layout(self.layout)).apply(
            joints, confidence
        )

    def _conditions(self) -> dict[str, np.ndarray]:
        names = sorted({key for store in self.stores.values() for key in store.index.conditions})
        return {
            name: np.concatenate(
                [
                    store.index.conditions.get(name, np.full(len(store.index), np.nan))
                    for store in self.stores.values()
                ]
            )
            for name in names
        }


def _own_columns(dataset: str, index: StoreIndex, first_label: int) -> dict[str, np.ndarray]:
    names = [item.name for item in fields(index) if item.name != "conditions"]
    columns = {name: getattr(index, name) for name in names if getattr(index, name) is not None}
    for name in _NAMED_APART:
        named = np.char.add(f"{dataset}/", columns[name])
        columns[name] = np.where(columns[name] == "", "", named)
    label = columns["label"]
    columns["label"] = np.where(label == UNLABELLED, UNLABELLED, label + first_label)
    return columns


def _flat(views: np.ndarray) -> np.ndarray:
    return views.reshape(-1, *views.shape[2:])
