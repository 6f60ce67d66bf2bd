"""What a run leaves behind: where its numbers come from, and files that are never half written."""

import dataclasses
import errno
import json
import math
import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from har.errors import HarError

PACKAGES = (
    "har", "torch", "numpy", "scipy", "pyarrow", "pytorch-lightning", "torchmetrics", "hydra-core",
    "omegaconf", "matplotlib", "torchvision", "av", "onnx", "onnxruntime", "wandb", "tensorboard",
)  # fmt: skip
_COMMAND_TIMEOUT_S = 10
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


def provenance() -> dict[str, Any]:
    """Return what is needed to repeat a run, as plain JSON types.

    Never fails: what cannot be found out is None. The host's name is left out on purpose.

    Returns:
        A dict of ``time_utc`` (ISO 8601), ``command``, ``git`` ({"commit", "dirty"}, None where
        the code is not under git), ``packages`` (name -> version of those installed), ``python``,
        ``platform``, ``cpu`` ({"model", "cores", "usable_cores"}), ``memory_gib`` and ``gpus``
        (list of {"name", "memory_gib", "driver"}), and ``cuda`` (version torch was built for).
    """
    return {
        "time_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join(sys.argv),
        "git": git_state(Path(__file__).resolve()),
        "packages": package_versions(),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpu": _cpu(),
        "memory_gib": _memory_gib(),
        "gpus": _gpus(),
        "cuda": _cuda_version(),
    }


def git_state(file: Path) -> dict[str, Any] | None:
    """Return the commit of the checkout that tracks ``file``, and whether it has changes.

    None without git, or where git does not track the file, such as in an installed package.
    """
    folder = str(file.parent)
    if _output(["git", "-C", folder, "ls-files", "--error-unmatch", file.name]) is None:
        return None
    commit = _output(["git", "-C", folder, "rev-parse", "HEAD"])
    changes = _output(["git", "--no-optional-locks", "-C", folder, "status", "--porcelain"])
    if commit is None or changes is None:
        return None
    return {"commit": commit, "dirty": changes != ""}


def package_versions() -> dict[str, str]:
    """Return the versions of those of ``PACKAGES`` that are installed."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def write_json_atomic(path: Path, value: Any) -> None:
    """Write JSON so that ``path`` holds either the old or the whole new content.

    NumPy scalars and arrays, dataclasses and paths become plain values; NaN and infinity become
    null.

    Raises:
        HarError: the file cannot be written, for example because the disk is full.
        TypeError: ``value`` holds something that JSON cannot hold.
    """
    text = json.dumps(to_plain(value), indent=2, ensure_ascii=False, allow_nan=False)
    with _replacing(path) as file:
        file.write(text.encode() + b"\n")


def write_bytes_atomic(path: Path, content: bytes) -> None:
    """Write bytes so that ``path`` holds either the old or the whole new content.

    Raises:
        HarError: the file cannot be written.
    """
    with _replacing(path) as file:
        file.write(content)


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        HarError: the file is missing, or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise HarError(f"There is no file {path}.") from error
    except OSError as error:
        raise HarError(f"Cannot read {path}: {error.strerror}.") from error
    except ValueError as error:
        raise HarError(f"{path} is not valid JSON: {error}") from error


def copy_file_atomic(source: Path, destination: Path) -> None:
    """Copy a file so that ``destination`` holds either the old or the whole new content.

    Raises:
        HarError: the source is missing, or the copy cannot be written.
    """
    if not source.is_file():
        raise HarError(f"There is no file {source} to copy to {destination}.")
    with source.open("rb") as content, _replacing(destination) as file:
        shutil.copyfileobj(content, file)


def to_plain(value: Any) -> Any:
    """Return ``value`` with plain JSON types only; see ``write_json_atomic``."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_plain(entry) for key, entry in value.items()}
    if isinstance(value, np.ndarray):
        return to_plain(value.tolist())
    if isinstance(value, list | tuple):
        return [to_plain(entry) for entry in value]
    if isinstance(value, np.generic):
        return to_plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, os.PathLike) else value


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """Yield a temporary file that takes the place of ``path`` if the block succeeds."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        try:
            with partial.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise HarError(_write_failure(path, error)) from error


def _write_failure(path: Path, error: OSError) -> str:
    if error.errno in _DISK_FULL:
        return (
            f"The disk of {path.parent} is full: {path.name} was not written, an earlier version "
            "of it is untouched. Free some space, or choose another folder, and run again."
        )
    return f"Cannot write {path}: {error.strerror or error}."


def _output(command: list[str]) -> str | None:
    """Return what a command prints, or None where it is missing, fails, or hangs."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_COMMAND_TIMEOUT_S, check=True
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def usable_cores() -> int:
    """Return how many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cpu() -> dict[str, Any]:
    return {"model": _cpu_model(), "cores": os.cpu_count(), "usable_cores": usable_cores()}


def _cpu_model() -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or None
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, None) or platform.processor() or None


def _memory_gib() -> float | None:
    try:
        size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None
    return round(size / 2**30, 1)


def _gpus() -> list[dict[str, Any]]:
    query = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version"]
    listed = _output([*query, "--format=csv,noheader,nounits"])
    rows = [line.split(", ") for line in (listed or "").splitlines()]
    return [
        {"name": name, "memory_gib": round(float(mebibytes) / 1024, 1), "driver": driver}
        for name, mebibytes, driver in (row for row in rows if len(row) == 3)
        if mebibytes.replace(".", "").isdigit()
    ]


def _cuda_version() -> str | None:
    try:
        import torch
    except ImportError:
        return None
    return torch.version.cuda
