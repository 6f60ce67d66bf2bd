"""The folders of a preparation: what may go where, one process at a time, full disks."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from har.data.store_meta import META_FILE, partial_folder
from har.errors import StoreError

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
PARTS_FOLDER = "parts"
RAW_FOLDER = "raw"
_LOCK_FILE = "lock"
FileStamp = tuple[str, int, int]


def check_places(raw: Path | None, out: Path) -> None:
    """Refuse an ``out`` that would overwrite something else than a store, or mix with the raw data.

    Raises:
        StoreError: names both folders and the fix.
    """
    if out.exists() and not (out / META_FILE).is_file() and (out.is_file() or any(out.iterdir())):
        raise StoreError(
            f"{out} exists and is no clip store, so it is not overwritten. Give another folder as "
            f"out=, or remove it."
        )
    if raw is None:
        return
    source, target = raw.resolve(), out.resolve()
    if target.is_relative_to(source) or source.is_relative_to(target):
        raise StoreError(
            f"The clip store {out} and the raw data {raw} lie in one another. Give another folder "
            f"as out=, or the folder of this dataset alone as raw=."
        )


def stamp_files(raw: Path | None) -> list[FileStamp]:
    """Return name, size and time of change (ns) of each raw file, sorted, to see changes by."""
    if raw is None:
        return []
    if not raw.exists():
        raise StoreError(f"The raw data {raw} does not exist. Check the path given as raw=.")
    if raw.is_file():
        return [_stamp(raw, raw.parent)]
    paths = (Path(top, name) for top, _, names in os.walk(raw) for name in names)
    return sorted(_stamp(path, raw) for path in paths)


def _stamp(path: Path, folder: Path) -> FileStamp:
    status = path.lstat() if not path.exists() else path.stat()
    return path.relative_to(folder).as_posix(), status.st_size, status.st_mtime_ns


@contextmanager
def only_process(partial: Path) -> Iterator[None]:
    """Hold ``partial`` for this process; the system frees it when the process ends in any way.

    Raises:
        StoreError: another process prepares the same store.
    """
    partial.mkdir(parents=True, exist_ok=True)
    with (partial / _LOCK_FILE).open("w") as file:
        if not _lock(file.fileno()):
            raise StoreError(
                f"Another process is preparing this dataset in {partial}. Wait for it to finish."
            )
        yield


def _lock(descriptor: int) -> bool:
    """Take the lock where the system has such locks; False where another process has it."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def empty_partial(partial: Path) -> None:
    """Remove everything from ``partial`` but its lock."""
    for entry in partial.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        elif entry.name != _LOCK_FILE:
            entry.unlink()


def remove_if_useless(partial: Path) -> None:
    """Remove ``partial`` after a failure, unless it holds something to go on from."""
    parts = partial / PARTS_FOLDER
    finished = parts.is_dir() and any(parts.iterdir())
    if not finished and not (partial / RAW_FOLDER).is_dir():
        shutil.rmtree(partial, ignore_errors=True)


def install(store: Path, out: Path) -> None:
    """Move a finished store into place, in exchange for the one that may be there."""
    partial = partial_folder(out)
    replaced = partial / "replaced"
    shutil.rmtree(replaced, ignore_errors=True)
    if out.exists():
        out.rename(replaced)
    store.rename(out)
    shutil.rmtree(partial, ignore_errors=True)


@dataclass
class DiskSpace:
    """Follows how much a preparation has written, to say how much more it needs.

    Attributes:
        folder: where it writes.
        raw_bytes: size of the raw data.
        part_bytes, share: size of the finished parts, and their share of all items.
    """

    folder: Path
    raw_bytes: int
    part_bytes: int = 0
    share: float = 0.0

    def needed(self) -> int | None:
        """Return the bytes still to write: the other parts, and a merged copy of all; or None."""
        if self.share == 0:
            return None
        total = self.part_bytes / self.share
        return round(total - self.part_bytes + total)

    def check(self) -> None:
        """Refuse to go on where the disk lacks the room for what is still needed."""
        if (self.needed() or 0) > self._free():
            raise self._full()

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn the system's error for a full disk into a message that says what to do."""
        try:
            yield
        except OSError as error:
            if error.errno in _DISK_FULL:
                raise self._full() from error
            raise

    def _free(self) -> int:
        return shutil.disk_usage(self.folder).free

    def _full(self) -> StoreError:
        needed = self.needed()
        amount = (
            f"about {format_bytes(needed)} more are needed there"
            if needed is not None
            else f"how much is needed is not known yet (raw data: {format_bytes(self.raw_bytes)})"
        )
        return StoreError(
            f"The disk of {self.folder} is full: {amount}, {format_bytes(self._free())} are free. "
            f"The finished parts are kept: free some space and run the same command again, or "
            f"prepare elsewhere with out=<folder>."
        )


def format_bytes(count: float) -> str:
    """Return a size in the unit that suits it, such as ``1.2 GB``."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
