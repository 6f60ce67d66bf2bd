"""Timing of several ways to do the same, side by side: A B A B, so that all meet the same load."""

import gc
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch

Call = Callable[[], Any]


@dataclass
class Times:
    """Every repeat of one call, in seconds.

    Attributes:
        wall: elapsed time; on a GPU between two events of its stream.
        cpu: time of all threads of the process, which a busy machine changes little.
    """

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """Return median, minimum and the raw repeats."""
        return {
            name: {"median": float(np.median(values)), "min": min(values), "repeats": values}
            for name, values in (("wall_s", self.wall), ("cpu_s", self.cpu))
        }


def interleave(
    calls: Mapping[str, Call],
    repeats: int,
    device: torch.device,
    warmups: int = 1,
    shortest_s: float = 0.0,
    settle: bool = False,
) -> dict[str, Times]:
    """Time all calls in turn, ``repeats`` rounds, after untimed rounds to warm up.

    On a CPU a call that takes less than ``shortest_s`` is made again until that time is over; the
    mean counts. With ``settle`` an untimed call comes before each timed one, as the threads of one
    runtime keep the cores busy for some time after their work, while the next one begins.
    """
    times = {name: Times() for name in calls}
    for _ in range(warmups):
        for call in calls.values():
            call()
    gc.collect()
    for _ in range(repeats):
        for name, call in calls.items():
            if settle:
                call()
            wall, cpu = _timed(call, device, shortest_s)
            times[name].wall.append(wall)
            times[name].cpu.append(cpu)
    return times


def _timed(call: Call, device: torch.device, shortest_s: float) -> tuple[float, float]:
    if device.type == "cuda":
        return _timed_on_gpu(call, device)
    wall, cpu, calls = time.perf_counter(), time.process_time(), 0
    while calls == 0 or time.perf_counter() - wall < shortest_s:
        call()
        calls += 1
    return (time.perf_counter() - wall) / calls, (time.process_time() - cpu) / calls


def _timed_on_gpu(call: Call, device: torch.device) -> tuple[float, float]:
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize(device)
    cpu = time.process_time()
    start.record()
    call()
    end.record()
    end.synchronize()
    return start.elapsed_time(end) / 1000, time.process_time() - cpu


def peak_on_gpu(call: Call, device: torch.device) -> int:
    """Return the bytes that a call needs at its peak, beyond what was there before."""
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    call()
    torch.cuda.synchronize(device)
    return torch.cuda.max_memory_allocated(device) - before


def peak_on_cpu(prepare: Callable[[], Call], calls: int = 2) -> int | None:
    """Return the resident bytes that preparing and calling needs at its peak.

    It runs in a forked process of its own: call this before the first parallel operation. None
    where the system tells no peak.
    """
    context = get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_report_peak, args=(prepare, calls, sender))
    process.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        return None
    finally:
        process.join()


def _report_peak(prepare: Callable[[], Call], calls: int, sender: Any) -> None:
    before = resident_bytes("VmRSS")
    call = prepare()
    for _ in range(calls):
        call()
    peak = resident_bytes("VmHWM")
    sender.send(None if before is None or peak is None else peak - before)


def resident_bytes(key: str) -> int | None:
    """Return ``VmRSS`` (now) or ``VmHWM`` (peak) of this process; None where it is not Linux."""
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    lines = (line.split() for line in status.read_text().splitlines())
    return next((int(words[1]) * 1024 for words in lines if words[0] == f"{key}:"), None)


def load_average() -> tuple[float, float, float] | None:
    """Return the load of the last 1, 5 and 15 minutes: on a quiet machine the first is small."""
    return os.getloadavg() if hasattr(os, "getloadavg") else None
