"""Energy that the machine itself reports: Intel/AMD RAPL counters and NVIDIA's NVML."""

import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

RAPL = Path("/sys/class/powercap")
POLL_S = 10.0
"""RAPL counters of 32 bits of microjoules wrap after half a minute at 150 W, so they are polled."""


class EnergyMeter:
    """Measures the energy of the block it surrounds, of all packages and all GPUs together.

    Attributes:
        joules: energy of the block, that of other programs included; None where neither RAPL nor
            NVML can be read.
        source: "rapl", "nvml", "rapl+nvml", or why there is none.
    """

    def __init__(self, rapl: Path = RAPL) -> None:
        self._counters = _rapl_counters(rapl)
        self._gpus = _nvml_handles()
        self.joules: float | None = None
        names = [n for n, there in (("rapl", self._counters), ("nvml", self._gpus)) if there]
        self.source = "+".join(names) or "not reported: no readable RAPL counter and no NVML"

    def __enter__(self) -> Self:
        self._total = 0.0
        self._last = [_read(path) for path, _ in self._counters]
        self._gpu_start = _gpu_joules(self._gpus)
        self._stop = threading.Event()
        self._poll = threading.Thread(target=self._keep_polling, daemon=True)
        if self._counters:
            self._poll.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        if self._counters:
            self._poll.join()
            self._add()
        if self._counters or self._gpus:
            self.joules = round(self._total + _gpu_joules(self._gpus) - self._gpu_start, 3)

    def _keep_polling(self) -> None:
        while not self._stop.wait(POLL_S):
            self._add()

    def _add(self) -> None:
        for i, (path, largest) in enumerate(self._counters):
            now = _read(path)
            self._total += ((now - self._last[i]) % (largest + 1)) / 1e6
            self._last[i] = now


def _rapl_counters(folder: Path) -> list[tuple[Path, int]]:
    """Return the counters of the packages that can be read, with the value they wrap at."""
    found = []
    for zone in sorted(folder.glob("*rapl:*")):
        if zone.name.count(":") > 1:  # a part of a package, counted with it
            continue
        try:
            largest = int((zone / "max_energy_range_uj").read_text())
            _read(zone / "energy_uj")
        except (OSError, ValueError):
            continue
        found.append((zone / "energy_uj", largest))
    return found


def _read(counter: Path) -> int:
    return int(counter.read_text())


def _nvml_handles() -> list[Any]:
    try:
        import pynvml

        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
        for handle in handles:
            pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except Exception:  # absent, no driver, or a GPU too old to count
        return []
    return handles


def _gpu_joules(handles: list[Any]) -> float:
    if not handles:
        return 0.0
    import pynvml

    return sum(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) for handle in handles) / 1e3
