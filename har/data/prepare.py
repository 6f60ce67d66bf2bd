"""Prepares the clip store of a dataset from its raw data, in parts, so that it can be continued.

While it works, everything lies in ``<out>.partial``: ``plan.json``, the extracted archive, the
finished parts, and last the merged store, which is then moved to ``out`` in one step.
"""

import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from har.data.adapters.base import load_adapter
from har.data.cards import Card
from har.data.prepare_folders import (
    PARTS_FOLDER,
    RAW_FOLDER,
    DiskSpace,
    empty_partial,
    format_bytes,
    install,
    only_process,
    remove_if_useless,
)
from har.data.prepare_parts import (
    Part,
    PartRunner,
    PartWriter,
    cut_parts,
    read_part,
    unfinished_parts,
    write_parts,
)
from har.data.prepare_plan import Plan, make_plan, planned_digest, prepared_meta
from har.data.raw import is_archive, open_raw
from har.data.store_meta import StoreMeta
from har.data.store_writer import Skipped, StoreWriter
from har.errors import ConfigError, StoreError
from har.record import usable_cores

MAX_DEFAULT_WORKERS = 8
MAX_PART_ITEMS = 64
USUAL_PARTS = 64


@dataclass(frozen=True, slots=True)
class PrepareReport:
    """What a preparation did.

    Attributes:
        path: folder of the store.
        clip_count, skipped_count: clips in it, and raw samples in its ``skipped.csv``.
        size_bytes: size of the store.
        seconds: time it took.
        already_prepared: true where the store was there already and nothing was done.
    """

    path: Path
    clip_count: int
    skipped_count: int
    size_bytes: int
    seconds: float
    already_prepared: bool = False

    def __str__(self) -> str:
        content = f"{self.clip_count} clips, {self.skipped_count} skipped"
        if self.skipped_count:
            content += " (reasons in skipped.csv)"
        content += f", {format_bytes(self.size_bytes)}"
        if self.already_prepared:
            return f"{self.path} is already prepared: {content}. Nothing to do (force=true redoes)."
        rate = self.clip_count / max(self.seconds, 1e-9)
        return f"{self.path}: {content}, in {self.seconds:.1f} s ({rate:.0f} clips/s)."


def prepare_dataset(
    card: Card,
    raw: Path | None,
    out: Path,
    *,
    workers: int | None = None,
    options: Mapping[str, Any] | None = None,
    joints_dtype: str = "float32",
    force: bool = False,
    progress: bool = True,
    part_items: int | None = None,
    run_parts: PartRunner = write_parts,
) -> PrepareReport:
    """Prepare the clip store of a dataset.

    A preparation that was stopped, even killed, goes on where it stopped when it is called again
    with the same arguments; the store is then the same to the byte. It also is for any number of
    workers. With other raw data, options or adapter version it starts anew.

    Args:
        card: the dataset card.
        raw: raw data as distributed, a folder or an archive; None for a generated dataset.
        out: folder of the store; another store there is replaced once the new one is complete.
        workers: processes that read, 1 for this one alone; default one a core, at most 8.
        options: options of the adapter, over those of the card.
        joints_dtype: type of the stored coordinates, ``float32`` or ``float16``.
        force: start anew though the store, or a part of it, is there.
        progress: show progress on standard error.
        part_items: items read between two points at which the work can go on; default chosen by
            the number of items, at most 64.
        run_parts: what has the parts written, by default processes of this machine.

    Raises:
        StoreError: nothing can be read, two clips have one name, a folder is not usable, the disk
            is full, or a worker died.
        CardError, ConfigError: the adapter or an option of it does not exist.
    """
    started = time.monotonic()
    workers = _worker_count(workers)
    plan = make_plan(card, raw, out, options or {}, joints_dtype)
    meta = None if force else prepared_meta(plan)
    if meta is not None:
        return _report(plan, meta, started, already_prepared=True)
    with only_process(plan.partial):
        _start(plan, force)
        try:
            meta = _run(plan, workers, progress, part_items, run_parts)
        except BaseException:
            remove_if_useless(plan.partial)
            raise
        install(plan.partial / "store", plan.out)
    return _report(plan, meta, started)


def _worker_count(workers: int | None) -> int:
    if workers is None:
        return min(usable_cores(), MAX_DEFAULT_WORKERS)
    if workers < 1:
        raise ConfigError(f"workers is {workers}; it must be 1 or more.")
    return workers


def _start(plan: Plan, force: bool) -> None:
    """Keep what an earlier run of the same plan left; otherwise start with an empty folder."""
    if force or planned_digest(plan.partial) != plan.digest:
        empty_partial(plan.partial)
        plan.write_partial()


def _run(
    plan: Plan, workers: int, progress: bool, part_items: int | None, run_parts: PartRunner
) -> StoreMeta:
    space = DiskSpace(plan.partial, plan.raw_bytes)
    kept = plan.partial / RAW_FOLDER
    if progress and plan.raw is not None and is_archive(plan.raw) and not kept.exists():
        print(f"Extracting {plan.raw.name} ({format_bytes(plan.raw_bytes)})", file=sys.stderr)
    with space.explained(), open_raw(plan.raw, kept) if plan.raw else nullcontext(None) as raw:
        adapter = load_adapter(plan.card, raw, **plan.options)
        items = adapter.items()
        if not items:
            raise StoreError(
                f"There is nothing to read for '{plan.card.name}' in {plan.raw}. {plan.card.obtain}"
            )
        parts = cut_parts(items, part_items or _usual_part_items(len(items)))
        folder = plan.partial / PARTS_FOLDER
        folder.mkdir(exist_ok=True)
        writer = PartWriter(adapter, plan.card, plan.description, folder)
        _write_missing(writer, parts, workers, space, progress, run_parts)
        space.check()
        meta = _merge(writer, parts, plan)
        plan.write_finished(plan.partial / "store")
        return meta


def _usual_part_items(item_count: int) -> int:
    """Return a part size that does not depend on the workers, so that their number may change."""
    return min(max(item_count // USUAL_PARTS, 1), MAX_PART_ITEMS)


def _write_missing(
    writer: PartWriter,
    parts: Sequence[Part],
    workers: int,
    space: DiskSpace,
    progress: bool,
    run_parts: PartRunner,
) -> None:
    """Write the parts that are not there yet, and show how it goes."""
    missing = unfinished_parts(writer.folder, parts)
    total = sum(len(part.items) for part in parts)
    done = total - sum(len(part.items) for part in missing)
    space.part_bytes = _folder_bytes(writer.folder)
    space.share = done / total
    name = writer.card.name
    started, frames = time.monotonic(), 0
    with tqdm(total=total, initial=done, desc=name, unit="item", disable=not progress) as bar:
        for part, content in run_parts(writer, missing, min(workers, max(len(missing), 1))):
            done += len(part.items)
            space.part_bytes += content.size
            space.share = done / total
            frames += sum(record.frame_count for record in content.records)
            rate = frames / max(time.monotonic() - started, 1e-9)
            bar.set_postfix_str(f"{rate:.0f} frames/s", refresh=False)
            bar.update(len(part.items))


def _merge(writer: PartWriter, parts: Sequence[Part], plan: Plan) -> StoreMeta:
    """Join all parts, in order, into one store."""
    store = plan.partial / "store"
    shutil.rmtree(store, ignore_errors=True)
    skipped: list[Skipped] = []
    with StoreWriter(store, plan.description) as merged:
        for part in parts:
            content = read_part(writer.folder, part)
            if content is None:
                raise StoreError(f"{writer.folder / part.name} is gone: run the command again.")
            merged.add_part(
                writer.folder / part.name, content.records, content.files, content.segments
            )
            skipped.extend(content.skipped)
        if len(merged) == 0:
            shutil.rmtree(writer.folder)
            raise _nothing_read(plan, skipped)
        return merged.finish(skipped)


def _nothing_read(plan: Plan, skipped: Sequence[Skipped]) -> StoreError:
    reasons = "; ".join(f"{source}: {reason}" for source, reason in skipped[:3])
    return StoreError(
        f"None of the {len(skipped)} samples of '{plan.card.name}' in {plan.raw} could be used. "
        f"The first: {reasons}. Check that raw= is the raw data of this dataset."
    )


def _report(
    plan: Plan, meta: StoreMeta, started: float, already_prepared: bool = False
) -> PrepareReport:
    return PrepareReport(
        path=plan.out,
        clip_count=meta.clip_count,
        skipped_count=meta.skipped_count,
        size_bytes=sum(path.stat().st_size for path in plan.out.iterdir()),
        seconds=time.monotonic() - started,
        already_prepared=already_prepared,
    )


def _folder_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.bin"))
