"""All pairs of clips that are nearer to each other than a threshold: exact, in bounded memory."""

from dataclasses import dataclass

import numpy as np

from har.audit.pose_features import PoseFeatures

BLOCK = 1024
MOST_PAIRS = 100_000
_ROUNDING = 1e-5
"""Error of a squared distance that float32 products of unit vectors may have."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of rows, nearest first.

    Attributes:
        first, second: (P,) int64, rows with first < second.
        distance: (P,) float64, the smaller of the plain and the mirrored distance.
        mirrored: (P,) bool, nearer with left and right exchanged.
        left_out: pairs beyond ``MOST_PAIRS``, the farther ones, that are not listed.
    """

    first: np.ndarray
    second: np.ndarray
    distance: np.ndarray
    mirrored: np.ndarray
    left_out: int = 0


def near_pairs(
    features: PoseFeatures, rows: np.ndarray, threshold: float, most: int = MOST_PAIRS
) -> Pairs:
    """Find every pair of clips at most ``threshold`` apart, mirrored or not.

    Two blocks of features are in memory at a time, and at most ``most`` pairs between blocks.

    Args:
        features: of the clips.
        rows: clips to compare, sorted.
        threshold: largest distance.
        most: pairs to keep.
    """
    kept = _none()
    starts = range(0, len(rows), BLOCK)
    for i in starts:
        here = rows[i : i + BLOCK]
        block = features.read(here)
        mirror = features.mirror(block)
        for j in starts[i // BLOCK :]:
            there = rows[j : j + BLOCK]
            other = block if i == j else features.read(there)
            found = _pairs_of_blocks(here, there, (block, mirror), other, threshold)
            kept = _nearest([kept, found], most)
    return kept


def distances_within_groups(features: PoseFeatures, groups: list[np.ndarray]) -> np.ndarray:
    """Return the distance of each clip to the nearest other clip of its group.

    Args:
        features: of the clips.
        groups: rows of each group; groups of one clip give nothing.
    """
    nearest = [_nearest_in_group(features.read(rows)) for rows in groups if len(rows) > 1]
    return np.concatenate(nearest) if nearest else np.zeros(0)


def _nearest_in_group(block: np.ndarray) -> np.ndarray:
    best = np.empty(len(block))
    for start in range(0, len(block), BLOCK):
        squares = _squared_distances(block[start : start + BLOCK], block)
        own = np.arange(start, start + len(squares))
        squares[own - start, own] = np.inf
        nearest = squares.argmin(axis=1)
        best[own] = _exact(block[own], block[nearest])
    return best


def _pairs_of_blocks(
    here: np.ndarray,
    there: np.ndarray,
    block: tuple[np.ndarray, np.ndarray],
    other: np.ndarray,
    threshold: float,
) -> Pairs:
    limit = threshold**2 + _ROUNDING
    near = [_squared_distances(side, other) <= limit for side in block]
    a, b = np.nonzero((near[0] | near[1]) & (here[:, None] < there))
    plain, mirrored = (_exact(side[a], other[b]) for side in block)
    distance = np.minimum(plain, mirrored)
    within = distance <= threshold
    a, b = a[within], b[within]
    return Pairs(here[a], there[b], distance[within], (mirrored < plain)[within])


def _squared_distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return (A, B) float32 squared distances, to within ``_ROUNDING``."""
    norms = (np.einsum("ij,ij->i", side, side) for side in (first, second))
    return next(norms)[:, None] + next(norms)[None, :] - 2 * (first @ second.T)


def _exact(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the distances of vectors row by row, in float64."""
    result = np.empty(len(first))
    for start in range(0, len(first), BLOCK):
        rows = slice(start, start + BLOCK)
        difference = first[rows].astype(np.float64) - second[rows]
        result[rows] = np.sqrt((difference**2).sum(axis=1))
    return result


def _none() -> Pairs:
    integers = np.zeros(0, dtype=np.int64)
    return Pairs(integers, integers, np.zeros(0), np.zeros(0, dtype=bool))


def _nearest(parts: list[Pairs], most: int) -> Pairs:
    """Join pairs, nearest first, and keep at most ``most`` of them."""
    first, second, distance, mirrored = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("first", "second", "distance", "mirrored")
    )
    order = np.lexsort((second, first, distance))[:most]
    left_out = sum(part.left_out for part in parts) + len(distance) - len(order)
    return Pairs(first[order], second[order], distance[order], mirrored[order], left_out)
