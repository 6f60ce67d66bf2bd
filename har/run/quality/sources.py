"""Datasets as the quality report sees them: a prepared store, or a folder of videos."""

import io
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from tqdm import tqdm

from har.data.store import ClipStore
from har.data.store_meta import META_FILE
from har.data.video_store import FRAMES_FOLDER, VideoStore
from har.errors import ConfigError, HarError
from har.evaluation.projection import SkeletonClip
from har.evaluation.render import draw_strip
from har.quality.measure import Kind, Measure
from har.quality.pose_pass import pose_measures
from har.quality.video_pass import VERSION, VideoMeasures, measure_videos, video_measures
from har.quality.video_picture import shrink
from har.record import usable_cores, write_bytes_atomic
from har.run.quality.experiment import measured
from har.skeleton.layout import load_layout
from har.video import open_video

VIDEO_ENDINGS = (".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v", ".mpg", ".mpeg")
KEPT_VIDEOS = "video_measures.parquet"
_SHOWN_FRAMES = 4
_THUMBNAIL_SIDE_PX = 130
_COLOURS = 32


@dataclass(frozen=True, eq=False)
class Measured:
    """The measures of a dataset.

    Attributes:
        name: for readers.
        kind: ``pose`` or ``video``.
        values: (N,) by measure.
        clip_ids: N names.
        labels: N names of the classes, "" where unknown.
        problems: file -> why it cannot be read.
        fingerprint: of the data, "" for videos.
    """

    name: str
    kind: Kind
    values: Mapping[str, np.ndarray]
    clip_ids: tuple[str, ...]
    labels: tuple[str, ...]
    problems: Mapping[str, str] = field(default_factory=dict)
    fingerprint: str = ""
    store: ClipStore | None = None
    folder: Path = Path()

    def __len__(self) -> int:
        return len(self.clip_ids)

    @property
    def measures(self) -> dict[str, Measure]:
        """Descriptions of the measures."""
        return measures_of(self.kind)

    def picture(self, row: int) -> str | None:
        """Return a strip of a clip as a data URL; None where there is nothing to see."""
        if isinstance(self.store, VideoStore):
            image: bytes | None = _frame_strip(self.store, row)
        elif self.store is not None:
            image = _skeleton_strip(self.store, row)
        else:
            image = self._strip(row)
        if image is None:
            return None
        return "data:image/png;base64," + b64encode(image).decode()

    def _strip(self, row: int) -> bytes | None:
        try:
            with open_video(self.folder / self.clip_ids[row]) as video:
                at = np.linspace(0, video.frame_count - 1, _SHOWN_FRAMES + 2).astype(int)[1:-1]
                frames = [shrink(frame, _THUMBNAIL_SIDE_PX) for frame in video.frames(at.tolist())]
        except HarError:
            return None
        return _png(np.concatenate(frames, axis=1))


def measures_of(kind: Kind) -> dict[str, Measure]:
    """Return the descriptions of all measures of poses, or of videos."""
    return pose_measures() if kind == "pose" else video_measures()


def load_measured(
    path: Path, out: Path, unit: str = "clip", workers: int | None = None
) -> Measured:
    """Measure what is at a path.

    Args:
        path: a clip store; a video; or a folder with videos in it, at any depth.
        out: folder in which measures of videos are kept, so that they are taken once.
        unit: of a store: "clip" or "segment".
        workers: None takes the cores there are.

    Raises:
        ConfigError: there is neither a store nor a video.
    """
    if (path / META_FILE).is_file():
        return _load_store(path, unit, workers)
    return _load_videos(path, out, workers or usable_cores())


def _load_store(path: Path, unit: Any, workers: int | None) -> Measured:
    of_videos = (path / FRAMES_FOLDER).is_dir()
    store = (VideoStore if of_videos else ClipStore).open(path, unit=unit)
    index: Any = store.index
    known = {-1: "", **dict(enumerate(store.labels))}
    return Measured(
        name=path.name,
        kind="video" if of_videos else "pose",
        values=measured(store, workers),
        clip_ids=tuple(index.clip_id.astype(str).tolist()),
        labels=tuple(known.get(label, "") for label in index.label.tolist()),
        fingerprint=store.fingerprint,
        store=store,
    )


def _load_videos(path: Path, out: Path, workers: int) -> Measured:
    if not path.exists():
        raise ConfigError(f"there is no {path}: give a prepared clip store, or videos")
    found = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    files = [p for p in found if p.suffix.lower() in VIDEO_ENDINGS]
    if not files:
        raise ConfigError(
            f"{path} is no clip store and has no video ({', '.join(VIDEO_ENDINGS)}) in it"
        )
    folder = path.parent if path.is_file() else path
    results = _measure_new(files, out / KEPT_VIDEOS, workers)
    read = [m for m in results if not m.problem]
    return Measured(
        name=path.name,
        kind="video",
        values={
            name: np.array([m.values[name] for m in read], np.float32) for name in video_measures()
        },
        clip_ids=tuple(str(Path(m.path).relative_to(folder)) for m in read),
        labels=("",) * len(read),
        problems={str(Path(m.path).relative_to(folder)): m.problem for m in results if m.problem},
        folder=folder,
    )


def _measure_new(files: list[Path], kept: Path, workers: int) -> list[VideoMeasures]:
    """Measure the files that were not measured before, or have changed since."""
    before = _read_kept(kept)
    new = [path for path in files if _key(path) not in before]
    with tqdm(total=len(new), desc="measuring", unit="video", disable=not new) as bar:
        fresh = measure_videos(new, min(workers, max(len(new), 1)), bar.update)
    known = before | {_key(Path(m.path)): m for m in fresh}
    if fresh:
        _write_kept(kept, known)
    return [known[_key(path)] for path in files]


def _key(path: Path) -> str:
    about = path.stat()
    return f"{path.resolve()}|{about.st_size}|{about.st_mtime_ns}"


def _read_kept(path: Path) -> dict[str, VideoMeasures]:
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException):
        return {}
    if (table.schema.metadata or {}).get(b"version") != str(VERSION).encode():
        return {}
    found = {}
    for row in table.to_pylist():
        key, problem = row.pop("key"), row.pop("problem")
        found[key] = VideoMeasures(key.partition("|")[0], {} if problem else row, problem=problem)
    return found


def _write_kept(path: Path, known: Mapping[str, VideoMeasures]) -> None:
    names = list(video_measures())
    columns: dict[str, Any] = {
        "key": list(known),
        "problem": [m.problem for m in known.values()],
    }
    for name in names:
        columns[name] = [float(m.values.get(name, float("nan"))) for m in known.values()]
    table = pa.table(columns).replace_schema_metadata({"version": str(VERSION)})
    content = io.BytesIO()
    pq.write_table(table, content)
    write_bytes_atomic(path, content.getvalue())


def _frame_strip(store: VideoStore, row: int) -> bytes | None:
    frames = store.frames(row)
    if not len(frames):
        return None
    at = np.linspace(0, len(frames) - 1, _SHOWN_FRAMES + 2).astype(int)[1:-1]
    return _png(np.concatenate([shrink(frames[i], _THUMBNAIL_SIDE_PX) for i in at], axis=1))


def _skeleton_strip(store: ClipStore, row: int) -> bytes | None:
    clip, layout = store.clip(row), load_layout(store.layout)
    try:
        picture = SkeletonClip(
            clip.joints, clip.confidence, layout.edge_indices, layout.joints, clip.record.fps
        )
    except HarError:  # nothing is seen in the whole clip
        return None
    with TemporaryDirectory() as folder:
        path = draw_strip(Path(folder) / "strip.png", picture)
        return _small(path)


def _small(path: Path) -> bytes:
    content = io.BytesIO()
    with Image.open(path) as image:
        image.convert("RGB").quantize(_COLOURS).save(content, format="PNG", optimize=True)
    return content.getvalue()


def _png(pixels: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, format="PNG", optimize=True)
    return content.getvalue()
