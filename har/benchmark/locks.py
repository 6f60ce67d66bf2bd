"""Locks of folders that several processes write to."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = "lock"


def is_held(folder: Path) -> bool:
    """Return whether another process holds a folder, or may hold it on a disk without locks.

    A cell of a benchmark that is still "running" and not held is one whose benchmark was killed.
    """
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Let no other process that asks for the folder have it meanwhile; wait for the one that has.

    On a disk without locks nobody waits.
    """
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"another process is at {folder}: waiting for it", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError:
            pass
        yield
