"""Run folders: ``<runs>/<experiment>/<time>/``, made, found again, and gone on with."""

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from har.errors import ConfigError, HarError
from har.record import write_bytes_atomic

CONFIG, RESULTS, LAST, BEST = "config.yaml", "results.json", "last.ckpt", "best.ckpt"
ENVIRONMENT = "HAR_RUN_FOLDER"
"""Tells the processes that a distributed run starts which folder is theirs."""

MAY_DIFFER = ("resume", "paths.", "logger.", "data.store", "data.workers", "trainer.progress_bar")
"""Starts of the keys that a resumed run may change: they do not touch the numbers."""


def start_folder(config: Mapping[str, Any]) -> Path:
    """Return a new run folder, or the one to go on with, holding the configuration."""
    if given := os.environ.get(ENVIRONMENT):
        return Path(given)
    if Path(config["name"]).name != config["name"]:
        raise ConfigError(
            f"name={config['name']} names the run's folder and cannot be a path: choose name=<word>"
        )
    found = _folder_to_resume(config)
    if found is None:
        found = _new_folder(Path(config["paths"]["runs"]) / config["name"])
        write_config(found, config)
    else:
        _check_same(found, config)
    os.environ[ENVIRONMENT] = str(found)
    return found


def release_folder() -> None:
    """Let the next run of this process have a folder of its own."""
    os.environ.pop(ENVIRONMENT, None)


def write_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Write the resolved configuration."""
    text = yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True)
    write_bytes_atomic(folder / CONFIG, text.encode())


def checkpoint_folder(folder: Path) -> Path:
    """Return where the checkpoints of a run lie."""
    return folder / "checkpoints"


def last_checkpoint(folder: Path) -> Path | None:
    """Return the checkpoint to go on from, if the run came that far."""
    path = checkpoint_folder(folder) / LAST
    return path if path.exists() else None


def _folder_to_resume(config: Mapping[str, Any]) -> Path | None:
    resume = config["resume"]
    if resume is False:
        return None
    if isinstance(resume, str):
        folder = Path(resume)
        if not (folder / CONFIG).exists():
            raise HarError(f"resume={resume} is not a run folder: it has no {CONFIG}")
        return folder
    runs = Path(config["paths"]["runs"]) / config["name"]
    started = sorted(path.parent for path in runs.glob(f"*/{CONFIG}"))
    unfinished = [folder for folder in started if not (folder / RESULTS).exists()]
    if not unfinished:
        print(f"resume=true: no unfinished run in {runs}; starting a new one")
        return None
    return unfinished[-1]


def _new_folder(parent: Path) -> Path:
    time = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    for number in range(1000):
        folder = parent / (time if number == 0 else f"{time}_{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise HarError(f"Cannot make the run folder {folder}: {error.strerror}") from error
        return folder
    raise HarError(f"{parent} already has 1000 runs of {time}")


def _check_same(folder: Path, config: Mapping[str, Any]) -> None:
    started = yaml.safe_load((folder / CONFIG).read_text(encoding="utf-8"))
    old, new = (
        {key: v for key, v in _flatten(c).items() if not key.startswith(MAY_DIFFER)}
        for c in (started, config)
    )
    changed = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
    if changed:
        lines = "\n".join(f"  {key}: {old.get(key)!r} -> {new.get(key)!r}" for key in changed)
        raise ConfigError(
            f"{folder} was started with another configuration; go on with the same one, or start "
            f"a new run with resume=false:\n{lines}"
        )


def _flatten(value: Any, path: str = "") -> dict[str, Any]:
    items: list[tuple[str, Any]]
    if isinstance(value, Mapping) and value:
        items = [(f"{path}.{key}" if path else str(key), entry) for key, entry in value.items()]
    elif isinstance(value, list) and value:
        items = [(f"{path}[{i}]", entry) for i, entry in enumerate(value)]
    else:
        return {path: value}
    return {key: entry for name, child in items for key, entry in _flatten(child, name).items()}
