"""What ``store.json`` says of a clip store: contents, checksums, and where it came from."""

import hashlib
import json
import platform
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

import har
from har.data.cards import list_cards
from har.errors import StoreError
from har.paths import store_root

SCHEMA_VERSION = 1
META_FILE = "store.json"
PLAN_FILE = "plan.json"
JOINTS_FILE = "joints.bin"
CONFIDENCE_FILE = "confidence.bin"
INDEX_FILE = "index.parquet"
SEGMENTS_FILE = "segments.parquet"
SKIPPED_FILE = "skipped.csv"
CONFIDENCE_DTYPE = "float16"
JOINTS_DTYPES = ("float32", "float16")


@dataclass(frozen=True, slots=True)
class FileInfo:
    """Size in bytes and SHA-256 of one file."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class StoreDescription:
    """What holds for every clip of a store.

    Attributes:
        dataset: name of the dataset card.
        layout: name of the joint layout.
        unit: unit of the coordinates: ``m``, ``px`` or ``normalised``.
        labels: names of the classes; the index is the label of a clip.
        joint_count, coordinate_count: V and C of the joints.
        joints_dtype: type of the stored coordinates, ``float32`` or ``float16``.
        adapter, adapter_version, adapter_options: what read the raw data.
    """

    dataset: str
    layout: str
    unit: str
    labels: tuple[str, ...]
    joint_count: int
    coordinate_count: int
    joints_dtype: str = "float32"
    adapter: str = ""
    adapter_version: int = 0
    adapter_options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.joints_dtype not in JOINTS_DTYPES:
            allowed = ", ".join(JOINTS_DTYPES)
            raise StoreError(f"joints_dtype is '{self.joints_dtype}'; allowed: {allowed}.")


@dataclass(frozen=True, slots=True)
class StoreMeta:
    """The content of ``store.json``.

    Attributes:
        description: what holds for every clip.
        clip_count, row_count: clips, and person-frames of all clips together.
        skipped_count: raw samples listed in ``skipped.csv``.
        files: size and checksum of every other file of the store.
        fingerprint: hash of data, labels, layout, adapter version and options. Equal data has an
            equal fingerprint, whatever versions of the libraries wrote it.
        created_by: versions of what wrote the store.
    """

    description: StoreDescription
    clip_count: int
    row_count: int
    skipped_count: int
    files: Mapping[str, FileInfo]
    fingerprint: str
    created_by: Mapping[str, str]

    def write(self, folder: Path) -> None:
        """Write ``store.json`` into ``folder``."""
        content = {"schema": SCHEMA_VERSION, **asdict(self)}
        text = json.dumps(content, indent=2, sort_keys=True, default=str)
        (folder / META_FILE).write_text(text + "\n", encoding="utf-8")


def read_meta(folder: Path) -> StoreMeta:
    """Read ``store.json``.

    Raises:
        StoreError: the store is missing, half prepared, damaged, or of another schema version.
    """
    path = folder / META_FILE
    if not path.is_file():
        raise _not_prepared(folder)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        schema = content["schema"]
    except (ValueError, KeyError, TypeError) as error:
        raise _unreadable(path) from error
    if schema != SCHEMA_VERSION:
        raise _other_schema(folder, schema)
    try:
        return _build_meta(content)
    except (TypeError, KeyError, AttributeError) as error:
        raise _unreadable(path) from error


def _build_meta(content: dict[str, Any]) -> StoreMeta:
    content.pop("schema")
    description = content.pop("description")
    description["labels"] = tuple(description["labels"])
    files = {name: FileInfo(**info) for name, info in content.pop("files").items()}
    return StoreMeta(description=StoreDescription(**description), files=files, **content)


def creating_versions() -> dict[str, str]:
    """Return the versions of this package and of the libraries that shape the files."""
    return {
        "har": har.__version__,
        "numpy": np.__version__,
        "pyarrow": pa.__version__,
        "python": platform.python_version(),
    }


def digest_of(value: Any) -> str:
    """Return the SHA-256 of a JSON value, independent of the order of keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def data_fingerprint(
    description: StoreDescription, files: Mapping[str, FileInfo], *table_digests: str
) -> str:
    """Hash what a model sees of a store: its arrays, what its tables say, and what that means.

    Args:
        description: what holds for every clip.
        files: size and checksum of the array files.
        table_digests: of the index, and of the segments where there are any.
    """
    arrays = [files[JOINTS_FILE].sha256, files[CONFIDENCE_FILE].sha256]
    return digest_of([asdict(description), *arrays, *table_digests])


def check_sizes(folder: Path, meta: StoreMeta) -> None:
    """Refuse a store that lacks a file or has one of another size than ``store.json`` says."""
    for name, info in meta.files.items():
        path = folder / name
        size = path.stat().st_size if path.is_file() else None
        if size is None:
            raise _damaged(path, "the file is missing")
        if size != info.size:
            raise _damaged(path, f"it has {size} bytes where {META_FILE} says {info.size}")


def check_hashes(folder: Path, meta: StoreMeta) -> None:
    """Read every file of the store and refuse one whose SHA-256 is not the recorded one."""
    for name, info in meta.files.items():
        path = folder / name
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        if sha256 != info.sha256:
            raise _damaged(path, f"its SHA-256 is not the one in {META_FILE}")


def partial_folder(out: Path) -> Path:
    """Return the folder in which the store ``out`` is prepared."""
    return out.with_name(f"{out.name}.partial")


def prepare_command(dataset: str, raw: str | None, out: Path, extra: Iterable[str] = ()) -> str:
    """Return the command line that prepares a store; ``raw`` and ``extra`` are put in unquoted."""
    words = [f"dataset={dataset}"]
    if raw is not None:
        words.append(f"raw={raw}")
    if out.absolute() != (store_root() / dataset).absolute():
        words.append(f"out={shlex.quote(str(out))}")
    return " ".join(["python scripts/prepare_dataset.py", *words, *extra])


def _not_prepared(folder: Path) -> StoreError:
    plan = partial_folder(folder) / PLAN_FILE
    if plan.is_file():
        command = json.loads(plan.read_text(encoding="utf-8"))["command"]
        return StoreError(
            f"The preparation of the clip store {folder} has not finished. Run the same command "
            f"again, it goes on where it stopped: {command}"
        )
    return StoreError(f"There is no clip store at {folder}. Prepare it with: {_command(folder)}")


def _other_schema(folder: Path, schema: Any) -> StoreError:
    newer = isinstance(schema, int) and schema > SCHEMA_VERSION
    fix = "Update har, or prepare" if newer else "Prepare"
    age = "a newer" if newer else "another"
    return StoreError(
        f"The clip store {folder} was written by {age} version of har (schema {schema}; this one "
        f"reads {SCHEMA_VERSION}). {fix} it again with: {_command(folder)}"
    )


def _damaged(path: Path, reason: str) -> StoreError:
    command = f"{_command(path.parent)} force=true"
    return StoreError(f"{path} is damaged: {reason}. Prepare the store again with: {command}")


def _unreadable(path: Path) -> StoreError:
    return _damaged(path, "it is not the description of a clip store")


def _command(folder: Path) -> str:
    dataset = folder.name if folder.name in list_cards() else "<name>"
    return prepare_command(dataset, "<folder or archive as distributed>", folder)
