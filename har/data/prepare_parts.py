"""The parts of a preparation: each is read by one worker and kept, so that work can go on later.

A part is a folder with the array files of its clips and ``part.json``: records, segments, skipped
items and checksums. It is written under another name and renamed when it is complete.
"""

import json
import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from har.data.adapters.base import Adapter, check_clip
from har.data.cards import Card
from har.data.segments import usable_segments
from har.data.store_index import record_to_dict
from har.data.store_meta import FileInfo, StoreDescription, digest_of
from har.data.store_segments import segment_to_dict
from har.data.store_writer import ArrayFiles, Skipped
from har.errors import BadSampleError, StoreError
from har.samples import Clip, ClipRecord, Segment

PART_FILE = "part.json"
_UNFINISHED = ".tmp"


@dataclass(frozen=True, slots=True)
class Part:
    """Some consecutive items of a dataset."""

    number: int
    items: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name of the folder of the part."""
        return f"part-{self.number:06d}"


@dataclass(frozen=True, slots=True)
class PartContent:
    """What a finished part holds besides its arrays."""

    records: tuple[ClipRecord, ...]
    skipped: tuple[Skipped, ...]
    files: dict[str, FileInfo]
    segments: tuple[Segment, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of the array files."""
        return sum(info.size for info in self.files.values())


def cut_parts(items: Sequence[str], part_items: int) -> list[Part]:
    """Cut the items into parts of ``part_items`` each; the last may be shorter."""
    starts = range(0, len(items), part_items)
    return [Part(n, tuple(items[i : i + part_items])) for n, i in enumerate(starts)]


@dataclass(frozen=True)
class PartWriter:
    """Reads the items of a part and writes its folder; sent to each worker once.

    Attributes:
        adapter, card: read and check the clips.
        description: of the store that is prepared.
        folder: where the folders of the parts go.
    """

    adapter: Adapter
    card: Card
    description: StoreDescription
    folder: Path

    def write(self, part: Part) -> PartContent:
        """Write one part.

        An exception other than ``BadSampleError`` ends the preparation, with a note that names
        the item.
        """
        unfinished = self.folder / f"{part.name}{_UNFINISHED}"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        try:
            content = self._write_files(part, unfinished)
            _write_content(unfinished / PART_FILE, part, content)
            unfinished.rename(self.folder / part.name)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
        return content

    def _write_files(self, part: Part, folder: Path) -> PartContent:
        arrays = ArrayFiles(folder, self.description)
        records: list[ClipRecord] = []
        segments: list[Segment] = []
        problems: list[BadSampleError] = []
        try:
            for item in part.items:
                for clip in self._read(item, problems):
                    try:
                        check_clip(clip, self.card)
                        arrays.add(clip)
                    except BadSampleError as error:
                        problems.append(error)
                        continue
                    records.append(clip.record)
                    usable, unusable = usable_segments(clip, len(self.card.labels))
                    segments.extend(usable)
                    problems.extend(unusable)
        finally:
            files = arrays.close()
        skipped = tuple((error.source, error.reason) for error in problems)
        return PartContent(tuple(records), skipped, files, tuple(segments))

    def _read(self, item: str, problems: list[BadSampleError]) -> list[Clip]:
        """Return the clips of an item, and add what of it cannot be used to the problems."""
        try:
            found = self.adapter.read(item)
        except BadSampleError as error:
            problems.append(error)
            return []
        except Exception as error:
            error.add_note(f"It happened while reading the item {item!r}.")
            raise
        if not found:
            problems.append(BadSampleError(item, "it holds no clip"))
        problems.extend(part for part in found if isinstance(part, BadSampleError))
        return [part for part in found if isinstance(part, Clip)]


PartRunner = Callable[[PartWriter, Sequence[Part], int], Iterator[tuple[Part, PartContent]]]
"""Has parts written by a number of workers, and yields each as it is finished."""


def read_part(folder: Path, part: Part) -> PartContent | None:
    """Return the content of a finished part, or None if missing, torn or of other items."""
    path = folder / part.name / PART_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    files = {name: FileInfo(**info) for name, info in content["files"].items()}
    whole = all(_size(path.with_name(name)) == info.size for name, info in files.items())
    if not whole or content["items"] != digest_of(part.items):
        return None
    return PartContent(
        records=tuple(ClipRecord(**record) for record in content["records"]),
        skipped=tuple((source, reason) for source, reason in content["skipped"]),
        files=files,
        segments=tuple(Segment(**segment) for segment in content.get("segments", ())),
    )


def unfinished_parts(folder: Path, parts: Sequence[Part]) -> list[Part]:
    """Remove what is incomplete or no longer fits, and return the parts that are to be written."""
    missing = [part for part in parts if read_part(folder, part) is None]
    known = {part.name for part in parts} - {part.name for part in missing}
    for entry in folder.iterdir():
        if entry.name not in known:
            shutil.rmtree(entry)
    return missing


def write_parts(
    writer: PartWriter, parts: Sequence[Part], workers: int
) -> Iterator[tuple[Part, PartContent]]:
    """Write parts with ``workers`` processes, 1 meaning this one; yield each as it is finished.

    Raises:
        StoreError: a worker process died.
    """
    if workers == 1:
        for part in parts:
            yield part, writer.write(part)
    else:
        yield from _write_in_processes(writer, parts, workers)


def _write_in_processes(
    writer: PartWriter, parts: Sequence[Part], workers: int
) -> Iterator[tuple[Part, PartContent]]:
    pool = ProcessPoolExecutor(workers, initializer=_start_worker, initargs=(writer,))
    try:
        futures = {pool.submit(_write_part, part): part for part in parts}
        for future in as_completed(futures):
            yield futures.pop(future), future.result()
    except BrokenProcessPool as error:
        raise _worker_died(writer.folder, parts) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        for left in writer.folder.glob(f"*{_UNFINISHED}"):  # by workers that were ended
            shutil.rmtree(left)


def _worker_died(folder: Path, parts: Sequence[Part]) -> StoreError:
    at_work = [part for part in parts if (folder / f"{part.name}{_UNFINISHED}").is_dir()]
    ranges = ", ".join(f"'{part.items[0]}' to '{part.items[-1]}'" for part in at_work)
    return StoreError(
        f"A worker process died, most often because memory ran out. Items that were being read: "
        f"{ranges or 'none'}. The finished parts are kept: run the same command again with fewer "
        f"workers (workers=1 reads in the main process and shows the cause)."
    )


_worker_writer: PartWriter | None = None


def _start_worker(writer: PartWriter) -> None:
    """Set up a worker: the main process alone handles Ctrl-C, and its end ends the worker."""
    global _worker_writer
    _worker_writer = writer
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _write_part(part: Part) -> PartContent:
    if _worker_writer is None:
        raise RuntimeError("the worker process was not started by _start_worker")
    return _worker_writer.write(part)


def _write_content(path: Path, part: Part, content: PartContent) -> None:
    value: dict[str, Any] = {
        "items": digest_of(part.items),
        "records": [record_to_dict(record) for record in content.records],
        "segments": [segment_to_dict(segment) for segment in content.segments],
        "skipped": content.skipped,
        "files": {name: asdict(info) for name, info in content.files.items()},
    }
    path.write_text(json.dumps(value), encoding="utf-8")


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None
