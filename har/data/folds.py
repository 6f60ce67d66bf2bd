"""Protocols with folds: which fold tests which clip."""

from typing import Any

import numpy as np

from har.data.index_columns import counted, known_values, sort_names
from har.data.protocols import KFold, ProtocolSpec
from har.errors import SplitError


def folds(index: Any, protocol: ProtocolSpec) -> list[str]:
    """Return the names of a protocol's folds.

    Those of a leave-one-out protocol are the values of its attribute, sorted; those of a k-fold
    protocol are the numbers from 0.

    Raises:
        SplitError: the protocol has no folds.
    """
    return sort_names(np.unique(fold_of_clips(index, protocol)).tolist())


def fold_of_clips(index: Any, protocol: ProtocolSpec) -> np.ndarray:
    """Return (N,) str: the name of the fold in which each clip is tested.

    Raises:
        SplitError: the protocol has no folds, its attribute is not known for every clip, or there
            are more folds than values.
    """
    user = f"protocol '{protocol.name}'"
    if protocol.leave_one_out is not None:
        return known_values(index, protocol.leave_one_out, user)
    if protocol.k_fold is None:
        raise SplitError(f"{user} has no folds; set fold to null")
    return _dealt(known_values(index, protocol.k_fold.by, user), protocol.k_fold, user)


def _dealt(column: np.ndarray, rule: KFold, user: str) -> np.ndarray:
    """Deal values to folds, those with most clips first, each to the smallest fold so far.

    The seed decides the order of values of equal size.
    """
    values, of_clip, sizes = np.unique(column, return_inverse=True, return_counts=True)
    if rule.count > len(values):
        names = counted(rule.by, sort_names(values.tolist()))
        raise SplitError(f"{user} asks for {rule.count} folds; the store has {names}")
    rng = np.random.default_rng(rule.seed)
    shuffled = rng.permutation(len(values))
    by_size = shuffled[np.argsort(-sizes[shuffled], kind="stable")]
    fold_sizes, fold = np.zeros(rule.count, dtype=np.int64), np.empty(len(values), dtype=np.int64)
    for value in by_size:
        fold[value] = fold_sizes.argmin()
        fold_sizes[fold[value]] += sizes[value]
    return fold[of_clip].astype(str)


def fold_name(protocol: ProtocolSpec, names: list[str], fold: str | int | None) -> str:
    """Return the name of the fold; an index is taken only where no name could be meant."""
    if fold is not None and str(fold) in names:
        return str(fold)
    numbered = any(name.isdecimal() for name in names)
    if not numbered and str(fold).isdecimal() and int(str(fold)) < len(names):
        return names[int(str(fold))]
    asked = "needs a fold" if fold is None else f"has no fold '{fold}'"
    raise SplitError(
        f"protocol '{protocol.name}' {asked}. "
        f"Available ({protocol.leave_one_out or 'folds'}): {', '.join(names)}"
    )
