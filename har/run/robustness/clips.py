"""What a condition does to the clips, whatever the method: which ones change, how they measure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from har.config.build import build
from har.config.compose import compose_unchecked, to_plain
from har.data.corrupted import CorruptedClips
from har.data.video_store import VideoStore
from har.errors import HarError
from har.evaluation.robustness import CLEAN, Condition, FilterVerdicts
from har.quality.corruptions import POSE_CORRUPTIONS, VIDEO_CORRUPTIONS, pose_corruption
from har.quality.filters import Rule, judge
from har.quality.pose_pass import VERSION, measure_poses
from har.record import read_json, write_json_atomic
from har.run.assemble import Experiment
from har.run.sources import Source
from har.skeleton.layout import load_layout

FILTERS = ("default", "strict")
"""Options of the configuration group ``quality`` that are compared."""

PLAN, TRAINING = "plan.json", "training.parquet"
_CHANGED = "changed"
_CLIPS_AT_ONCE = 2048

Values = dict[str, np.ndarray]


@dataclass(frozen=True)
class ClipFacts:
    """Facts about the N test clips of one dataset.

    Attributes:
        clip_ids: (N,) str.
        changed: how many clips each condition changes.
        filters: verdicts of the quality filters by name.
        conditions: measured conditions of the clips as recorded, each (N,).
    """

    clip_ids: np.ndarray
    changed: Mapping[Condition, int]
    filters: Mapping[str, FilterVerdicts]
    conditions: Mapping[str, np.ndarray]

    def of(self, clip_ids: np.ndarray) -> "ClipFacts":
        """Return the facts about some of the clips, in that order."""
        place = {clip_id: row for row, clip_id in enumerate(self.clip_ids.tolist())}
        rows = np.array([place[clip_id] for clip_id in clip_ids.tolist()])
        filters = {
            name: FilterVerdicts(
                {key: values[rows] for key, values in own.score.items()},
                {key: values[rows] for key, values in own.accepted.items()},
            )
            for name, own in self.filters.items()
        }
        conditions = {name: values[rows] for name, values in self.conditions.items()}
        return replace(self, clip_ids=clip_ids, filters=filters, conditions=conditions)


def clips_plan(experiment: Experiment, seed: int) -> dict[str, Any]:
    """Return what the corrupted clips depend on."""
    is_video = isinstance(experiment.store, VideoStore)
    kinds: Mapping[str, Any] = VIDEO_CORRUPTIONS if is_video else POSE_CORRUPTIONS
    return {
        "data_fingerprint": experiment.store.fingerprint,
        "layout": experiment.store.layout,
        "seed": seed,
        "levels": {name: str(kind.levels) for name, kind in kinds.items()},
    }


def check_plan(place: Path, plan: Mapping[str, Any]) -> None:
    """Note what the files of a folder depend on, or check that it is still the same.

    Raises:
        HarError: the folder holds files that were made otherwise.
    """
    if not (place / PLAN).exists():
        write_json_atomic(place / PLAN, plan)
        return
    before = read_json(place / PLAN)
    if changed := [key for key, value in plan.items() if before.get(key) != value]:
        raise HarError(
            f"{place} was made with another {' and another '.join(changed)}: choose another folder "
            "with out=<folder>, or delete this one"
        )


def clip_facts(
    experiment: Experiment, dataset: str, conditions: Sequence[Condition], seed: int, place: Path
) -> ClipFacts:
    """Measure the test clips of a dataset under each condition, or read what was measured before.

    Videos are not measured; every condition counts as changing all of them.

    Args:
        experiment: of any method that is tested on the dataset.
        dataset: its name.
        conditions: ``CLEAN`` is among them.
        seed: of the corruptions.
        place: folder that keeps the measures of each condition.
    """
    names = [source.name for source in experiment.sources]
    number = names.index(dataset)
    source = experiment.sources[number]
    tested = len(experiment.split.test)
    check_plan(place, {**clips_plan(experiment, seed), "measures": VERSION, "test_clips": tested})
    parts = {part: getattr(experiment.split, part) for part in ("train", "test")}
    rows = {p: np.sort(r[experiment.store.dataset[r] == number]) for p, r in parts.items()}
    own_rows = np.searchsorted(np.flatnonzero(experiment.store.dataset == number), rows["test"])
    clip_ids = source.store.index.clip_id[own_rows].astype(str)
    known = {name: values[own_rows] for name, values in source.store.index.conditions.items()}
    if isinstance(experiment.store, VideoStore):
        return ClipFacts(clip_ids, {k: len(clip_ids) for k in conditions if k != CLEAN}, {}, known)
    measured: dict[Condition, Values] = {}
    for condition in tqdm(conditions, desc=f"measures of {dataset}", unit="condition"):
        file = place / f"{condition[0]}_{condition[1]}.parquet"
        measured[condition] = _kept(file, experiment, source, rows["test"], condition, seed)
    training = _kept(place / TRAINING, experiment, source, rows["train"], CLEAN, seed)
    changed = {key: int(values.pop(_CHANGED).sum()) for key, values in measured.items()}
    training.pop(_CHANGED)
    return ClipFacts(
        clip_ids,
        {key: count for key, count in changed.items() if key != CLEAN},
        {name: _verdicts(_rules(name), measured, training) for name in FILTERS},
        {**measured[CLEAN], **known},
    )


def _kept(
    file: Path,
    experiment: Experiment,
    source: Source,
    rows: np.ndarray,
    condition: Condition,
    seed: int,
) -> Values:
    """Return the measures in a file, which is written first where there is none."""
    if not file.exists():
        pieces = [
            _measure(experiment, source, rows[start : start + _CLIPS_AT_ONCE], condition, seed)
            for start in range(0, max(len(rows), 1), _CLIPS_AT_ONCE)
        ]
        joined = {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
        partial = file.with_name(f"{file.name}.partial")
        pq.write_table(pa.table(joined), partial)
        partial.replace(file)
    table = pq.read_table(file)
    return {name: table.column(name).to_numpy() for name in table.column_names}


def _measure(
    experiment: Experiment, source: Source, rows: np.ndarray, condition: Condition, seed: int
) -> Values:
    clips, people = experiment.store, experiment.data.people
    recorded, index = CorruptedClips(clips, None, seed).copies(rows, people)
    arrays = recorded
    if condition != CLEAN:
        arrays, _ = CorruptedClips(clips, pose_corruption(*condition), seed).copies(rows, people)
    unit = source.store.meta.description.unit
    values = measure_poses(arrays, index, load_layout(clips.layout), unit, index.camera)
    differs = np.any(arrays[0] != recorded[0], axis=(1, 2))
    differs |= np.any(arrays[1] != recorded[1], axis=1)
    return {**values, _CHANGED: np.logical_or.reduceat(differs, index.row_offset)}


def _rules(name: str) -> list[Rule]:
    nodes = to_plain(compose_unchecked([f"quality={name}"]))["quality"]["filters"]
    return [build(node) for node in nodes]


def _verdicts(
    rules: Sequence[Rule], measured: Mapping[Condition, Values], training: Values
) -> FilterVerdicts:
    """Judge the clips of each condition; percentiles are those of the training clips."""
    score, accepted = {}, {}
    count = len(next(iter(training.values())))
    for key, values in measured.items():
        joined = {name: np.concatenate([training[name], values[name]]) for name in values}
        verdicts = judge(joined, rules, np.arange(count))
        score[key], accepted[key] = verdicts.score[count:], verdicts.accepted[count:]
    return FilterVerdicts(score, accepted)
