"""Bundles: a folder with a graph and all that a device needs to know about it.

``docs/export.md`` has the schema of ``bundle.json``. A bundle is written whole or not at all.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from har.errors import HarError
from har.record import write_json_atomic

SCHEMA_VERSION = 1
BUNDLE, MODEL, CARD = "bundle.json", "model.onnx", "model_card.md"


@contextmanager
def staged_folder(out: Path) -> Iterator[Path]:
    """Yield a folder beside ``out`` that takes its place if the block succeeds, and else goes.

    A bundle that is there already is replaced.

    Raises:
        HarError: ``out`` is something other than a bundle, or cannot be written.
    """
    out = out.expanduser()
    if out.exists() and not _is_bundle_or_empty(out):
        raise HarError(f"out={out} is there and is no bundle: give a new folder, or a bundle's")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".partial", dir=out.parent))
    except OSError as error:
        raise HarError(f"cannot write a bundle in {out.parent}: {error.strerror}") from error
    try:
        yield stage
        if out.exists():
            shutil.rmtree(out)
        stage.chmod(0o755)
        stage.rename(out)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def write_manifest(folder: Path, content: Mapping[str, Any]) -> dict[str, Any]:
    """Write ``bundle.json`` with the hash and size of every other file of the folder.

    Args:
        folder: of the bundle; all its other files are there.
        content: the rest of what ``bundle.json`` holds.

    Returns:
        All of it.
    """
    files = {path.name: describe_file(path) for path in sorted(folder.iterdir())}
    manifest = {"schema_version": SCHEMA_VERSION, "files": files, **content}
    write_json_atomic(folder / BUNDLE, manifest)
    return manifest


def describe_file(path: Path) -> dict[str, Any]:
    """Return the SHA-256 and the size of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"sha256": digest, "bytes": path.stat().st_size}


def _is_bundle_or_empty(folder: Path) -> bool:
    return folder.is_dir() and ((folder / BUNDLE).is_file() or not any(folder.iterdir()))
