"""How far two annotations of the same recordings agree, and segments that overlap within one.

Cohen: A Coefficient of Agreement for Nominal Scales. Educational and Psychological Measurement 20,
1960. Frames are taken at a chosen rate: a frame belongs to a segment that covers its middle.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from har.errors import HarError
from har.samples import UNLABELLED, Segment

FRAMES_A_SECOND = 10.0
MOST_FRAMES = 20_000_000
DISAGREEMENT_COLUMNS = ("recording", "person", "start_sec", "end_sec", "first", "second")
OVERLAP_COLUMNS = ("recording", "person", "start_sec", "end_sec", "label_a", "label_b", "iou")

_Stream = tuple[str, int | None]
_Streams = Mapping[_Stream, Sequence[Segment]]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement of two annotations.

    Attributes:
        class_names: K names.
        iou: (K,) float64, seconds in which both have the class over those in which either has it;
            NaN where neither ever has it.
        class_kappa: (K,) float64, Cohen's kappa of each class against its absence, by frame; NaN
            where it is not defined.
        kappa: Cohen's kappa of the sets of classes in a frame, nothing included.
        agreeing: share of the frames in which both have the same set of classes.
        seconds: compared time.
        disagreements: a value for each of ``DISAGREEMENT_COLUMNS``, longest first.
        only_first, only_second: recordings that one annotation has and the other lacks; they are
            not compared.
    """

    class_names: tuple[str, ...]
    iou: np.ndarray
    class_kappa: np.ndarray
    kappa: float
    agreeing: float
    seconds: float
    disagreements: tuple[tuple[Any, ...], ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]

    def summary(self) -> dict[str, Any]:
        """Return the agreement as plain data, without the list of disagreements."""
        classes = {
            name: {"temporal_iou": float(self.iou[k]), "kappa": float(self.class_kappa[k])}
            for k, name in enumerate(self.class_names)
        }
        return {
            "cohens_kappa": self.kappa,
            "agreeing_share_of_frames": self.agreeing,
            "compared_seconds": self.seconds,
            "mean_temporal_iou": _mean_of_known(self.iou),
            "classes": classes,
            "disagreements": len(self.disagreements),
            "recordings_only_in_first": list(self.only_first),
            "recordings_only_in_second": list(self.only_second),
        }


def measure_agreement(
    first: Iterable[Segment],
    second: Iterable[Segment],
    class_names: Sequence[str],
    frames_a_second: float = FRAMES_A_SECOND,
) -> Agreement:
    """Compare two annotations of the same recordings.

    Segments without a label count for nothing. A recording is compared from 0 to the last end of
    a segment in either annotation; each person of it on its own.

    Args:
        first: segments of one annotator.
        second: segments of the other.
        class_names: K names; the index is the label.
        frames_a_second: how fine time is cut.

    Raises:
        HarError: no recording in common, a label without a name, or too many frames.
    """
    own, other = _streams(first, len(class_names)), _streams(second, len(class_names))
    recordings, others = ({recording for recording, _ in side} for side in (own, other))
    common = recordings & others
    if not common:
        raise HarError(
            f"The two annotations have no recording in common: the first has "
            f"{_some(recordings)}, the second {_some(others)}"
        )
    streams = sorted({key for key in (*own, *other) if key[0] in common}, key=str)
    pair_grids = []
    listed: list[tuple[Any, ...]] = []
    for stream in streams:
        sides = (own.get(stream, ()), other.get(stream, ()))
        grids = _grids(sides, len(class_names), frames_a_second)
        pair_grids.append(grids)
        listed += _disagreements(stream, grids, class_names, frames_a_second)
    a, b = (np.concatenate([grids[side] for grids in pair_grids]) for side in (0, 1))
    sets, share = _compare_sets(a, b)
    return Agreement(
        class_names=tuple(class_names),
        iou=_ratio((a & b).sum(axis=0), (a | b).sum(axis=0)),
        class_kappa=_kappas(a, b),
        kappa=sets,
        agreeing=share,
        seconds=len(a) / frames_a_second,
        disagreements=tuple(sorted(listed, key=lambda row: row[2] - row[3])),
        only_first=tuple(sorted(recordings - common)),
        only_second=tuple(sorted(others - common)),
    )


def find_overlaps(
    segments: Iterable[Segment], class_names: Sequence[str]
) -> tuple[tuple[Any, ...], ...]:
    """Return the segments of one recording and person that overlap, by their IoU, largest first.

    Two of the same class may be one twice; two of different classes may be meant, or contradict.
    """
    rows = []
    for (recording, person), stream in _streams(segments, len(class_names)).items():
        ordered = sorted(stream, key=lambda segment: segment.start_sec)
        for number, a in enumerate(ordered):
            for b in ordered[number + 1 :]:
                if b.start_sec >= a.end_sec:
                    break
                end = min(a.end_sec, b.end_sec)
                share = (end - b.start_sec) / (max(a.end_sec, b.end_sec) - a.start_sec)
                names = class_names[a.label], class_names[b.label]
                rows.append((recording, person, b.start_sec, end, *names, share))
    return tuple(sorted(rows, key=lambda row: -row[-1]))


def _streams(segments: Iterable[Segment], classes: int) -> _Streams:
    streams: defaultdict[_Stream, list[Segment]] = defaultdict(list)
    for segment in segments:
        if segment.label >= classes:
            raise HarError(
                f"{segment.recording}: label {segment.label} has no name; there are {classes}"
            )
        if segment.label != UNLABELLED:
            streams[segment.recording, segment.person].append(segment)
    return streams


def _grids(
    sides: tuple[Sequence[Segment], Sequence[Segment]], classes: int, rate: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return (T, K) bool for both sides: which classes hold in which frame."""
    end = max(segment.end_sec for side in sides for segment in side)
    frames = max(1, round(end * rate))
    if frames > MOST_FRAMES:
        raise HarError(f"A recording of {end:g} s is too long for {rate:g} frames a second.")
    first, second = (np.zeros((frames, classes), dtype=bool) for _ in sides)
    for grid, side in zip((first, second), sides, strict=True):
        for segment in side:
            start, stop = (round(time * rate) for time in (segment.start_sec, segment.end_sec))
            grid[start:stop, segment.label] = True
    return first, second


def _disagreements(
    stream: _Stream,
    grids: tuple[np.ndarray, np.ndarray],
    class_names: Sequence[str],
    rate: float,
) -> list[tuple[Any, ...]]:
    """Return each stretch of time over which the two sides have other classes than the other."""
    joint = np.concatenate(grids, axis=1)
    changes = np.flatnonzero((joint[1:] != joint[:-1]).any(axis=1)) + 1
    bounds = [0, *changes.tolist(), len(joint)]
    return [
        (*stream, start / rate, end / rate, *(_names(grid[start], class_names) for grid in grids))
        for start, end in pairwise(bounds)
        if (grids[0][start] != grids[1][start]).any()
    ]


def _names(held: np.ndarray, class_names: Sequence[str]) -> str:
    return " + ".join(class_names[label] for label in np.flatnonzero(held))


def _compare_sets(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Return Cohen's kappa and the share of equal frames, over sets of classes."""
    _, codes = np.unique(np.concatenate([a, b]), axis=0, return_inverse=True)
    codes = codes.reshape(2, -1)
    chances = [np.bincount(side, minlength=codes.max() + 1) / len(side) for side in codes]
    observed = float((codes[0] == codes[1]).mean())
    return float(_corrected(observed, (chances[0] * chances[1]).sum())), observed


def _kappas(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    observed = (a == b).mean(axis=0)
    p, q = a.mean(axis=0), b.mean(axis=0)
    return _corrected(observed, p * q + (1 - p) * (1 - q))


def _corrected(observed: Any, by_chance: Any) -> Any:
    """Return agreement corrected for chance; NaN where chance alone agrees always."""
    return _ratio(observed - by_chance, 1 - by_chance)


def _ratio(part: Any, whole: Any) -> np.ndarray:
    part, whole = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 1e-12)


def _mean_of_known(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def _some(names: set[str]) -> str:
    return ", ".join(sorted(names)[:3]) or "none"
