"""How fast processor and GPUs are clocked right now: timings of the same machine may differ."""

from pathlib import Path
from statistics import median
from typing import Any

CPUINFO = Path("/proc/cpuinfo")


def read_clocks(cpuinfo: Path = CPUINFO) -> dict[str, Any]:
    """Return the clocks in MHz, right after work so that they are those of the work.

    Returns:
        ``cpu_mhz``: ``lowest``, ``median`` and ``highest`` of the cores; None where the system does
        not tell. ``gpus``: for each GPU ``sm_mhz``, ``memory_mhz``, the most they can have, and
        ``throttled``, whether heat or power holds it back; empty without NVML. A virtual machine
        may tell the nominal clock.
    """
    return {"cpu_mhz": _cpu(cpuinfo), "gpus": _gpus()}


def _cpu(cpuinfo: Path) -> dict[str, float] | None:
    try:
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    rates = [float(line.partition(":")[2]) for line in lines if line.startswith("cpu MHz")]
    if not rates:
        return None
    return {"lowest": min(rates), "median": median(rates), "highest": max(rates)}


def _gpus() -> list[dict[str, Any]]:
    try:
        import pynvml

        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
        return [_gpu(pynvml, pynvml.nvmlDeviceGetHandleByIndex(number)) for number in range(count)]
    except Exception:  # absent, no driver, or a GPU that does not tell
        return []


def _gpu(nvml: Any, handle: Any) -> dict[str, Any]:
    sm, memory = nvml.NVML_CLOCK_SM, nvml.NVML_CLOCK_MEM
    reasons = nvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle)
    held_back = (
        nvml.nvmlClocksThrottleReasonSwPowerCap
        | nvml.nvmlClocksThrottleReasonHwSlowdown
        | nvml.nvmlClocksThrottleReasonSwThermalSlowdown
        | nvml.nvmlClocksThrottleReasonHwThermalSlowdown
    )
    return {
        "sm_mhz": nvml.nvmlDeviceGetClockInfo(handle, sm),
        "most_sm_mhz": nvml.nvmlDeviceGetMaxClockInfo(handle, sm),
        "memory_mhz": nvml.nvmlDeviceGetClockInfo(handle, memory),
        "most_memory_mhz": nvml.nvmlDeviceGetMaxClockInfo(handle, memory),
        "throttled": bool(reasons & held_back),
    }
