"""Poses of a folder of videos: a clip store, a report of each video, and a pickle for others."""

import csv
import io
import pickle
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from har.data.cards import USER_CARD, Card, load_card
from har.data.formats.timed_labels import table_rows
from har.data.prepare import PrepareReport, prepare_dataset
from har.data.prepare_parts import Part, PartContent, PartRunner, PartWriter, read_part, write_parts
from har.data.store import ClipStore
from har.errors import BadSampleError, CardError, ConfigError, did_you_mean
from har.extras import require
from har.pose import PoseSettings, build_estimator
from har.pose.extraction import check_coordinates
from har.record import write_bytes_atomic

ADAPTER = "video_poses"
REPORT = "videos.csv"
NO_LABEL = "unlabelled"
UNITS = {"image": "px", "camera": "m", "hips": "m"}


@dataclass(frozen=True)
class PoseRequest:
    """What to extract, and how.

    Attributes:
        videos: folder of the videos.
        out: folder of the clip store.
        estimator: one of ``har.pose.ESTIMATORS``.
        estimator_options: of the estimator, by name.
        settings: values of ``har.pose.PoseSettings``, by name.
        dataset: card of a dataset that is made from videos, which then tells how; None for videos
            of the user's own.
        segments: the user's table of timed labels; None for videos without labels.
        decoder: of the videos.
        workers: processes; None for one a core.
        launcher: ``processes`` of this machine, or ``ray``.
        force: do it again though it is done.
        pyskl: also write the poses as a pickle as PYSKL reads it.
    """

    videos: Path
    out: Path
    estimator: str = "mediapipe"
    estimator_options: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    dataset: str | None = None
    segments: Path | None = None
    decoder: str = "auto"
    workers: int | None = None
    launcher: str = "processes"
    force: bool = False
    pyskl: Path | None = None


def extract(request: PoseRequest) -> PrepareReport:
    """Extract the poses of all videos of a folder, and print a report.

    Work that was stopped goes on with the same request; a video that cannot be read, or in which
    nobody is seen, goes to ``skipped.csv`` with the reason. No pixel is stored.

    Raises:
        HarError: something the user gave cannot be used; the message says what and how to mend it.
    """
    run_parts = _launcher(request.launcher)
    card, options = _card_and_options(request)
    report = prepare_dataset(
        card,
        request.videos,
        request.out,
        workers=request.workers,
        options=options,
        force=request.force,
        part_items=1,
        run_parts=run_parts,
    )
    store = ClipStore.open(request.out)
    if request.dataset is None:
        _write_card(request.out / USER_CARD, card, options)
    write_bytes_atomic(request.out / REPORT, _video_table(store).encode())
    print(report)
    print(_summary(store, report))
    if request.pyskl is not None:
        write_pyskl(store, request.pyskl)
        print(f"pickle: {request.pyskl}")
    return report


def _card_and_options(request: PoseRequest) -> tuple[Card, dict[str, Any]]:
    given: dict[str, Any] = dict(request.settings)
    if request.decoder != "auto":
        given["decoder"] = request.decoder
    if request.estimator_options:
        given["estimator_options"] = dict(request.estimator_options)
    if request.dataset is None:
        given["estimator"] = request.estimator
        if request.segments is not None:
            given |= {"labels": "segments", "segments": str(request.segments.resolve())}
        return _own_card(request), given
    card = load_card(request.dataset)
    if card.adapter != ADAPTER:
        hint = did_you_mean(f"{card.name}_pose", [f"{card.name}_pose"])
        raise CardError(f"the card {card.name} is not made from videos (adapter: {ADAPTER}).{hint}")
    if request.segments is not None:
        raise ConfigError(f"segments= is for videos of your own; {card.name} has its own labels")
    return card, given


def _own_card(request: PoseRequest) -> Card:
    settings = PoseSettings(**request.settings)
    estimator = build_estimator(request.estimator, **request.estimator_options)
    check_coordinates(estimator, settings)
    layout = estimator.layout
    estimator.close()
    image = settings.coordinates == "image"
    return Card(
        name=request.out.name,
        folder=request.out.resolve(),
        modality="pose2d" if image else "pose3d",
        layout=layout,
        unit=UNITS[settings.coordinates],
        fps=settings.max_fps,
        labels=_labels(request.segments),
        protocols={},
        adapter=ADAPTER,
    )


def _labels(segments: Path | None) -> tuple[str, ...]:
    """Return the classes that a table of segments names, in order of the alphabet."""
    if segments is None:
        return (NO_LABEL,)
    try:
        rows = table_rows(segments.read_text("utf-8"), ("label",), str(segments))
        labels = sorted({row["label"] for _, row in rows if row["label"]})
    except (OSError, UnicodeDecodeError, BadSampleError) as error:
        raise ConfigError(f"segments={segments} is no readable table: {error}") from error
    if not labels:
        raise ConfigError(f"segments={segments} names no label")
    return tuple(labels)


def _write_card(path: Path, card: Card, options: Mapping[str, Any]) -> None:
    """Write the description by which the store can be trained on and prepared again."""
    content = {
        "name": card.name,
        "modality": card.modality,
        "layout": card.layout,
        "unit": card.unit,
        "fps": card.fps,
        "labels": list(card.labels),
        "adapter": card.adapter,
        "adapter_options": dict(options),
    }
    write_bytes_atomic(path, yaml.safe_dump(content, sort_keys=False).encode())


def _video_table(store: ClipStore) -> str:
    """Return how it went with each video, as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ("video", "frames", "fps", "people", "tracks", "person_share", "filled_share", "confidence")
    )
    for i, record in enumerate(store.records):
        conditions = record.conditions
        sure = store.view(i)[1].astype(np.float32)
        seen = sure.any(axis=-1)
        writer.writerow(
            (
                record.source,
                record.frame_count,
                f"{record.fps:.2f}",
                record.person_count,
                int(conditions["tracks"]),
                f"{conditions['person_share']:.3f}",
                f"{conditions['filled_share']:.3f}",
                f"{sure[seen].mean():.3f}",
            )
        )
    return text.getvalue()


def _summary(store: ClipStore, report: PrepareReport) -> str:
    frames = store.index.frame_count
    share = float(np.average(store.index.conditions["person_share"], weights=frames))
    lines = [f"{int(frames.sum())} frames, somebody found in {share:.1%} of them"]
    if not report.already_prepared:
        lines[0] += f", {frames.sum() / report.seconds:.1f} frames/s"
    worst = np.argsort(store.index.conditions["person_share"], kind="stable")[:3]
    lines += [
        f"  {store.record(int(i)).source}: {store.index.conditions['person_share'][i]:.1%}"
        for i in worst
        if store.index.conditions["person_share"][i] < 1
    ]
    return "\n".join([*lines, f"each video: {store.path / REPORT}"])


def write_pyskl(store: ClipStore, path: Path) -> None:
    """Write the clips of a store, or its segments where it has some, as PYSKL's pickle."""
    if "segments.parquet" in store.meta.files:
        store = ClipStore.open(store.path, unit="segment")
    annotations = []
    for i in range(len(store)):
        clip = store.clip(i)
        conditions = clip.record.conditions
        shape = tuple(int(conditions[f"picture_{side}"]) for side in ("height", "width"))
        annotations.append(
            {
                "frame_dir": clip.record.clip_id,
                "label": clip.record.label,
                "total_frames": clip.record.frame_count,
                "img_shape": shape,
                "original_shape": shape,
                "keypoint": clip.joints,
                "keypoint_score": clip.confidence,
            }
        )
    write_bytes_atomic(path, pickle.dumps({"split": {}, "annotations": annotations}))


def _launcher(name: str) -> PartRunner:
    launchers: Mapping[str, PartRunner] = {"processes": write_parts, "ray": write_parts_with_ray}
    if name not in launchers:
        raise ConfigError(
            f"launcher={name} is unknown.{did_you_mean(name, launchers)} There are: "
            f"{', '.join(launchers)}"
        )
    return launchers[name]


def write_parts_with_ray(
    writer: PartWriter, parts: Sequence[Part], workers: int
) -> Iterator[tuple[Part, PartContent]]:
    """Write parts with Ray Data, on the machines of the cluster that Ray is connected to.

    All machines have to see the videos and the folder of the store under the same paths.

    Raises:
        ConfigError: Ray is not installed.
    """
    ray = require("ray", "ray")
    require("ray.data", "ray")
    rows = ray.data.from_items([{"part": number} for number in range(len(parts))])
    done = rows.map(
        _WritePart,
        fn_constructor_args=(writer, tuple(parts)),
        concurrency=(1, max(workers, 1)),
    )
    for row in done.iter_rows():
        part = parts[int(row["part"])]
        content = read_part(writer.folder, part)
        assert content is not None, f"{part.name} was written and is gone"
        yield part, content


class _WritePart:
    """Writes parts in a worker of Ray, which keeps its estimator from part to part."""

    def __init__(self, writer: PartWriter, parts: Sequence[Part]):
        self.writer = writer
        self.parts = parts

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        self.writer.write(self.parts[int(row["part"])])
        return row
