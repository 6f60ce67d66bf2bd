"""What every temporal sampler does, and the arithmetic that they share."""

from typing import Protocol

import numpy as np

from har.errors import ConfigError, StoreError


class Sampler(Protocol):
    """Chooses K views of T frame positions in each of N clips."""

    @property
    def frames(self) -> int:
        """T, frames in a view."""

    @property
    def views(self) -> int:
        """K, views of a clip."""

    def __call__(self, frame_counts: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
        """Return frame positions, (N, K, T) float64, each in [0, frame count - 1].

        A fractional position lies between two frames and asks for linear interpolation.

        Args:
            frame_counts: (N,) integers, all at least 1.
            rng: draws the training views; None gives the deterministic views of testing, which
                depend on the clip's own length only.
        """


def check_at_least_one(owner: str, **values: int) -> None:
    """Raise ConfigError for the first value below 1."""
    for name, value in values.items():
        if value < 1:
            raise ConfigError(f"{owner}: {name}={value} must be at least 1")


def clip_lengths(frame_counts: np.ndarray) -> np.ndarray:
    """Return the frame counts as (N,) int64; raise StoreError for a clip without frames."""
    lengths = np.asarray(frame_counts, dtype=np.int64)
    empty = np.flatnonzero(lengths < 1)
    if empty.size:
        raise StoreError(
            f"{empty.size} of {lengths.size} clips have no frames (the first is number {empty[0]} "
            "of the batch): prepare the dataset again, which leaves such clips out"
        )
    return lengths


def pick(draws: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Turn draws in [0, 1) into integers in [0, sizes)."""
    return np.floor(draws * sizes).astype(np.int64)


def spread_starts(room: np.ndarray, views: int) -> np.ndarray:
    """Return K starts evenly spaced over [0, room], (N,) -> (N, K); a single one in the middle."""
    shares = np.linspace(0.0, 1.0, views) if views > 1 else np.array([0.5])
    return np.rint(room[:, None] * shares).astype(np.int64)


def resize(starts: np.ndarray, lengths: np.ndarray, frames: int) -> np.ndarray:
    """Return T positions that resize each crop linearly, (N, K) -> (N, K, T).

    Frames are taken as cells whose value sits at their middle, as image resizing does
    (``align_corners=False``), and the outer positions are held inside the crop.
    """
    starts, lengths = starts[..., None], lengths[..., None]
    inside = (np.arange(frames) + 0.5) * (lengths / frames) - 0.5
    return starts + np.clip(inside, 0, lengths - 1)
