"""Errors that a user can mend: each message names the value, what is allowed, and the fix.

The command line prints them without a traceback. Anything else that escapes is a bug of ours.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class HarError(Exception):
    """Base of every error caused by what a user gave: a file, a value, a combination."""


class ConfigError(HarError, ValueError):
    """A configuration that cannot be built; lists all problems found, not only the first."""


class LayoutError(HarError, ValueError):
    """An unknown or malformed joint layout, or joints that do not fit the layout."""


class CardError(HarError, ValueError):
    """A dataset card that is missing, malformed, or names something that does not exist."""


class TaxonomyError(HarError, ValueError):
    """A concept or a label mapping that is malformed or unknown; one line for each problem."""


class BadSampleError(HarError, ValueError):
    """One raw sample that cannot be read. A batch job records it in ``skipped.csv`` and goes on."""

    def __init__(self, source: str, reason: str):
        super().__init__(f"{source}: {reason}")
        self.source = source
        self.reason = reason

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        """Keep both fields when a worker process sends the error back."""
        return type(self), (self.source, self.reason)


class VideoError(HarError, ValueError):
    """A video, or one frame of it, that cannot be read; names the file and the frame.

    Attributes:
        path: the file.
        reason: what is wrong.
        frame: number of the frame, counted from 0; None where the whole file is meant.
    """

    def __init__(self, path: str, reason: str, frame: int | None = None):
        where = "" if frame is None else f"frame {frame}: "
        super().__init__(f"{path}: {where}{reason}")
        self.path = path
        self.reason = reason
        self.frame = frame

    def __reduce__(self) -> tuple[type, tuple[str, str, int | None]]:
        """Keep the fields when a worker process sends the error back."""
        return type(self), (self.path, self.reason, self.frame)


class StoreError(HarError, ValueError):
    """A clip store that is missing, incomplete, damaged, or of another schema version."""


class SplitError(HarError, ValueError):
    """A protocol that cannot be applied: unknown name, empty part, or a leak between parts."""


class CheckpointError(HarError, ValueError):
    """A checkpoint that is missing, damaged, unsafe, or belongs to another model."""


def did_you_mean(value: str, allowed: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the closest allowed word, or an empty string."""
    close = get_close_matches(value, list(allowed), n=1, cutoff=0.6)
    return f" Did you mean '{close[0]}'?" if close else ""
