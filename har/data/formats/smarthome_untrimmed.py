"""Toyota Smarthome Untrimmed: one JSON object of all videos with their timed actions.

``{"P02T01C06": {"subset": "testing", "duration": 17771, "actions": [[19, 170, 187], ...]}}``:
the name gives person, take and camera, the duration counts frames, an action is a class and its
first and last frame. Actions may overlap.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from har.data.cards import Card
from har.data.formats.timed_labels import Parsed, SkippedEntry
from har.errors import BadSampleError
from har.samples import Segment

VIDEO_NAME = re.compile(r"P(?P<subject>\d{2})T(?P<take>\d{2})C(?P<camera>\d{2})")


def parse_smarthome_untrimmed(content: str | bytes, card: Card, source: str, fps: float) -> Parsed:
    """Return the segments of all videos.

    Args:
        content: the file.
        card: names the classes.
        source: name of the file for messages.
        fps: frames a second of the videos; the file does not say it.

    Raises:
        BadSampleError: the file is not JSON of this form.
    """
    parsed = Parsed()
    for name, video in _load(content, source).items():
        _parse_video(name, video, card, source, fps, parsed)
    return parsed


def smarthome_untrimmed_subsets(content: str | bytes, source: str) -> dict[str, str]:
    """Return ``training`` or ``testing`` for each video, as the file divides them."""
    return {name: str(video.get("subset")) for name, video in _load(content, source).items()}


def _load(content: str | bytes, source: str) -> dict[str, dict[str, Any]]:
    try:
        videos = json.loads(content)
    except ValueError as error:
        raise BadSampleError(source, f"not a readable JSON file: {error}") from error
    if not isinstance(videos, dict) or not all(
        isinstance(video, dict) and isinstance(video.get("actions"), list)
        for video in videos.values()
    ):
        raise BadSampleError(source, "is not an object of videos that have 'actions'")
    return videos


def _parse_video(
    name: str, video: Mapping[str, Any], card: Card, source: str, fps: float, parsed: Parsed
) -> None:
    parts = VIDEO_NAME.fullmatch(name)
    frame_count = video.get("duration")
    if parts is None or type(frame_count) is not int:
        reason = f"video {name}: its name is not PxxTyyCzz, or its duration no number of frames"
        parsed.skipped.append(SkippedEntry(source, None, reason))
        return
    for number, action in enumerate(video["actions"], start=1):
        try:
            label, first, last = _action(action, len(card.labels), frame_count)
        except ValueError as error:
            reason = f"video {name}, action {number}: {error}"
            parsed.skipped.append(SkippedEntry(source, None, reason))
            continue
        parsed.segments.append(
            Segment(
                recording=name,
                dataset=card.name,
                label=label,
                start_sec=first / fps,
                end_sec=min(last + 1, frame_count) / fps,
                subject=str(int(parts["subject"])),
                camera=str(int(parts["camera"])),
            )
        )


def _action(action: Any, class_count: int, frame_count: int) -> tuple[int, int, int]:
    if not (isinstance(action, list) and list(map(type, action)) == [int, int, int]):
        raise ValueError(f"{action!r} is not [class, first frame, last frame]")
    label, first, last = action
    if not 0 <= label < class_count:
        raise ValueError(f"class {label} is not one of 0 to {class_count - 1}")
    if not 0 <= first <= last or first >= frame_count:
        raise ValueError(f"frames {first} to {last} are no stretch of {frame_count} frames")
    return label, first, last
