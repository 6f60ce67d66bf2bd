from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from har.errors import HarError
from har.evaluation.events import AlarmSettings, detect, operating_curve, score_events
from har.evaluation.timeline import Scores, Segments

BARE = AlarmSettings(
    threshold=0.5,
    release_ratio=1,
    merge_gap_sec=0,
    min_duration_sec=0,
    hold_off_sec=0,
    tolerance_sec=0,
)


def changed(**values):
    names = ("release_ratio", "merge_gap_sec", "min_duration_sec", "hold_off_sec", "tolerance_sec")
    return AlarmSettings(**{name: getattr(BARE, name) for name in names} | values)


def frames(*probabilities, stream="a", seconds=1.0, begin=0.0):
    start = begin + seconds * np.arange(len(probabilities))
    return Scores(np.full(len(start), stream), start, start + seconds, np.array(probabilities))


def join(*tables):
    names = ("stream", "start_sec", "end_sec", "probability")
    return Scores(*(np.concatenate([getattr(t, name) for t in tables]) for name in names))


def segments(*rows, stream="a"):
    start, end = np.array(rows, dtype=float).reshape(-1, 2).T
    return Segments(np.full(len(start), stream), start, end)


def rows_of(found):
    return list(
        zip(
            found.stream.tolist(),
            found.start_sec.round(6).tolist(),
            found.end_sec.round(6).tolist(),
            found.alarm_sec.round(6).tolist(),
            found.is_silent.tolist(),
            strict=True,
        )
    )


def spans(found):
    return [(start, end, alarm) for _, start, end, alarm, _ in rows_of(found)]


def test_a_detection_lasts_while_the_score_is_high():
    assert spans(detect(frames(0, 0.6, 0.5, 0.4, 0.9), BARE)) == [(1, 3, 2), (4, 5, 5)]


def test_hysteresis_begins_at_the_threshold_and_ends_at_the_release():
    scores = frames(0.4, 0.45, 0.6, 0.45, 0.3, 0.45, 0.2)
    assert spans(detect(scores, changed(release_ratio=0.8))) == [(2, 4, 3)]


def test_short_gaps_are_bridged():
    scores = frames(0.9, 0.1, 0.9, 0.1, 0.1, 0.9)
    assert spans(detect(scores, changed(merge_gap_sec=1))) == [(0, 3, 1), (5, 6, 6)]


def test_a_gap_between_windows_ends_a_detection_unless_it_is_bridged():
    scores = join(frames(0.9), frames(0.9, begin=3))
    assert spans(detect(scores, BARE)) == [(0, 1, 1), (3, 4, 4)]
    assert spans(detect(scores, changed(merge_gap_sec=2))) == [(0, 4, 1)]


def test_the_alarm_waits_for_the_least_duration():
    scores = frames(0.9, 0.0, 0.9, 0.9, 0.9)
    assert spans(detect(scores, changed(min_duration_sec=2))) == [(2, 5, 4)]
    bridged = changed(min_duration_sec=2, merge_gap_sec=1)
    assert spans(detect(scores, bridged)) == [(0, 5, 3)]


def test_alarms_within_the_hold_off_are_silent():
    scores = frames(0.9, 0, 0.9, 0, 0.9, 0, 0.9)
    silent = detect(scores, changed(hold_off_sec=3)).is_silent
    assert silent.tolist() == [False, True, False, True]


def test_overlapping_windows_share_the_time():
    start = np.array([0.0, 0.5, 1.0, 1.5])
    windows = Scores(np.full(4, "a"), start, start + 2, np.array([0.0, 0.9, 0.0, 0.9]))
    assert spans(detect(windows, BARE)) == [(2, 2.5, 2.5), (3, 3.5, 3.5)]


def test_streams_do_not_touch():
    scores = join(frames(0.1, 0.9, stream="b"), frames(0.9, 0.1, stream="a"))
    found = detect(scores, changed(merge_gap_sec=100, hold_off_sec=100))
    assert rows_of(found) == [("a", 0, 1, 1, False), ("b", 1, 2, 2, False)]


def test_frames_at_a_frame_rate_are_without_gaps():
    rate = 30000 / 1001
    edges = np.arange(1001) / rate
    scores = Scores(np.full(1000, "a"), edges[:-1], edges[1:], np.ones(1000))
    assert len(detect(scores, BARE).start_sec) == 1


def test_event_scores_by_hand():
    # Alarms at 11 (fall at 10), 31 (nothing), 51 (fall at 44, late), 61 (lies after it).
    probabilities = np.zeros(3600)
    probabilities[[10, 30, 50, 60, 61]] = 0.9
    falls, fallen = segments((10, 12), (44, 46), (80, 82)), segments((46, 66))
    scores = score_events(frames(*probabilities), falls, fallen, changed(tolerance_sec=5))
    assert (scores.events, scores.detected, scores.alarms) == (3, 2, 4)
    assert (scores.false_alarms, scores.repeated_alarms) == (1, 1)
    assert scores.sensitivity == pytest.approx(2 / 3)
    assert scores.precision == pytest.approx(2 / 3)
    assert scores.f1 == pytest.approx(2 / 3)
    assert scores.camera_hours == pytest.approx(1)
    assert scores.false_alarms_per_hour == pytest.approx(1)
    assert scores.delay_median_sec == pytest.approx(4)
    assert scores.delay_p90_sec == pytest.approx(1 + 0.9 * 6)
    assert scores.fallen_recall == pytest.approx(3 / 20)
    assert scores.fallen_sec == 20


def test_one_alarm_takes_one_fall():
    falls = segments((0, 4), (1, 3))
    long_alarm = score_events(frames(0, 0.9, 0.9, 0.9), falls, Segments.none(), BARE)
    assert (long_alarm.detected, long_alarm.repeated_alarms) == (1, 0)
    two = score_events(frames(0, 0.9, 0, 0.9), falls, Segments.none(), BARE)
    assert (two.detected, two.false_alarms) == (2, 0)
    three = score_events(frames(0.9, 0, 0.9, 0, 0.9), segments((0, 6)), Segments.none(), BARE)
    assert (three.detected, three.repeated_alarms, three.false_alarms) == (1, 2, 0)


def test_the_tolerance_is_inclusive_and_within_the_stream():
    scores = join(frames(0, 0, 0, 0.9), frames(0, 0, 0, 0, stream="b"))
    near, none = segments((0, 2)), Segments.none()
    assert score_events(scores, near, none, changed(tolerance_sec=2)).detected == 1
    assert score_events(scores, near, none, changed(tolerance_sec=1.9)).detected == 0
    elsewhere = segments((0, 2), stream="b")
    assert score_events(scores, elsewhere, none, changed(tolerance_sec=2)).false_alarms == 1


def test_what_cannot_be_known_is_none():
    none, nothing = Segments.none(), frames()
    empty = score_events(nothing, none, none, BARE)
    assert {empty.sensitivity, empty.precision, empty.f1, empty.false_alarms_per_hour} == {None}
    assert {empty.delay_median_sec, empty.delay_p90_sec, empty.fallen_recall} == {None}
    unwatched = score_events(nothing, segments((1, 2)), segments((2, 5)), BARE)
    assert (unwatched.sensitivity, unwatched.precision, unwatched.f1) == (0, None, 0)
    assert (unwatched.fallen_recall, unwatched.camera_hours) == (0, 0)
    quiet = score_events(frames(0.1, 0.1), none, none, BARE)
    assert (quiet.sensitivity, quiet.false_alarms_per_hour) == (None, 0)


def test_the_curve_over_thresholds():
    scores = frames(0, 0.9, 0, 0.6, 0, 0.4)
    curve = operating_curve(scores, segments((1, 2)), Segments.none(), BARE, [0.3, 0.5, 0.8, 1])
    assert [point.threshold for point in curve] == [0.3, 0.5, 0.8, 1]
    assert [point.sensitivity for point in curve] == [1, 1, 1, 0]
    assert [point.false_alarms for point in curve] == [2, 1, 0, 0]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"threshold": 0}, r"threshold must lie in \(0, 1\], got 0"),
        ({"release_ratio": 1.5}, "release_ratio must lie in"),
        ({"merge_gap_sec": -1}, "merge_gap_sec must be 0 or more seconds, got -1"),
        ({"hold_off_sec": float("nan")}, "hold_off_sec must be 0 or more seconds"),
    ],
)
def test_unusable_settings_are_refused(values, message):
    with pytest.raises(HarError, match=message):
        AlarmSettings(**values)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ((["a"], [0], [0], [0.5]), "row 0 of stream 'a' lasts from 0.0 to 0.0 s"),
        ((["a"], [0], [np.inf], [0.5]), "values of end_sec that are NaN or infinite"),
        ((["a"], [0], [1], [0.5, 1]), r"probability has shape \(2,\), stream \(1,\)"),
        ((["a"], [0], [1], [7.5]), "must be probabilities"),
        ((["a", "a"], [0, 1], [2, 2], [0.5, 1]), "Two windows of stream 'a' end at 2.0 s"),
    ],
)
def test_unusable_scores_are_refused(columns, message):
    with pytest.raises(HarError, match=message):
        Scores(*columns)


GRID = st.sampled_from([0.0, 0.25, 0.4, 0.5, 0.75, 1.0])


def plain_detections(probabilities, options):
    """Return (start, end, alarm) of one stream of frames of one second, frame by frame."""
    is_on, runs = False, []
    for second, probability in enumerate(probabilities):
        limit = options.threshold * (options.release_ratio if is_on else 1)
        was_on, is_on = is_on, probability >= limit
        if is_on and was_on:
            runs[-1].append(second)
        elif is_on:
            if runs and second - (runs[-1][-1] + 1) <= options.merge_gap_sec:
                runs[-1].append(second)
            else:
                runs.append([second])
    alarms = [
        next((s + 1 for s in run if s + 1 - run[0] >= options.min_duration_sec), None)
        for run in runs
    ]
    return [(run[0], run[-1] + 1, a) for run, a in zip(runs, alarms, strict=True) if a is not None]


@settings(max_examples=150)
@given(
    st.lists(st.lists(GRID, max_size=20), min_size=1, max_size=3),
    st.sampled_from([0.5, 1.0]),
    st.sampled_from([0, 1, 2]),
    st.sampled_from([0, 1, 3]),
)
def test_detections_agree_with_a_plain_loop(streams, release, gap, duration):
    options = changed(release_ratio=release, merge_gap_sec=gap, min_duration_sec=duration)
    scores = join(*(frames(*values, stream=f"s{n}") for n, values in enumerate(streams)))
    found = detect(scores, options)
    for number, values in enumerate(streams):
        mine = [row[1:4] for row in rows_of(found) if row[0] == f"s{number}"]
        assert mine == plain_detections(values, options)


@settings(max_examples=100)
@given(
    st.lists(st.booleans(), min_size=1, max_size=12),
    st.lists(st.tuples(st.integers(0, 11), st.integers(1, 6)), max_size=4),
)
def test_as_many_falls_as_possible_are_taken(is_high, falls):
    alternating = [value for high in is_high for value in (0.9 * high, 0.0)]
    scores = frames(*alternating, seconds=0.5)
    alarms = [second + 0.5 for second, high in enumerate(is_high) if high]
    truth = [(start, start + length) for start, length in falls]
    found = score_events(scores, segments(*truth), Segments.none(), BARE)
    most = max(greedy(order, alarms) for order in permutations(truth))
    assert found.detected == most
    assert found.alarms == len(alarms)
    is_far = [not any(start <= alarm <= end for start, end in truth) for alarm in alarms]
    assert found.false_alarms == sum(is_far)


def greedy(falls, alarms):
    """Return how many falls find an alarm, each the latest that is left, in the given order."""
    left = list(alarms)
    hits = 0
    for start, end in falls:
        own = [alarm for alarm in left if start <= alarm <= end]
        if own:
            left.remove(max(own))
            hits += 1
    return hits
