"""Clips that are in a dataset more than once, and whether a protocol trains on one to test another.

Two kinds are found: clips whose joints are equal byte for byte, and clips whose pose features are
nearer to each other than two performances of one class by one person ever are as a rule, seen as
they are or mirrored. A clip cut out of another, or turned about the vertical, is not found.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from har.audit.neighbours import Pairs, distances_within_groups, near_pairs
from har.audit.pose_features import PoseFeatures
from har.data.copies import clip_digests
from har.data.folds import fold_of_clips
from har.data.protocols import ProtocolSpec
from har.data.splits import make_split
from har.data.store import ClipStore
from har.errors import HarError

SPREADS = 3.5
FEWEST_DISTANCES = 20
COLUMNS = (
    "clip_a", "clip_b", "kind", "distance", "crosses_the_split", "part_a", "part_b",
    "label_a", "label_b", "subject_a", "subject_b", "camera_a", "camera_b",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Threshold:
    """Largest distance of near-duplicates, and the distances it comes from.

    Attributes:
        value: the threshold; 0 finds byte-equal clips only.
        median: of the distances between a clip and the nearest other of its subject and class.
        count: how many such distances there were.
    """

    value: float
    median: float
    count: int


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Pairs of duplicates: first those across parts of the protocol, then by distance.

    Attributes:
        rows: each a value for every one of ``COLUMNS``.
        threshold: how near is near.
        left_out: pairs beyond the most that are listed.
        unseen: clips in which no joint is seen; they are compared with none.
    """

    rows: tuple[tuple[Any, ...], ...]
    threshold: Threshold
    left_out: int
    unseen: int

    def summary(self) -> dict[str, Any]:
        """Return counts and threshold as plain data."""
        kinds = [row[COLUMNS.index("kind")] for row in self.rows]
        crossing = [row[COLUMNS.index("crosses_the_split")] for row in self.rows]
        labels = [COLUMNS.index(name) for name in ("label_a", "label_b")]
        contradicting = [row for row in self.rows if row[labels[0]] != row[labels[1]]]
        return {
            "pairs": {kind: kinds.count(kind) for kind in ("byte_equal", "near", "mirrored")},
            "pairs_across_the_split": sum(crossing),
            "pairs_with_different_labels": len(contradicting),
            "threshold": self.threshold,
            "pairs_left_out": self.left_out,
            "clips_without_a_seen_joint": self.unseen,
        }


def find_duplicates(
    store: ClipStore, parts: np.ndarray, threshold: float | None = None
) -> Duplicates:
    """Find duplicates among all clips of a store.

    Args:
        store: the clips.
        parts: (N,) str, the part of the protocol that each clip is in; "" for none.
        threshold: largest distance of near-duplicates; None takes :func:`choose_threshold`.

    Raises:
        HarError: a threshold below 0.
    """
    if threshold is not None and threshold < 0:
        raise HarError(f"duplicate_threshold={threshold}: a distance cannot be below 0")
    features = PoseFeatures(store)
    digests = clip_digests(store)
    seen = _seen(features)
    _, originals = np.unique(digests, return_index=True)
    distinct = np.sort(originals[seen[originals]])
    chosen = choose_threshold(features, store, distinct)
    if threshold is not None:
        chosen = Threshold(threshold, chosen.median, chosen.count)
    near = near_pairs(features, np.flatnonzero(seen), chosen.value)
    equal = _equal_pairs(digests, parts)
    different = digests[near.first] != digests[near.second]
    rows = [*_rows(store, parts, equal, "byte_equal")]
    rows += _rows(store, parts, _only(near, different & ~near.mirrored), "near")
    rows += _rows(store, parts, _only(near, different & near.mirrored), "mirrored")
    rows.sort(key=lambda row: (not row[4], row[3]))
    return Duplicates(tuple(rows), chosen, near.left_out, int((~seen).sum()))


def parts_of_clips(
    store: ClipStore, protocol: ProtocolSpec, fold: str | int | None = None
) -> np.ndarray:
    """Return (N,) str: the part of a protocol that each clip is in, "" for none.

    For a protocol with folds, of which none is given, the parts are the folds.
    """
    has_folds = protocol.leave_one_out is not None or protocol.k_fold is not None
    if has_folds and fold is None:
        return fold_of_clips(store.index, protocol)
    parts = np.full(len(store), "", dtype="<U5")
    split = make_split(store.index, protocol, fold=fold)
    for name in ("train", "val", "test"):
        parts[getattr(split, name)] = name
    return parts


def choose_threshold(features: PoseFeatures, store: ClipStore, rows: np.ndarray) -> Threshold:
    """Return the distance below which two clips are hardly two performances.

    The distances from each clip to the nearest other of its subject and class are about
    log-normal. The threshold lies ``SPREADS`` robust standard deviations (1.4826 times the median
    absolute deviation) below their median, in logarithms.

    Args:
        features: of the clips.
        store: the clips.
        rows: clips to choose from, each different from all others.
    """
    index = store.index
    keys = list(zip(index.subject[rows].tolist(), index.label[rows].tolist(), strict=True))
    order = sorted(range(len(rows)), key=keys.__getitem__)
    groups = [rows[list(group)] for _, group in groupby(order, key=keys.__getitem__)]
    distances = distances_within_groups(features, groups)
    logs = np.log(distances[distances > 0])
    if len(logs) < FEWEST_DISTANCES:
        return Threshold(0.0, float("nan"), len(logs))
    median = float(np.median(logs))
    spread = 1.4826 * float(np.median(np.abs(logs - median)))
    return Threshold(float(np.exp(median - SPREADS * spread)), float(np.exp(median)), len(logs))


def _seen(features: PoseFeatures, block: int = 4096) -> np.ndarray:
    rows = np.arange(len(features))
    blocks = (features.read(rows[i : i + block]) for i in range(0, len(rows), block))
    return np.concatenate([part.any(axis=1) for part in blocks])


def _equal_pairs(digests: np.ndarray, parts: np.ndarray) -> Pairs:
    """Pair each clip with an equal one before it, one of another part if there is any."""
    earlier: dict[str, dict[str, int]] = {}
    first, second = [], []
    for row, (digest, part) in enumerate(zip(digests.tolist(), parts.tolist(), strict=True)):
        equal = earlier.setdefault(digest, {})
        if equal:
            other = next((r for p, r in equal.items() if p != part), None)
            first.append(next(iter(equal.values())) if other is None else other)
            second.append(row)
        equal.setdefault(part, row)
    rows = np.array([first, second], dtype=np.int64)
    return Pairs(rows[0], rows[1], np.zeros(len(first)), np.zeros(len(first), dtype=bool))


def _only(pairs: Pairs, kept: np.ndarray) -> Pairs:
    return Pairs(pairs.first[kept], pairs.second[kept], pairs.distance[kept], pairs.mirrored[kept])


def _rows(
    store: ClipStore, parts: np.ndarray, pairs: Pairs, kind: str
) -> Iterator[tuple[Any, ...]]:
    index = store.index
    names: Mapping[int, str] = {-1: "", **dict(enumerate(store.labels))}
    for a, b, distance in zip(pairs.first, pairs.second, pairs.distance, strict=True):
        in_parts = str(parts[a]), str(parts[b])
        yield (
            str(index.clip_id[a]), str(index.clip_id[b]), kind, round(float(distance), 6),
            all(in_parts) and in_parts[0] != in_parts[1], *in_parts,
            names[int(index.label[a])], names[int(index.label[b])],
            str(index.subject[a]), str(index.subject[b]),
            str(index.camera[a]), str(index.camera[b]),
        )  # fmt: skip
