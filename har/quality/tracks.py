"""Where the rows of people lie in the flat arrays of a store."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np


class ClipTable(Protocol):
    """The columns of a store's index that tell where the rows of each clip lie."""

    @property
    def frame_count(self) -> np.ndarray:
        """(N,) T of each clip."""

    @property
    def person_count(self) -> np.ndarray:
        """(N,) M of each clip."""

    @property
    def row_offset(self) -> np.ndarray:
        """(N,) first row of each clip."""

    @property
    def person_stride(self) -> np.ndarray:
        """(N,) rows from one person to the next."""

    @property
    def fps(self) -> np.ndarray:
        """(N,) frames a second."""

    def __len__(self) -> int:
        """N."""


@dataclass(frozen=True, eq=False)
class DenseTable:
    """Where the rows of clips of equal size lie, flattened from (N, M, T, ...)."""

    clips: int
    people: int
    frames: int
    rate: float

    def __len__(self) -> int:
        return self.clips

    @property
    def frame_count(self) -> np.ndarray:
        """(N,) T of each clip."""
        return np.full(self.clips, self.frames)

    @property
    def person_count(self) -> np.ndarray:
        """(N,) M of each clip."""
        return np.full(self.clips, self.people)

    @property
    def row_offset(self) -> np.ndarray:
        """(N,) first row of each clip."""
        return np.arange(self.clips) * self.people * self.frames

    @property
    def person_stride(self) -> np.ndarray:
        """(N,) rows from one person to the next."""
        return self.frame_count

    @property
    def fps(self) -> np.ndarray:
        """(N,) frames a second."""
        return np.full(self.clips, self.rate)


class Tracks:
    """The rows of all people of some clips; a track is one person of one clip."""

    def __init__(self, table: ClipTable, clips: np.ndarray) -> None:
        people, frames = table.person_count[clips], table.frame_count[clips]
        self._clips = len(clips)
        self.count = int(people.sum())
        self._clip_of_track = np.repeat(np.arange(len(clips)), people)
        person = np.arange(self.count) - np.repeat(np.cumsum(people) - people, people)
        length = frames[self._clip_of_track]
        first = (table.row_offset[clips])[self._clip_of_track]
        first = first + person * (table.person_stride[clips])[self._clip_of_track]
        self.track = np.repeat(np.arange(self.count), length)
        self._frame = np.arange(len(self.track)) - np.repeat(np.cumsum(length) - length, length)
        self.rows = first[self.track] + self._frame
        self.clip = self._clip_of_track[self.track]
        self._first_frame = np.cumsum(np.where(people > 0, frames, 0)) - np.where(
            people > 0, frames, 0
        )

    def main(self, weight: np.ndarray) -> np.ndarray:
        """Return (tracks,) bool: the heaviest track of each clip, of equals the first."""
        order = np.lexsort((np.arange(self.count), -weight, self._clip_of_track))
        chosen = np.zeros(self.count, bool)
        firsts = np.unique(self._clip_of_track[order], return_index=True)[1]
        chosen[order[firsts]] = True
        return chosen

    def people(self, seen: np.ndarray) -> np.ndarray:
        """Return how many people are seen in each frame of each clip, the clips in order."""
        frame = self._first_frame[self.clip] + self._frame
        size = int(frame.max()) + 1 if len(frame) else 0
        return np.bincount(frame, seen, size).astype(np.int64)
