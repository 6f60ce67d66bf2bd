"""Finding raw files, the same way in every adapter."""

from collections.abc import Iterable
from pathlib import Path

from har.data.cards import Card
from har.errors import HarError


def list_files(card: Card, raw: Path | None, pattern: str) -> list[str]:
    """Return the files below ``raw`` that match ``pattern``, as sorted relative POSIX paths.

    Raises:
        HarError: no folder given, it does not exist, or nothing in it matches.
    """
    if raw is None:
        raise HarError(f"{card.name}: needs the folder of its raw files. {card.obtain}".strip())
    if not raw.is_dir():
        raise HarError(f"{card.name}: the raw folder {raw} does not exist. {card.obtain}".strip())
    found = sorted(path.relative_to(raw).as_posix() for path in raw.rglob(pattern))
    if not found:
        raise HarError(f"{card.name}: no {pattern} file below {raw}. {card.obtain}".strip())
    return found


def without_zeros(name: str) -> str:
    """Return a number of a file name as the protocols write it: ``"007"`` becomes ``"7"``."""
    return str(int(name))


def shorten(words: Iterable[str], limit: int = 5) -> str:
    """Return the first words joined by commas, and how many were left out."""
    listed = list(words)
    rest = f" and {len(listed) - limit} more" if len(listed) > limit else ""
    return ", ".join(listed[:limit]) + rest
