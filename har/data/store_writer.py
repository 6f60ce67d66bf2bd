"""Writes clip stores, and the array files of their parts, in one pass over the clips."""

import csv
import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self

import numpy as np

from har.data.segments import usable_segments
from har.data.store_index import IndexBuilder
from har.data.store_meta import (
    CONFIDENCE_DTYPE,
    CONFIDENCE_FILE,
    INDEX_FILE,
    JOINTS_FILE,
    SEGMENTS_FILE,
    SKIPPED_FILE,
    FileInfo,
    StoreDescription,
    StoreMeta,
    creating_versions,
    data_fingerprint,
)
from har.data.store_segments import SegmentTableBuilder
from har.errors import BadSampleError, StoreError
from har.samples import Clip, ClipRecord, Segment

_CHUNK_BYTES = 1 << 20
Skipped = tuple[str, str]


class HashedFile:
    """A file written from start to end, with its size and SHA-256 kept on the way."""

    def __init__(self, path: Path):
        self.path = path
        self.size = 0
        self._digest = hashlib.sha256()
        self._file = path.open("wb")

    def write(self, data: bytes) -> None:
        """Append ``data``."""
        self._file.write(data)
        self._digest.update(data)
        self.size += len(data)

    def copy_from(self, path: Path) -> FileInfo:
        """Append the content of a file, in small chunks; return that file's size and SHA-256."""
        digest, size = hashlib.sha256(), 0
        with path.open("rb") as source:
            while chunk := source.read(_CHUNK_BYTES):
                self.write(chunk)
                digest.update(chunk)
                size += len(chunk)
        return FileInfo(size, digest.hexdigest())

    def close(self, sync: bool = False) -> FileInfo:
        """Close the file, with ``sync`` once it is on the disk itself."""
        if sync:
            self._file.flush()
            os.fsync(self._file.fileno())
        self._file.close()
        return FileInfo(self.size, self._digest.hexdigest())


class ArrayFiles:
    """The two flat array files of a store, or of a part of one."""

    def __init__(self, folder: Path, description: StoreDescription):
        self._description = description
        self._files = {name: HashedFile(folder / name) for name in (JOINTS_FILE, CONFIDENCE_FILE)}

    def add(self, clip: Clip) -> None:
        """Append the rows of a clip.

        Raises:
            BadSampleError: a coordinate does not fit the stored type.
        """
        joints, confidence = _encode(clip, self._description)
        self._files[JOINTS_FILE].write(joints.tobytes())
        self._files[CONFIDENCE_FILE].write(confidence.tobytes())

    def copy_from(self, folder: Path, expected: Mapping[str, FileInfo]) -> None:
        """Append the array files of a part.

        Raises:
            StoreError: a file is not the one that was written.
        """
        for name, file in self._files.items():
            if file.copy_from(folder / name) != expected[name]:
                raise StoreError(
                    f"{folder / name} is damaged: its SHA-256 is not the recorded one. Remove "
                    f"{folder} and run the same command again."
                )

    def close(self, sync: bool = False) -> dict[str, FileInfo]:
        """Close both files; return size and SHA-256 of each."""
        return {name: file.close(sync) for name, file in self._files.items()}


def _encode(clip: Clip, description: StoreDescription) -> tuple[np.ndarray, np.ndarray]:
    """Return joints (M*T, V, C) and confidence (M*T, V) of a clip in the stored types.

    Confidence too small for float16 becomes 0, and its joint is zeroed with it.
    """
    confidence = clip.confidence.astype(np.dtype(CONFIDENCE_DTYPE).newbyteorder("<"))
    with np.errstate(over="ignore"):
        joints = clip.joints.astype(np.dtype(description.joints_dtype).newbyteorder("<"))
    if not np.isfinite(joints).all():
        reason = f"a coordinate is not a number that {description.joints_dtype} can hold"
        raise BadSampleError(clip.record.source or clip.record.clip_id, reason)
    joints[confidence == 0] = 0
    V, C = description.joint_count, description.coordinate_count
    return joints.reshape(-1, V, C), confidence.reshape(-1, V)


class StoreWriter:
    """Writes one store: clips in order, then :meth:`finish`. A context manager."""

    def __init__(self, folder: Path, description: StoreDescription):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.description = description
        self._index = IndexBuilder()
        self._segments = SegmentTableBuilder()
        self._skipped: list[Skipped] = []
        self._arrays = ArrayFiles(folder, description)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._arrays.close()

    def __len__(self) -> int:
        return len(self._index)

    def add(self, clip: Clip) -> None:
        """Append a clip; a segment of it that cannot be used goes to the skipped samples.

        Raises:
            StoreError: another clip has the same ``clip_id``.
            BadSampleError: a coordinate does not fit the stored type.
        """
        segments, problems = usable_segments(clip, len(self.description.labels))
        self._arrays.add(clip)
        self._index.add(clip.record)
        self._segments.add(segments)
        self._skipped.extend((error.source, error.reason) for error in problems)

    def add_part(
        self,
        folder: Path,
        records: Iterable[ClipRecord],
        files: Mapping[str, FileInfo],
        segments: Iterable[Segment] = (),
    ) -> None:
        """Append clips whose array files are ready in ``folder``, and their usable segments.

        Raises:
            StoreError: a clip has the ``clip_id`` of another, or a file is damaged.
        """
        for record in records:
            self._index.add(record)
        self._segments.add(segments)
        self._arrays.copy_from(folder, files)

    def finish(self, skipped: Sequence[Skipped] = ()) -> StoreMeta:
        """Write index, segments, skipped samples and ``store.json``; return what that says.

        Args:
            skipped: source and reason of each raw sample that is not in the store, besides the
                segments that :meth:`add` refused.

        Raises:
            StoreError: the store would have no clip.
        """
        if len(self) == 0:
            raise StoreError(f"No clip was written to {self.folder}: a store needs at least one.")
        files = self._arrays.close(sync=True)
        skipped = [*skipped, *self._skipped]
        self._index.write(self.folder / INDEX_FILE)
        write_skipped(self.folder / SKIPPED_FILE, skipped)
        names, digests = [INDEX_FILE, SKIPPED_FILE], [self._index.digest()]
        if self._segments:
            self._segments.write(self.folder / SEGMENTS_FILE)
            names.append(SEGMENTS_FILE)
            digests.append(self._segments.digest())
        files |= {name: file_info(self.folder / name) for name in names}
        meta = StoreMeta(
            description=self.description,
            clip_count=len(self._index),
            row_count=self._index.row_count,
            skipped_count=len(skipped),
            files=files,
            fingerprint=data_fingerprint(self.description, files, *digests),
            created_by=creating_versions(),
        )
        meta.write(self.folder)
        return meta


def write_store(
    folder: Path,
    description: StoreDescription,
    clips: Iterable[Clip],
    skipped: Sequence[Skipped] = (),
) -> StoreMeta:
    """Write clips that are at hand as a store, in one call."""
    with StoreWriter(folder, description) as writer:
        for clip in clips:
            writer.add(clip)
        return writer.finish(skipped)


def write_skipped(path: Path, skipped: Iterable[Skipped]) -> None:
    """Write ``skipped.csv``."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("source", "reason"))
        writer.writerows(skipped)


def file_info(path: Path) -> FileInfo:
    """Return size and SHA-256 of a file."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return FileInfo(path.stat().st_size, sha256)
