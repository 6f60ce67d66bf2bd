"""Alarms in untrimmed streams: how many falls are noticed, how late, and how many are false.

From scores to alarms (``detect``), each camera by itself:

1. Each score stands for the time from its own start, or the end of the score before it if that is
   later, to its own end. So overlapping windows divide the time among them, and nothing is used
   before it is known.
2. Hysteresis: a detection begins at a score of at least ``threshold`` and lasts while scores are
   at least ``release_ratio * threshold``.
3. Detections with at most ``merge_gap_sec`` between them become one.
4. The alarm goes off when the detection has lasted ``min_duration_sec``; shorter ones are dropped.
5. For ``hold_off_sec`` after an alarm the camera's further detections stay silent.

From alarms to counts (``score_events``): an alarm may belong to a fall from ``tolerance_sec``
before its start to ``tolerance_sec`` after its end. Alarms in order of time each take the fall that
ends first, and a fall is taken once. An alarm that takes none is *repeated* if it could belong to a
fall, or while a person lies fallen, and otherwise *false*.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from har.errors import HarError
from har.evaluation.label_sets import ratio
from har.evaluation.timeline import Scores, Segments, TimeLine

_SECONDS_PER_HOUR = 3600
_ROUNDING_SEC = 1e-6


@dataclass(frozen=True, slots=True)
class AlarmSettings:
    """When scores become an alarm, and to which falls it may belong; see the module."""

    threshold: float = 0.5
    release_ratio: float = 0.8
    merge_gap_sec: float = 1.0
    min_duration_sec: float = 0.5
    hold_off_sec: float = 30.0
    tolerance_sec: float = 5.0

    def __post_init__(self) -> None:
        for name in ("threshold", "release_ratio"):
            if not 0 < getattr(self, name) <= 1:
                raise HarError(f"{name} must lie in (0, 1], got {getattr(self, name)}.")
        for name in ("merge_gap_sec", "min_duration_sec", "hold_off_sec", "tolerance_sec"):
            if not 0 <= getattr(self, name) < np.inf:
                raise HarError(f"{name} must be 0 or more seconds, got {getattr(self, name)}.")


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """D detections in order of stream and time.

    Attributes:
        stream: (D,) str.
        start_sec, end_sec: (D,) time that each covers.
        alarm_sec: (D,) when it had lasted long enough.
        is_silent: (D,) bool, whether it fell into the hold-off of an earlier alarm.
    """

    stream: np.ndarray
    start_sec: np.ndarray
    end_sec: np.ndarray
    alarm_sec: np.ndarray
    is_silent: np.ndarray


@dataclass(frozen=True, slots=True)
class EventScores:
    """What alarms are worth; None where a score is undefined.

    Attributes:
        threshold: that the alarms were made with.
        sensitivity: share of the events that an alarm took.
        precision: events taken / (events taken + false alarms).
        f1: harmonic mean of the two.
        false_alarms_per_hour: for each hour of one camera.
        delay_median_sec, delay_p90_sec: from the start of an event to its alarm; negative for an
            alarm before the labelled start.
        fallen_recall: share of the time fallen that detections cover, silent ones included. It
            asks for scores of a fall or fallen, not of a fall alone.
        events, detected, alarms, false_alarms, repeated_alarms: counts.
        camera_hours: time with scores.
        fallen_sec: time fallen.
    """

    threshold: float
    sensitivity: float | None
    precision: float | None
    f1: float | None
    false_alarms_per_hour: float | None
    delay_median_sec: float | None
    delay_p90_sec: float | None
    fallen_recall: float | None
    events: int
    detected: int
    alarms: int
    false_alarms: int
    repeated_alarms: int
    camera_hours: float
    fallen_sec: float


def detect(scores: Scores, settings: AlarmSettings) -> Detections:
    """Return the detections of all streams; steps 1 to 5 of the module."""
    line = TimeLine.of([scores], _reach_sec(settings))
    start, end = line.score_intervals(scores)
    held, run = _runs(start, end, scores.probability, settings)
    first, last = _first_and_last(run)
    begin = start[held][first]
    lasted = end[held] - begin[run] >= settings.min_duration_sec - _ROUNDING_SEC
    long_enough = np.zeros(len(begin), dtype=bool)
    long_enough[run[lasted]] = True
    alarm_row, _ = _first_and_last(run[lasted])
    rows = held[first[long_enough]]
    alarm = end[held][lasted][alarm_row]
    offset = line.offset_of(scores.stream[rows])
    return Detections(
        stream=scores.stream[rows],
        start_sec=begin[long_enough] - offset,
        end_sec=end[held][last[long_enough]] - offset,
        alarm_sec=alarm - offset,
        is_silent=_in_hold_off(alarm, settings.hold_off_sec),
    )


def score_events(
    scores: Scores, falls: Segments, fallen: Segments, settings: AlarmSettings
) -> EventScores:
    """Return sensitivity, false alarms and delays of the alarms that the scores give.

    Args:
        scores: of all cameras; also of those that see no fall, for the false alarms.
        falls: true falls. Those in streams without scores count as missed.
        fallen: true times of lying or sitting on the ground after a fall.
        settings: of the alarms.
    """
    found = detect(scores, settings)
    line = TimeLine.of([scores, falls, fallen], _reach_sec(settings))
    alarms = (found.alarm_sec + line.offset_of(found.stream))[~found.is_silent]
    taken_by, is_false = _judge(alarms, line.place(falls), line.place(fallen), settings)
    is_detected = taken_by >= 0
    delays = alarms[taken_by[is_detected]] - line.place(falls)[0][is_detected]
    events, detected, false_alarms = len(taken_by), len(delays), int(is_false.sum())
    start, end = line.score_intervals(scores)
    hours = float((end - start).sum()) / _SECONDS_PER_HOUR
    fallen_sec = float((fallen.end_sec - fallen.start_sec).sum())
    return EventScores(
        threshold=settings.threshold,
        sensitivity=ratio(detected, events),
        precision=ratio(detected, detected + false_alarms),
        f1=ratio(2 * detected, detected + false_alarms + events),
        false_alarms_per_hour=ratio(false_alarms, hours),
        delay_median_sec=_percentile(delays, 50),
        delay_p90_sec=_percentile(delays, 90),
        fallen_recall=ratio(_covered_sec(line, fallen, found), fallen_sec),
        events=events,
        detected=detected,
        alarms=len(alarms),
        false_alarms=false_alarms,
        repeated_alarms=len(alarms) - detected - false_alarms,
        camera_hours=hours,
        fallen_sec=fallen_sec,
    )


def operating_curve(
    scores: Scores,
    falls: Segments,
    fallen: Segments,
    settings: AlarmSettings,
    thresholds: Sequence[float],
) -> list[EventScores]:
    """Return the scores at each threshold, to draw sensitivity over false alarms an hour."""
    return [
        score_events(scores, falls, fallen, replace(settings, threshold=float(threshold)))
        for threshold in thresholds
    ]


def _reach_sec(settings: AlarmSettings) -> float:
    """Return over how long two things of one stream may concern each other."""
    return max(settings.merge_gap_sec, settings.hold_off_sec, 2 * settings.tolerance_sec)


def _runs(
    start: np.ndarray, end: np.ndarray, probability: np.ndarray, settings: AlarmSettings
) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of scores that belong to a detection, and the number of each's."""
    kept = np.flatnonzero(probability >= settings.release_ratio * settings.threshold)
    is_first = np.ones(len(kept), dtype=bool)
    is_first[1:] = (np.diff(kept) > 1) | (start[kept[1:]] - end[kept[:-1]] > _ROUNDING_SEC)
    triggers = np.cumsum(probability[kept] >= settings.threshold)
    before = np.concatenate([[0], triggers])[:-1]
    held = kept[triggers > before[is_first][np.cumsum(is_first) - 1]]
    starts_anew = np.ones(len(held), dtype=bool)
    gap = start[held[1:]] - end[held[:-1]]
    starts_anew[1:] = gap > settings.merge_gap_sec + _ROUNDING_SEC
    return held, np.cumsum(starts_anew) - 1


def _first_and_last(group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first and last position of each group in (F,) sorted numbers."""
    change = np.flatnonzero(np.diff(group)) + 1
    edges = np.concatenate([[0], change, [len(group)]]) if len(group) else np.array([], dtype=int)
    return edges[:-1], edges[1:] - 1


def _in_hold_off(alarms: np.ndarray, hold_off_sec: float) -> np.ndarray:
    """Return which of the sorted alarms come too soon after one that went off, (D,) bool."""
    is_silent = np.zeros(len(alarms), dtype=bool)
    quiet_until = -np.inf
    for number, alarm in enumerate(alarms.tolist()):
        is_silent[number] = alarm < quiet_until - _ROUNDING_SEC
        if not is_silent[number]:
            quiet_until = alarm + hold_off_sec
    return is_silent


def _judge(
    alarms: np.ndarray,
    falls: tuple[np.ndarray, np.ndarray],
    fallen: tuple[np.ndarray, np.ndarray],
    settings: AlarmSettings,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the alarm that takes each fall, (E,) int or -1, and which alarms are false, bool."""
    tolerance = settings.tolerance_sec + _ROUNDING_SEC
    opens, closes = falls[0] - tolerance, falls[1] + tolerance
    is_near = _covered(alarms, opens, closes)
    lies = _covered(alarms, fallen[0] - _ROUNDING_SEC, fallen[1] + _ROUNDING_SEC)
    candidates = np.flatnonzero(is_near)
    return _match(alarms, candidates, opens, closes), ~(is_near | lies)


def _match(
    alarms: np.ndarray, candidates: np.ndarray, opens: np.ndarray, closes: np.ndarray
) -> np.ndarray:
    """Return the alarm that takes each event, (E,) int, or -1; as many as possible are taken.

    Args:
        alarms: sorted times.
        candidates: positions of the alarms that may take an event.
        opens: (E,) from when on an alarm may take each event.
        closes: (E,) until when.
    """
    taken_by = np.full(len(opens), -1)
    deadlines = closes.copy()
    for number in candidates.tolist():
        may_take = (opens <= alarms[number]) & (alarms[number] <= deadlines)
        if may_take.any():
            event = int(np.where(may_take, deadlines, np.inf).argmin())
            taken_by[event] = number
            deadlines[event] = -np.inf
    return taken_by


def _covered(times: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return whether each time lies in any of the intervals, (len(times),) bool."""
    begun = np.searchsorted(np.sort(start), times, side="right")
    over = np.searchsorted(np.sort(end), times, side="left")
    return begun > over


def _covered_sec(line: TimeLine, segments: Segments, found: Detections) -> float:
    """Return how much of the segments the detections cover."""
    start, end = line.place(found)
    covered = np.concatenate([[0.0], np.cumsum(end - start)])
    knots = np.stack([start, end], axis=1).ravel()
    up_to = np.stack([covered[:-1], covered[1:]], axis=1).ravel()
    if not len(knots):
        return 0.0
    opens, closes = line.place(segments)
    return float((np.interp(closes, knots, up_to) - np.interp(opens, knots, up_to)).sum())


def _percentile(values: np.ndarray, percent: float) -> float | None:
    return float(np.percentile(values, percent)) if len(values) else None
