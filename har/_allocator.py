"""Memory allocation that suits large tensors on a CPU with glibc.

By default glibc gives every block over 32 MiB back to the system when it is freed, and the next
tensor of that size pays for mapping and clearing its pages anew. Here freed memory stays with the
process, so that its resident memory is the peak so far.
"""

import ctypes
import gc
import os
import platform

VARIABLE = "HAR_ALLOCATOR"
DEFAULT = "default"
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4  # numbers of malloc.h
_NEVER = -1
_GROWTH_BYTES = 64 << 20


def keep_freed_memory() -> bool:
    """Let the C library keep freed memory for the next tensors; call it before the first ones.

    Nothing happens on systems without glibc, and where the environment has
    ``HAR_ALLOCATOR=default`` or sets the C library up by ``GLIBC_TUNABLES`` itself.

    Returns:
        Whether it was set.
    """
    chosen_otherwise = os.environ.get(VARIABLE) == DEFAULT or "GLIBC_TUNABLES" in os.environ
    if chosen_otherwise or platform.libc_ver()[0] != "glibc":
        return False
    options = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, _NEVER), (_TOP_PAD, _GROWTH_BYTES))
    set_option = ctypes.CDLL(None).mallopt
    return all(set_option(option, value) == 1 for option, value in options)


def release_freed_memory() -> None:
    """Give the system what was freed and kept, such as between a training and what follows it.

    Nothing happens on systems without glibc.
    """
    if platform.libc_ver()[0] == "glibc":
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
