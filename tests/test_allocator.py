"""The C library is set up in processes of their own: the setting lasts as long as a process."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import sys
from har._allocator import keep_freed_memory
print(keep_freed_memory())
import resource
import numpy as np

def page_faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(16 << 20, np.uint32)  # 64 MiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

page_faults()
print(page_faults())
"""

glibc_only = pytest.mark.skipif(
    not sys.platform.startswith("linux") or not os.confstr("CS_GNU_LIBC_VERSION"),
    reason="the C library is not glibc",
)


def run(script: str, **environment: str) -> list[str]:
    """Run a script, with nothing set up but the environment given; return its lines."""
    kept = {k: v for k, v in os.environ.items() if k not in ("HAR_ALLOCATOR", "GLIBC_TUNABLES")}
    command = [sys.executable, "-c", script]
    done = subprocess.run(
        command, env=kept | environment, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


@glibc_only
def test_freed_memory_is_used_again_without_new_pages():
    done, faults = run(SCRIPT)
    assert done == "True"
    assert int(faults) < 100


@glibc_only
@pytest.mark.parametrize(
    "environment",
    [{"HAR_ALLOCATOR": "default"}, {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=0"}],
    ids=["switched off", "set up from outside"],
)
def test_who_chose_otherwise_is_left_alone(environment):
    done, faults = run(SCRIPT, **environment)
    assert done == "False"
    assert int(faults) > 0


def test_other_systems_are_left_alone(monkeypatch):
    from har import _allocator

    monkeypatch.delenv("HAR_ALLOCATOR", raising=False)
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    monkeypatch.setattr(_allocator.platform, "libc_ver", lambda: ("", ""))
    assert not _allocator.keep_freed_memory()


@glibc_only
def test_kept_memory_can_be_given_back():
    script = """
from pathlib import Path
import numpy as np
from har._allocator import keep_freed_memory, release_freed_memory

def resident_mib():
    return int(Path("/proc/self/statm").read_text().split()[1]) >> 8

keep_freed_memory()
before = resident_mib()
np.ones(256 << 20, np.uint8)
print(resident_mib() - before)
release_freed_memory()
print(resident_mib() - before)
"""
    kept, left = map(int, run(script))
    assert kept >= 256
    assert left < 64
