"""From the frames of one video to the joints of its people over time."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from har.errors import BadSampleError, ConfigError
from har.pose.camera import PinholeCamera, find_translation, upright
from har.pose.estimators import PoseEstimator
from har.pose.people import Person
from har.pose.smoothing import check_smoothing, smooth, stretches
from har.pose.tracking import Tracker
from har.video import Frame, VideoReader

Coordinates = Literal["camera", "hips", "image"]
FILLED_CONFIDENCE = 0.5
"""Confidence of an interpolated joint over that of the joints it lies between."""


@dataclass(frozen=True, slots=True)
class PoseSettings:
    """How poses are made from a video.

    Attributes:
        people: M, most people to keep: those who are seen longest and best. With 1, tracks that
            follow one another are taken for one person, however long the absence between them.
        max_fps: frames a second to look at; where a video has more, some are left out.
        coordinates: ``camera`` for metres in the space before the camera, y up; ``hips`` for
            metres about the hips, y up; ``image`` for pixels, y down.
        view_deg: field of view of the camera, along the longer side of the picture.
        memory_sec: longest absence after which a person is still taken for the same.
        fill_gap_sec: longest absence that is interpolated.
        min_track_sec: people who are seen for a shorter time are left out.
        smoothing: ``none``, ``one_euro`` or ``savgol``.
    """

    people: int = 2
    max_fps: float = 30.0
    coordinates: Coordinates = "camera"
    view_deg: float = 60.0
    memory_sec: float = 2.0
    fill_gap_sec: float = 0.5
    min_track_sec: float = 0.5
    smoothing: str = "none"

    def __post_init__(self) -> None:
        if self.people < 1 or self.max_fps <= 0:
            raise ConfigError("poses need people of 1 or more and max_fps above 0")
        if self.coordinates not in ("camera", "hips", "image"):
            raise ConfigError(
                f"unknown coordinates '{self.coordinates}'. There are: camera, hips, image"
            )
        if min(self.memory_sec, self.fill_gap_sec, self.min_track_sec) < 0:
            raise ConfigError("memory_sec, fill_gap_sec and min_track_sec must be 0 or more")
        check_smoothing(self.smoothing)


@dataclass(frozen=True, slots=True, eq=False)
class VideoPoses:
    """The people of a video, those who are seen longest and best first.

    Attributes:
        joints: (M, T, V, C) float32; zeros where a person is absent.
        confidence: (M, T, V) float32 in [0, 1]; zeros where a person is absent.
        numbers: of the M tracks, in the order in which they appeared.
        fps: frames a second of the T frames.
        camera: that the joints were placed with.
        person_share: share of the frames in which somebody was found.
        filled_share: share of the frames of the first person that were interpolated.
        track_count: tracks that were found in all, also short ones.
    """

    joints: np.ndarray
    confidence: np.ndarray
    numbers: tuple[int, ...]
    fps: float
    camera: PinholeCamera
    person_share: float
    filled_share: float
    track_count: int


@dataclass(slots=True)
class _Track:
    frames: list[int]
    people: list[Person]


def frame_step(fps: float, max_fps: float) -> int:
    """Return which of the frames to look at: every first, second, third ..."""
    return max(1, int(np.ceil(fps / max_fps - 0.1)))


def every(frames: Iterable[Frame], step: int) -> Iterator[Frame]:
    """Yield the frames whose index is a multiple of ``step``."""
    return (frame for frame in frames if frame.index % step == 0)


def extract_poses(
    video: VideoReader, estimator: PoseEstimator, settings: PoseSettings, source: str
) -> VideoPoses:
    """Return the poses of all people of a video.

    No pixel is kept: a frame is forgotten once its people are found.

    Args:
        video: an open video.
        estimator: gives 3D poses unless ``settings.coordinates`` is ``image``.
        settings: what to keep and how.
        source: name of the video for messages.

    Raises:
        BadSampleError: nobody is seen long enough.
        VideoError: a frame cannot be decoded.
    """
    check_coordinates(estimator, settings)
    step = frame_step(video.fps, settings.max_fps)
    fps = video.fps / step
    tracker, tracks = Tracker(settings.memory_sec), dict[int, _Track]()
    estimator.start()
    count = somebody = 0
    for frame in every(video.stream(), step):
        people = estimator.estimate(frame.pixels)
        for number, person in zip(tracker.update(people, count / fps), people, strict=True):
            track = tracks.setdefault(number, _Track([], []))
            track.frames.append(count)
            track.people.append(person)
        count += 1
        somebody += bool(people)
    chosen = _choose(tracks, settings, fps)
    if chosen and settings.people == 1:
        _join_others(chosen[0], tracks)
    if not chosen:
        raise BadSampleError(
            source,
            f"nobody was seen for {settings.min_track_sec:g} s in its {count} frames; somebody "
            f"was found in {somebody} of them",
        )
    camera = PinholeCamera.from_view(video.width, video.height, settings.view_deg)
    placed = [_place(tracks[number], count, fps, camera, settings) for number in chosen]
    filled = 1 - len(tracks[chosen[0]].frames) / max(int(placed[0][1].any(axis=1).sum()), 1)
    return VideoPoses(
        joints=np.stack([joints for joints, _ in placed]),
        confidence=np.stack([confidence for _, confidence in placed]),
        numbers=tuple(chosen),
        fps=fps,
        camera=camera,
        person_share=somebody / count,
        filled_share=filled,
        track_count=len(tracks),
    )


def check_coordinates(estimator: PoseEstimator, settings: PoseSettings) -> None:
    """Refuse coordinates that the estimator cannot give.

    Raises:
        ConfigError: it gives 2D poses, and 3D ones are asked for.
    """
    if estimator.dims == 2 and settings.coordinates != "image":
        raise ConfigError(
            f"the estimator gives 2D poses, not coordinates={settings.coordinates}: choose "
            "coordinates=image, or an estimator of 3D poses"
        )


def place_person(
    image: np.ndarray,
    world: np.ndarray | None,
    confidence: np.ndarray,
    camera: PinholeCamera,
    coordinates: Coordinates,
) -> np.ndarray:
    """Return the joints (..., V, C) of a person in the coordinates asked for; see PoseSettings."""
    if coordinates == "image" or world is None:
        return image
    if coordinates == "hips":
        return upright(world)
    shift = find_translation(world, image, confidence, camera)
    return upright(world + shift[..., None, :].astype(np.float32))


def _choose(tracks: dict[int, _Track], settings: PoseSettings, fps: float) -> list[int]:
    """Return the numbers of the tracks to keep, those with most confidence in total first."""
    weights = {
        number: sum(person.score for person in track.people)
        for number, track in tracks.items()
        if len(track.frames) >= settings.min_track_sec * fps
    }
    return sorted(weights, key=lambda number: -weights[number])[: settings.people]


def _join_others(number: int, tracks: dict[int, _Track]) -> None:
    """Add to a track the frames of the others in which it has none, best track first."""
    joined = dict(zip(tracks[number].frames, tracks[number].people, strict=True))
    for other in sorted(tracks.values(), key=lambda track: -len(track.frames)):
        for frame, person in zip(other.frames, other.people, strict=True):
            joined.setdefault(frame, person)
    frames = sorted(joined)
    tracks[number] = _Track(frames, [joined[frame] for frame in frames])


def _place(
    track: _Track, count: int, fps: float, camera: PinholeCamera, settings: PoseSettings
) -> tuple[np.ndarray, np.ndarray]:
    """Return joints (T, V, C) and confidence (T, V) of one person."""
    rows = np.array(track.frames)
    image = np.stack([person.image for person in track.people])
    worlds = [person.world for person in track.people if person.world is not None]
    world = np.stack(worlds) if len(worlds) == len(rows) else None
    sure = np.stack([person.confidence for person in track.people])
    placed = place_person(image, world, sure, camera, settings.coordinates)
    joints = np.zeros((count, *placed.shape[1:]), np.float32)
    confidence = np.zeros((count, placed.shape[1]), np.float32)
    joints[rows], confidence[rows] = placed, sure
    fill_gaps(joints, confidence, round(settings.fill_gap_sec * fps))
    seen = np.asarray(confidence.any(axis=1))
    joints = smooth(joints, seen, settings.smoothing, fps)
    joints[confidence == 0] = 0
    return joints, confidence


def fill_gaps(joints: np.ndarray, confidence: np.ndarray, longest: int) -> None:
    """Interpolate short absences in place; a filled joint has half the lower confidence.

    Args:
        joints: (T, V, C).
        confidence: (T, V), zeros where the person is absent.
        longest: frames of the longest absence to fill.
    """
    absent = np.asarray(~confidence.any(axis=1))
    for start, stop in stretches(absent):
        if start == 0 or stop == len(joints) or stop - start > longest:
            continue
        share = (np.arange(1, stop - start + 1) / (stop - start + 1))[:, None, None]
        joints[start:stop] = (1 - share) * joints[start - 1] + share * joints[stop]
        lower = np.minimum(confidence[start - 1], confidence[stop])
        confidence[start:stop] = FILLED_CONFIDENCE * lower
        joints[start:stop][:, lower == 0] = 0
