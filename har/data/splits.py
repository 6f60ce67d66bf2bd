"""From a protocol to the clips that train, validate and test; a leak between them is refused."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from har.data.clip_lists import read_clip_list
from har.data.folds import fold_name, fold_of_clips, folds
from har.data.index_columns import column_of, counted, known_values, sort_names
from har.data.protocols import PARTS, ProtocolSpec, Selection
from har.errors import SplitError, did_you_mean


@dataclass(frozen=True, slots=True)
class Split:
    """Rows of the store's index, each part sorted.

    Attributes:
        train, val, test: int64 row numbers; ``val`` may be empty.
        missing: clips that the protocol's lists name and the store does not have.
    """

    train: np.ndarray
    val: np.ndarray
    test: np.ndarray
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Validation:
    """Which of the training clips to hold out: all those of some subjects (or cameras, setups).

    At most one of ``count``, ``values`` and ``fraction`` is set; with none, one value is held out.

    Attributes:
        by: attribute whose values are held out.
        count: how many values, drawn with ``seed``.
        values: which values.
        fraction: share of the values in (0, 1), at least one, drawn with ``seed``.
    """

    by: str = "subject"
    count: int | None = None
    values: tuple[str, ...] | None = None
    fraction: float | None = None
    seed: int = 0


def make_split(
    index: Any,
    protocol: ProtocolSpec,
    *,
    fold: str | int | None = None,
    validation: Validation | None = None,
) -> Split:
    """Apply a protocol to the clips of a store.

    Args:
        index: ``StoreIndex``, or anything with its columns as attributes or items.
        protocol: from the card.
        fold: the fold that is tested, by name or as an index into :func:`folds`; for
            leave-one-out and k-fold protocols only.
        validation: what to hold out of the training clips; None for no validation part, or for
            a protocol that has its own.

    Raises:
        SplitError: a part is empty, parts share clips or values that must differ, or the fold or
            the validation cannot be applied.
    """
    parts, missing = _parts_of(index, protocol, fold)
    _refuse_empty(index, protocol, parts)
    check_leaks(index, parts, protocol.disjoint)
    if validation is not None:
        if "val" in parts:
            raise SplitError(
                f"protocol '{protocol.name}' has its own validation part; set validation to null"
            )
        parts["train"], parts["val"] = _hold_out(index, parts["train"], validation)
    empty = np.zeros(0, dtype=np.int64)
    return Split(parts["train"], parts.get("val", empty), parts["test"], missing)


def check_leaks(index: Any, parts: Mapping[str, np.ndarray], disjoint: Iterable[str]) -> None:
    """Refuse parts that share a clip, a recording, or a value of an attribute that must differ.

    Args:
        index: the store's index.
        parts: row numbers of each part.
        disjoint: attributes of which no two parts share a value.

    Raises:
        SplitError: names the parts, the attribute and the shared values.
    """
    for attribute in ("clip_id", *disjoint):
        values = known_values(index, attribute, "the leak check")
        _refuse_overlaps(_values_of_parts(values, parts), attribute.removesuffix("_id"))
    recordings = _recordings(index)
    _refuse_overlaps(_values_of_parts(recordings, parts), "recording")


def _values_of_parts(values: np.ndarray, parts: Mapping[str, np.ndarray]) -> dict[str, set[str]]:
    return {part: set(np.unique(values[rows]).tolist()) for part, rows in parts.items()}


def _recordings(index: Any) -> np.ndarray:
    """Return the recording that each clip is, or is a segment of."""
    known = "recording" in index if isinstance(index, Mapping) else hasattr(index, "recording")
    return column_of(index, "recording" if known else "clip_id")


def check_list_leaks(
    lists: Mapping[str, Iterable[str]], group: Callable[[str], str] | None = None
) -> None:
    """Refuse lists of clips that overlap.

    Args:
        lists: clip ids of each part.
        group: returns what must not be shared, such as the subject, for a clip id; by default
            the clip id itself.

    Raises:
        SplitError: names every pair of parts that overlaps, how much, and the first few names.
    """
    groups = {part: {group(c) if group else c for c in clips} for part, clips in lists.items()}
    _refuse_overlaps(groups, "group" if group else "clip")


def _parts_of(
    index: Any, protocol: ProtocolSpec, fold: str | int | None
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    if protocol.leave_one_out is not None or protocol.k_fold is not None:
        return _one_fold(index, protocol, fold), ()
    if fold is not None:
        raise SplitError(f"protocol '{protocol.name}' has no folds; set fold to null")
    if protocol.lists:
        return _listed(index, protocol)
    return {part: _selected(index, rule) for part, rule in protocol.parts.items()}, ()


def _selected(index: Any, selection: Selection) -> np.ndarray:
    chosen = [np.isin(column_of(index, name), values) for name, values in selection.items()]
    return np.flatnonzero(np.logical_and.reduce(chosen))


def _one_fold(index: Any, protocol: ProtocolSpec, fold: str | int | None) -> dict[str, np.ndarray]:
    value = fold_name(protocol, folds(index, protocol), fold)
    left_out = fold_of_clips(index, protocol) == value
    return {"train": np.flatnonzero(~left_out), "test": np.flatnonzero(left_out)}


def _listed(index: Any, protocol: ProtocolSpec) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    rows_of = _rows_by_name(index)
    lists = {part: read_clip_list(source) for part, source in protocol.lists.items()}
    check_list_leaks(lists)
    missing = tuple(c for clips in lists.values() for c in clips if c not in rows_of)
    parts = {
        part: np.unique([row for clip in clips for row in rows_of.get(clip, ())]).astype(np.int64)
        for part, clips in lists.items()
    }
    for part, rows in parts.items():
        if rows.size == 0:
            raise SplitError(
                f"protocol '{protocol.name}': none of the {len(lists[part])} clips of "
                f"{protocol.lists[part]} is in the store, which has clips such as "
                f"'{next(iter(rows_of), '')}'; the list has '{next(iter(lists[part]), '')}'"
            )
    return parts, missing


def _rows_by_name(index: Any) -> dict[str, list[int]]:
    """Return the rows of each clip, and of each recording that was cut into segments."""
    rows_of: dict[str, list[int]] = {}
    clips, recordings = column_of(index, "clip_id").tolist(), _recordings(index).tolist()
    for row, (clip, recording) in enumerate(zip(clips, recordings, strict=True)):
        for name in {clip, recording}:
            rows_of.setdefault(name, []).append(row)
    return rows_of


def _hold_out(
    index: Any, train: np.ndarray, validation: Validation
) -> tuple[np.ndarray, np.ndarray]:
    """Return the training rows that remain, and the validation rows."""
    column = known_values(index, validation.by, "the validation part")[train]
    available = sort_names(np.unique(column).tolist())
    held_out = np.isin(column, _held_out_values(available, validation))
    if held_out.all():
        raise SplitError(
            f"validation by {validation.by} leaves nothing to train on; "
            f"the training clips have {counted(validation.by, available)}"
        )
    return train[~held_out], train[held_out]


def _held_out_values(available: list[str], validation: Validation) -> list[str]:
    asked = (validation.count, validation.values, validation.fraction)
    if sum(value is not None for value in asked) > 1:
        raise SplitError("validation: set one of count, values and fraction, the others to null")
    if validation.values is not None:
        return _named_values(available, validation)
    if validation.fraction is not None:
        if not 0 < validation.fraction < 1:
            raise SplitError(f"validation.fraction={validation.fraction}: not between 0 and 1")
        count = max(1, round(validation.fraction * len(available)))
    else:
        count = 1 if validation.count is None else validation.count
    if not 1 <= count < max(2, len(available)):
        raise SplitError(
            f"validation.count={count}: must be 1 to {len(available) - 1}; "
            f"the training clips have {counted(validation.by, available)}"
        )
    drawn = np.random.default_rng(validation.seed).permutation(len(available))[:count]
    return [available[position] for position in drawn]


def _named_values(available: list[str], validation: Validation) -> list[str]:
    values = [str(value) for value in validation.values or ()]
    unknown = [value for value in values if value not in available]
    if unknown:
        raise SplitError(
            f"validation.values: no {validation.by} '{unknown[0]}' among the training clips."
            f"{did_you_mean(unknown[0], available)} Available: {', '.join(available)}"
        )
    if not values:
        raise SplitError(f"validation.values is empty. Available: {', '.join(available)}")
    return values


def _refuse_empty(index: Any, protocol: ProtocolSpec, parts: Mapping[str, np.ndarray]) -> None:
    for part in PARTS:
        if part in parts and parts[part].size == 0:
            rule = protocol.parts.get(part, {})
            present = "; ".join(
                f"the store has {counted(name, sort_names(np.unique(column_of(index, name))))}"
                for name in rule
            )
            wanted = ", ".join(counted(name, list(values)) for name, values in rule.items())
            raise SplitError(
                f"protocol '{protocol.name}': the {part} part ({wanted}) is empty; {present}"
            )


def _refuse_overlaps(of_part: Mapping[str, set[str]], kind: str) -> None:
    leaks = [
        f"{first} and {second} share {counted(kind, sort_names(shared))}"
        for first, second in combinations(of_part, 2)
        if (shared := of_part[first] & of_part[second])
    ]
    if leaks:
        raise SplitError("leak: " + "; ".join(leaks))
