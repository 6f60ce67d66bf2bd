"""Measures, verdicts and their use in an experiment: from a store to ``results.json``."""

import csv
import io
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from har.config.build import build
from har.data.splits import Split
from har.data.store import ClipStore
from har.data.video_store import VideoStore
from har.errors import SplitError
from har.evaluation.predictions import Predictions
from har.evaluation.summary import overall_scores
from har.quality import pose_pass, video_pass
from har.quality.filters import Rule, Stratify, Verdicts, join_verdicts, judge, strata_of
from har.record import usable_cores, write_bytes_atomic
from har.run.sources import Source
from har.skeleton.layout import load_layout

SHOWN_METRICS = ("top1", "mean_class_accuracy", "macro_f1")
_PROGRESS_FROM_CLIPS = 2000
_SHOWN_REASONS = 4


@dataclass(frozen=True, eq=False)
class Quality:
    """Verdicts on all clips of an experiment.

    Attributes:
        verdicts: over the rows of the joined store.
        values: (N,) of the joined store by measure.
        strata: ranges by which test results are reported.
        clip_ids: (N,) of the joined store, as the datasets name them.
        datasets: (N,) names.
        before: the split before the filters.
    """

    verdicts: Verdicts
    values: Mapping[str, np.ndarray]
    strata: tuple[Stratify, ...]
    clip_ids: np.ndarray
    datasets: np.ndarray
    before: Split

    def training_weights(self, split: Split) -> np.ndarray | None:
        """Return how often each training clip comes, or None where all come alike."""
        weights = self.verdicts.weight[split.train]
        return None if (weights == 1).all() else weights


def measured(store: ClipStore, workers: int | None = None) -> dict[str, np.ndarray]:
    """Return all measures of the poses, or of the frames, of a store, (N,) float32 each.

    They are kept beside the store's files and taken again when the data or the measures change;
    where nothing can be written there, they are taken each time. Frames are measured as they are
    stored: small, and at the store's frame rate.

    Args:
        store: of clips or of segments.
        workers: threads; None takes the cores there are.
    """
    of_videos = isinstance(store, VideoStore)
    version = f"v{video_pass.VERSION}" if of_videos else f"v{pose_pass.VERSION}"
    kept = store.path / f"quality-{store.unit}-{version}-{store.fingerprint[:12]}.parquet"
    names = video_pass.video_measures() if of_videos else pose_pass.pose_measures()
    found = _read_kept(kept, len(store.index), set(names)) if kept.is_file() else None
    if found is not None:
        return found
    threads = workers or usable_cores()
    count = len(store.index)
    silent = not of_videos and count < _PROGRESS_FROM_CLIPS
    with tqdm(total=count, desc="measuring", unit="clip", disable=silent) as bar:
        values = (
            _measure_stored_frames(store, threads, bar)
            if isinstance(store, VideoStore)
            else _measure_stored_poses(store, threads, bar)
        )
    _keep(kept, values)
    return values


def apply_filters(
    sources: Sequence[Source], split: Split, filters: Sequence[Mapping[str, Any]]
) -> tuple[Quality | None, Split]:
    """Judge all clips; return the verdicts, and the split without what training leaves out.

    Validation and test parts stay whole: their coverage is reported instead.

    Raises:
        SplitError: no training clip is left.
        ConfigError: a rule names a measure that there is not, or makes no sense.
    """
    if not filters:
        return None, split
    rules: list[Rule] = [build(node) for node in filters]
    parts, values = [], []
    for source in sources:
        own = measured(source.store)
        values.append(own)
        parts.append(judge(own, rules, source.split.train))
    quality = Quality(
        join_verdicts(parts),
        {name: np.concatenate([own[name] for own in values]) for name in values[0]},
        strata_of(rules),
        np.concatenate([source.store.index.clip_id.astype(str) for source in sources]),
        np.concatenate([np.full(len(source.store.index), source.name) for source in sources]),
        split,
    )
    kept = split.train[quality.verdicts.weight[split.train] > 0]
    if not len(kept) and len(split.train):
        counts = quality.verdicts.counts(split.train)
        raise SplitError(
            f"the quality filters leave none of {len(split.train)} training clips "
            f"({_told(counts)}): choose a looser quality=, or limits of your own"
        )
    _announce(quality, split, len(kept))
    return quality, replace(split, train=kept)


def describe_quality(
    quality: Quality, names: Sequence[str], predictions: Sequence[Predictions]
) -> dict[str, Any]:
    """Return what ``results.json`` says of the filters.

    Args:
        quality: of the experiment.
        names: of the datasets that were tested.
        predictions: of each of them.
    """
    verdicts, train = quality.verdicts, quality.before.train
    return {
        "rules": verdicts.rules,
        "train": {
            "clips": len(train),
            "dropped": int((verdicts.weight[train] == 0).sum()),
            "weighed_less": int(((verdicts.weight > 0) & (verdicts.weight < 1))[train].sum()),
            "rejected_by": verdicts.counts(train),
        },
        "val": _coverage(verdicts, quality.before.val),
        "test": {
            name: _test_scores(quality, name, own)
            for name, own in zip(names, predictions, strict=True)
        },
    }


def append_verdicts(path: Path, quality: Quality, dataset: str) -> None:
    """Add the training clips that were dropped or weighed less to a ``skipped.csv``."""
    train = quality.before.train
    own = train[(quality.datasets[train] == dataset)]
    told = [row for row in own.tolist() if quality.verdicts.reasons[row]]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    for row in told:
        weight = quality.verdicts.weight[row]
        fate = "left out of training" if weight == 0 else f"trained on with weight {weight:.3g}"
        score = f"quality score {quality.verdicts.score[row]:.3f}"
        writer.writerow(
            (quality.clip_ids[row], f"{fate}, {score}: {quality.verdicts.reasons[row]}")
        )
    before = path.read_bytes() if path.exists() else b"source,reason\n"
    write_bytes_atomic(path, before + text.getvalue().encode())


def _test_scores(quality: Quality, dataset: str, predictions: Predictions) -> dict[str, Any]:
    of_dataset = np.flatnonzero(quality.datasets == dataset)
    row_of = dict(zip(quality.clip_ids[of_dataset].tolist(), of_dataset.tolist(), strict=True))
    rows = np.array([row_of[clip] for clip in predictions.clip_ids.tolist()], dtype=np.int64)
    accepted = quality.verdicts.accepted[rows]
    return {
        **_coverage(quality.verdicts, rows),
        "accepted": _scores(predictions, accepted),
        "rejected": _scores(predictions, ~accepted),
        "by_condition": {
            rule.measure: _by_range(rule, quality.values[rule.measure][rows], predictions)
            for rule in quality.strata
        },
    }


def _by_range(rule: Stratify, values: np.ndarray, predictions: Predictions) -> list[dict[str, Any]]:
    found = [
        {"from": low, "below": high, **_scores(predictions, (values >= low) & (values < high))}
        for low, high in rule.ranges()
    ]
    unknown = np.isnan(values)
    return [*found, {"unknown": True, **_scores(predictions, unknown)}] if unknown.any() else found


def _scores(predictions: Predictions, chosen: np.ndarray) -> dict[str, Any]:
    count = {"clips": int(chosen.sum())}
    if not chosen.any():
        return {**count, **dict.fromkeys(SHOWN_METRICS)}
    scores = overall_scores(predictions.subset(chosen))
    return {**count, **{name: scores[name] for name in SHOWN_METRICS}}


def _coverage(verdicts: Verdicts, rows: np.ndarray) -> dict[str, Any]:
    accepted = int(verdicts.accepted[rows].sum())
    return {
        "clips": len(rows),
        "accepted_clips": accepted,
        "coverage": accepted / len(rows) if len(rows) else None,
        "rejected_by": verdicts.counts(rows),
    }


def _announce(quality: Quality, split: Split, kept: int) -> None:
    verdicts = quality.verdicts
    less = int(((verdicts.weight > 0) & (verdicts.weight < 1))[split.train].sum())
    counts = verdicts.counts(split.train)
    print(
        f"quality: {len(split.train) - kept} of {len(split.train)} training clips are left out, "
        f"{less} come less often" + (f" ({_told(counts)})" if counts else "")
    )


def _told(counts: Mapping[str, int]) -> str:
    shown = [f"{name} {count}" for name, count in list(counts.items())[:_SHOWN_REASONS]]
    return ", ".join(shown) + (", ..." if len(counts) > _SHOWN_REASONS else "")


def _measure_stored_poses(store: ClipStore, threads: int, bar: tqdm) -> dict[str, np.ndarray]:
    index: Any = store.index
    named = np.char.add(np.char.add(index.camera, "/"), index.setup)
    return pose_pass.measure_poses(
        (np.asarray(store.joints), np.asarray(store.confidence)),
        index,
        load_layout(store.layout),
        store.meta.description.unit,
        cameras=np.where(index.camera == "", "", named),
        workers=threads,
        progress=bar.update,
    )


def _measure_stored_frames(store: VideoStore, threads: int, bar: tqdm) -> dict[str, np.ndarray]:
    def measure(row: int) -> dict[str, float]:
        values = video_pass.measure_frames(store.frames(row), float(store.index.fps[row]))
        bar.update(1)
        return values

    with ThreadPoolExecutor(threads) as pool:
        rows = list(pool.map(measure, range(len(store.index))))
    return {
        name: np.array([values[name] for values in rows], np.float32)
        for name in video_pass.video_measures()
    }


def _read_kept(path: Path, clips: int, names: set[str]) -> dict[str, np.ndarray] | None:
    """Return kept values; None where the file is damaged, or of other clips or measures."""
    try:
        table = pq.read_table(path, memory_map=False)
    except (OSError, pa.ArrowException):
        return None
    if table.num_rows != clips or set(table.column_names) != names:
        return None
    return {name: table.column(name).to_numpy() for name in table.column_names}


def _keep(path: Path, values: Mapping[str, np.ndarray]) -> None:
    """Write values beside the store, whole or not at all; nothing where it is read-only."""
    content = io.BytesIO()
    pq.write_table(pa.table(dict(values)), content)
    if os.access(path.parent, os.W_OK):
        write_bytes_atomic(path, content.getvalue())
