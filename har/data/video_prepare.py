"""Prepares the store of a dataset of videos: each is decoded once, small and at a steady rate.

While it works, everything lies in ``<out>.partial``; a preparation that was stopped goes on after
the last video that it finished.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from har.data.cards import Card
from har.data.prepare import PrepareReport
from har.data.prepare_folders import check_places, empty_partial, install, only_process, stamp_files
from har.data.raw import open_raw
from har.data.segments import usable_segments
from har.data.store_index import IndexBuilder
from har.data.store_meta import (
    INDEX_FILE,
    META_FILE,
    SEGMENTS_FILE,
    SKIPPED_FILE,
    FileInfo,
    StoreDescription,
    StoreMeta,
    creating_versions,
    digest_of,
    partial_folder,
    read_meta,
)
from har.data.store_segments import SegmentTableBuilder
from har.data.store_writer import file_info, write_skipped
from har.data.video_listings import VERSION, Recording, list_recordings
from har.data.video_store import FRAMES_FOLDER, frames_file
from har.errors import BadSampleError, ConfigError, StoreError, VideoError, did_you_mean
from har.record import read_json, write_json_atomic
from har.samples import Clip, ClipRecord
from har.video import VideoReader, open_video

PLAN = "video_plan.json"


@dataclass(frozen=True, slots=True)
class VideoOptions:
    """How the videos are stored.

    Attributes:
        short_edge: pixels of the shorter side of the stored frames.
        fps: frames a second that are kept, each the nearest in time; 0 keeps all frames, for
            videos of a constant rate.
        decoder: see ``har.video.open_video``.
    """

    short_edge: int = 128
    fps: float = 15.0
    decoder: str = "auto"


def prepare_videos(
    card: Card,
    raw: Path | None,
    out: Path,
    options: Mapping[str, Any],
    force: bool = False,
    progress: bool = True,
) -> PrepareReport:
    """Prepare the store of a dataset of videos; see ``har.data.prepare.prepare_dataset``."""
    if raw is None:
        raise ConfigError(f"raw=<folder or archive> is missing. {card.obtain}")
    chosen = _options(options)
    check_places(raw, out)
    plan = digest_of([card.name, card.labels, _plain(chosen), VERSION, stamp_files(raw)])
    started = time.perf_counter()
    meta = _prepared(out, plan)
    if meta is not None and not force:
        return _report(out, meta, started, already_prepared=True)
    partial = partial_folder(out)
    with only_process(partial):
        if force or _planned(partial) != plan:
            empty_partial(partial)
        store = partial / "store"
        (store / FRAMES_FOLDER).mkdir(parents=True, exist_ok=True)
        write_json_atomic(partial / PLAN, {"digest": plan})
        with open_raw(raw) as folder:
            meta = _write_store(card, folder, store, chosen, progress)
        write_json_atomic(store / PLAN, {"digest": plan})
        install(store, out)
    return _report(out, meta, started)


def kept_frames(timestamps: np.ndarray, fps: float) -> np.ndarray:
    """Return the frames nearest to the times 0, 1/fps, 2/fps ... up to the last frame."""
    if fps <= 0:
        return np.arange(len(timestamps))
    times = np.arange(int(timestamps[-1] * fps) + 1) / fps
    middles = (timestamps[1:] + timestamps[:-1]) / 2
    return np.searchsorted(middles, times)


def stored_size(height: int, width: int, short_edge: int) -> tuple[int, int]:
    """Return height and width of the stored frames: smaller, never larger, of equal shape."""
    scale = min(1.0, short_edge / min(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _write_store(
    card: Card, raw: Path, store: Path, options: VideoOptions, progress: bool
) -> StoreMeta:
    recordings, problems = list_recordings(card, raw)
    index, segments = IndexBuilder(), SegmentTableBuilder()
    files: dict[str, FileInfo] = {}
    for recording in tqdm(recordings, desc=card.name, unit="video", disable=not progress):
        name = frames_file(len(index))
        try:
            record = _stored(card, recording, raw, store / name, options)
        except VideoError as error:
            reason = str(error).removeprefix(f"{raw / recording.path}: ")
            problems.append(BadSampleError(recording.path, reason))
            continue
        usable, unusable = _usable(recording, record, card)
        index.add(record)
        segments.add(usable)
        problems += unusable
        files[name] = file_info(store / name)
    if len(index) == 0:
        raise StoreError(f"No video of {raw} could be read; the first reason: {problems[0]}")
    return _finish(store, _description(card, options), index, segments, files, problems)


def _stored(
    card: Card, recording: Recording, raw: Path, target: Path, options: VideoOptions
) -> ClipRecord:
    """Write the frames of a video unless they are there already; return its record."""
    path = raw / recording.path
    with open_video(path, decoder=options.decoder) as video:
        size = stored_size(video.height, video.width, options.short_edge)
        kept = kept_frames(video.timestamps, options.fps)
        fps = options.fps if options.fps > 0 else video.fps
    if not _is_whole(target, (len(kept), *size, 3)):
        with open_video(path, decoder=options.decoder, size=size) as video:
            _write_frames(video, kept, target)
    return ClipRecord(
        clip_id=recording.clip_id,
        dataset=card.name,
        label=recording.label,
        frame_count=len(kept),
        person_count=1,
        fps=fps,
        layout="",
        subject=recording.subject,
        camera=recording.camera,
        replication=recording.replication,
        source=recording.path,
    )


def _write_frames(video: VideoReader, kept: np.ndarray, target: Path) -> None:
    """Write the kept frames one by one, so that a long video needs little memory."""
    unfinished = target.with_suffix(".unfinished.npy")
    shape = (len(kept), video.height, video.width, 3)
    frames = np.lib.format.open_memmap(unfinished, "w+", np.uint8, shape)
    times_kept = np.bincount(kept, minlength=video.frame_count)
    row = 0
    try:
        for frame in video.stream():
            frames[row : row + times_kept[frame.index]] = frame.pixels
            row += times_kept[frame.index]
        frames.flush()
    except VideoError:
        unfinished.unlink()
        raise
    unfinished.replace(target)


def _is_whole(path: Path, shape: tuple[int, ...]) -> bool:
    return path.exists() and np.load(path, mmap_mode="r", allow_pickle=False).shape == shape


def _usable(recording: Recording, record: ClipRecord, card: Card) -> tuple[Any, list[Any]]:
    """Return the segments that fit the video; one that ends within a second after it is cut."""
    length = record.frame_count / record.fps
    cut = tuple(
        replace(segment, end_sec=min(segment.end_sec, length))
        if segment.start_sec < length < segment.end_sec <= length + 1
        else segment
        for segment in recording.segments
    )
    seen = np.ones((1, record.frame_count, 1), np.float32)
    return usable_segments(Clip(record, seen[..., None], seen, cut), len(card.labels))


def _finish(
    store: Path,
    description: StoreDescription,
    index: IndexBuilder,
    segments: SegmentTableBuilder,
    files: dict[str, FileInfo],
    problems: list[BadSampleError],
) -> StoreMeta:
    index.write(store / INDEX_FILE)
    write_skipped(store / SKIPPED_FILE, [(error.source, error.reason) for error in problems])
    digests = [index.digest(), *(files[name].sha256 for name in sorted(files))]
    names = [INDEX_FILE, SKIPPED_FILE]
    if segments:
        segments.write(store / SEGMENTS_FILE)
        names.append(SEGMENTS_FILE)
        digests.append(segments.digest())
    meta = StoreMeta(
        description=description,
        clip_count=len(index),
        row_count=index.row_count,
        skipped_count=len(problems),
        files=files | {name: file_info(store / name) for name in names},
        fingerprint=digest_of([_plain(description), *digests]),
        created_by=creating_versions(),
    )
    meta.write(store)
    return meta


def _description(card: Card, options: VideoOptions) -> StoreDescription:
    return StoreDescription(
        dataset=card.name,
        layout="",
        unit="px",
        labels=card.labels,
        joint_count=0,
        coordinate_count=0,
        adapter="video",
        adapter_version=VERSION,
        adapter_options=_plain(options),
    )


def _options(given: Mapping[str, Any]) -> VideoOptions:
    names = [field.name for field in fields(VideoOptions)]
    for key in given:
        if key not in names:
            raise ConfigError(
                f"adapter.{key}: videos have no such option.{did_you_mean(key, names)} "
                f"There are: {', '.join(names)}"
            )
    options = VideoOptions(**given)
    if options.short_edge < 1 or options.fps < 0:
        raise ConfigError("adapter.short_edge must be 1 or more, adapter.fps 0 or more")
    return options


def _plain(options: Any) -> dict[str, Any]:
    return {field.name: getattr(options, field.name) for field in fields(options)}


def _prepared(out: Path, plan: str) -> StoreMeta | None:
    if not (out / META_FILE).is_file() or _planned(out) != plan:
        return None
    return read_meta(out)


def _planned(folder: Path) -> str | None:
    path = folder / PLAN
    return read_json(path).get("digest") if path.is_file() else None


def _report(
    out: Path, meta: StoreMeta, started: float, already_prepared: bool = False
) -> PrepareReport:
    size = sum(info.size for info in meta.files.values())
    seconds = time.perf_counter() - started
    return PrepareReport(out, meta.clip_count, meta.skipped_count, size, seconds, already_prepared)
