"""Timed labels of a recording: seconds to frames, which segments are usable, labels per frame."""

from collections.abc import Iterable, Sequence

import numpy as np

from har.errors import BadSampleError
from har.samples import UNLABELLED, Clip, ClipRecord, Segment

Frames = tuple[int, int]
_Key = tuple[Frames, int | None, int]


def frame_range(segment: Segment, fps: float) -> Frames:
    """Return the first frame of a segment and the first one after it, each the nearest frame."""
    return round(segment.start_sec * fps), round(segment.end_sec * fps)


def usable_segments(
    clip: Clip, class_count: int
) -> tuple[tuple[Segment, ...], list[BadSampleError]]:
    """Divide the segments of a clip into those that can be used and the reasons against the rest.

    A segment must belong to the clip, lie within it, last for a frame or more, be of a person that
    the clip has and of a known class, come once only, and show a joint in one of its frames.

    Args:
        clip: a recording.
        class_count: how many classes the dataset has.
    """
    usable: list[Segment] = []
    problems: list[BadSampleError] = []
    seen: set[_Key] = set()
    for number, segment in enumerate(clip.segments, start=1):
        reason = _problem(segment, clip, class_count, seen)
        if reason is None:
            usable.append(segment)
            seen.add(_key(segment, clip.record.fps))
        else:
            source = segment.source or clip.record.source or clip.record.clip_id
            name = f"segment {number} of {clip.record.clip_id}"
            problems.append(BadSampleError(source, f"{name} {reason}"))
    return tuple(usable), problems


def frame_labels(segments: Iterable[Segment], record: ClipRecord, class_count: int) -> np.ndarray:
    """Return which classes hold for each person in each frame of a recording.

    Args:
        segments: of the recording, as the store keeps them; those without a label count for
            nothing, those of no one person for everybody.
        record: of the recording.
        class_count: K, how many classes there are.

    Returns:
        (M, T, K) bool; several classes may hold at once, or none.

    Raises:
        ValueError: a segment is of another recording.
    """
    holds = np.zeros((record.person_count, record.frame_count, class_count), dtype=bool)
    for segment in segments:
        if segment.recording != record.clip_id:
            raise ValueError(f"a segment of {segment.recording} is none of {record.clip_id}")
        if segment.label != UNLABELLED:
            start, stop = frame_range(segment, record.fps)
            people = slice(None) if segment.person is None else segment.person
            holds[people, start:stop, segment.label] = True
    return holds


def labelled_stretches(holds: np.ndarray, record: ClipRecord) -> list[Segment]:
    """Return the segments of which :func:`frame_labels` would make ``holds``.

    Args:
        holds: (M, T, K) bool, which classes hold for each person in each frame; or (T, K) for
            labels that are of no one person.
        record: of the recording, which names it and has the frame rate.

    Returns:
        One segment for each unbroken stretch of frames, by person, class and start.
    """
    each_person = holds.ndim == 3
    steps = np.diff(holds.astype(np.int8), axis=-2, prepend=0, append=0)
    lines = np.moveaxis(steps, -2, -1)  # (..., K, T + 1)
    starts, stops = np.argwhere(lines == 1), np.argwhere(lines == -1)
    return [
        Segment(
            recording=record.clip_id,
            dataset=record.dataset,
            label=int(label),
            start_sec=int(start) / record.fps,
            end_sec=int(stop) / record.fps,
            person=int(person[0]) if each_person else None,
            subject=record.subject,
            camera=record.camera,
        )
        for (*person, label, start), stop in zip(starts, stops[:, -1], strict=True)
    ]


def segment_clip_ids(
    recordings: Sequence[str], frames: Sequence[Frames], people: Sequence[int | None]
) -> list[str]:
    """Name segments ``<recording>@<first frame>-<frame after the last>``, with ``#p<person>``.

    Another label of the same stretch gets ``+2``, the next ``+3``.
    """
    count: dict[str, int] = {}
    names = []
    for recording, (start, stop), person in zip(recordings, frames, people, strict=True):
        name = f"{recording}@{start}-{stop}" + ("" if person is None else f"#p{person}")
        count[name] = count.get(name, 0) + 1
        names.append(name if count[name] == 1 else f"{name}+{count[name]}")
    return names


def _key(segment: Segment, fps: float) -> _Key:
    return frame_range(segment, fps), segment.person, segment.label


def _problem(segment: Segment, clip: Clip, class_count: int, seen: set[_Key]) -> str | None:
    """Say what is wrong with a segment; first what needs no frames."""
    record = clip.record
    if (segment.recording, segment.dataset) != (record.clip_id, record.dataset):
        return f"is of '{segment.recording}' in '{segment.dataset}'"
    if segment.label != UNLABELLED and not 0 <= segment.label < class_count:
        return f"has label {segment.label}, which is outside [0, {class_count - 1}]"
    if segment.person is not None and not 0 <= segment.person < record.person_count:
        return f"is of person {segment.person}; the recording has {record.person_count}, from 0"
    return _time_problem(segment, clip, seen)


def _time_problem(segment: Segment, clip: Clip, seen: set[_Key]) -> str | None:
    record = clip.record
    times = f"from {segment.start_sec:g} to {segment.end_sec:g} s"
    if not np.isfinite([segment.start_sec, segment.end_sec]).all():
        return f"lasts {times}"
    start, stop = frame_range(segment, record.fps)
    if stop <= start:
        return f"is shorter than one frame: it lasts {times}"
    if start < 0 or stop > record.frame_count:
        return (
            f"is outside its recording: it lasts {times}, the recording from 0 to "
            f"{record.frame_count / record.fps:g} s ({record.frame_count} frames)"
        )
    if _key(segment, record.fps) in seen:
        return f"is given twice: it lasts {times}"
    people = slice(None) if segment.person is None else segment.person
    if not clip.confidence[people, start:stop].any():
        return f"shows no joint in any frame: it lasts {times}"
    return None
