"""Columns of a store's index as a protocol reads them, and names in messages about them."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from har.data.protocols import ATTRIBUTES
from har.errors import SplitError, did_you_mean

SHOWN = 5


def sort_names(names: Iterable[str]) -> list[str]:
    """Return names sorted, those that are whole numbers by their value and first."""
    return sorted(names, key=lambda name: (not name.isdecimal(), name.zfill(20), name))


def known_values(index: Any, attribute: str, user: str) -> np.ndarray:
    """Return a column that is known for every clip, or raise SplitError."""
    values = column_of(index, attribute)
    unknown = int((values == "").sum())
    if unknown:
        raise SplitError(
            f"{user} needs the {attribute} of every clip; it is unknown for {unknown} of "
            f"{len(values)} clips of the store"
        )
    return values


def column_of(index: Any, name: str) -> np.ndarray:
    """Return the clip ids or an attribute of every clip as (N,) str, or raise SplitError.

    Args:
        index: ``StoreIndex``, or anything with its columns as attributes or items.
        name: ``clip_id``, ``recording`` or one of ``ATTRIBUTES``.
    """
    if name not in (*ATTRIBUTES, "clip_id", "recording"):
        raise SplitError(
            f"unknown attribute '{name}'.{did_you_mean(name, ATTRIBUTES)} "
            f"Allowed: {', '.join(ATTRIBUTES)}"
        )
    column = index[name] if isinstance(index, Mapping) else getattr(index, name)
    return np.asarray(column).astype(str)


def counted(kind: str, names: list[str]) -> str:
    """Return ``7 subjects: 1, 2, 3, 4, 5, ...``."""
    shown = ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
    return f"{len(names)} {kind}{'s' if len(names) > 1 else ''}: {shown}"
