"""Timing that means something: warmed up, synchronised, repeated, and told by percentiles."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from har.edge.energy import EnergyMeter

PERCENTILES = (50, 90, 99)
WARM_UP = 5


def time_repeats(
    work: Callable[[], object], seconds: float = 3.0, most: int = 500, least: int = 20
) -> np.ndarray:
    """Return the seconds of each repeat of ``work`` on this device.

    Args:
        work: what is timed; GPU work it leaves behind is waited for.
        seconds: about how long to repeat.
        most: repeats are not more than this.
        least: repeats are not fewer than this, however long they take.
    """
    started = time.perf_counter()
    for _ in range(WARM_UP):
        work()
        _synchronise()
        if time.perf_counter() - started > seconds:  # slow work is warm after fewer
            break
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while len(taken) < least or (time.perf_counter() < end and len(taken) < most):
        start = time.perf_counter()
        work()
        _synchronise()
        taken.append(time.perf_counter() - start)
    return np.array(taken)


def latency(work: Callable[[], object], seconds: float = 3.0) -> dict[str, Any]:
    """Return percentiles of the milliseconds that ``work`` takes, and how often it was timed."""
    taken = 1e3 * time_repeats(work, seconds)
    values = np.percentile(taken, PERCENTILES)
    named = {f"p{p}_ms": round(float(v), 4) for p, v in zip(PERCENTILES, values, strict=True)}
    return {**named, "repeats": len(taken)}


def throughput(
    work_of_size: Callable[[int], Callable[[], object]],
    sizes: tuple[int, ...],
    seconds: float = 2.0,
) -> dict[str, Any]:
    """Return the clips a second for each batch size, the best, and the energy a clip costs there.

    A size that does not fit into memory ends the sweep.
    """
    rates: dict[int, float] = {}
    for size in sizes:
        try:
            taken = time_repeats(work_of_size(size), seconds, least=3)
        except torch.cuda.OutOfMemoryError:
            break
        rates[size] = round(size / float(np.median(taken)), 2)
    best = max(rates, key=lambda size: rates[size])
    joules, source = _energy_a_clip(work_of_size(best), best, seconds)
    return {
        "clips_per_second": rates[best],
        "batch": best,
        "by_batch": rates,
        "joules_a_clip": joules,
        "energy_source": source,
    }


def _energy_a_clip(
    work: Callable[[], object], size: int, seconds: float
) -> tuple[float | None, str]:
    with EnergyMeter() as nothing:
        pass
    if nothing.joules is None:  # the machine does not tell
        return None, nothing.source
    calls = 0

    def counted() -> object:
        nonlocal calls
        calls += 1
        return work()

    with EnergyMeter() as meter:
        time_repeats(counted, seconds, least=5)
    return (meter.joules or 0.0) / (size * calls), meter.source


def _synchronise() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
