"""The synthetic dataset: any clips of it, by number, the same however they are asked for."""

from dataclasses import dataclass

import numpy as np

from har.data.generator.anthropometry import Body, resident_bodies
from har.data.generator.layout import JOINTS
from har.data.generator.plan import Plan, plan_clips
from har.data.generator.scene import Scene, observe, stage, walk_past
from har.data.generator.sensor import Recording, typical_noise_m
from har.data.generator.spec import GeneratorSpec
from har.errors import ConfigError

PEOPLE = 2
CHUNK_CLIPS = 256
CONDITIONS = (
    "distance_m",
    "yaw_deg",
    "pitch_deg",
    "camera_height_m",
    "occlusion_ratio",
    "outside_ratio",
    "noise_m",
    "dropped_ratio",
)


@dataclass(frozen=True, slots=True)
class GeneratedClips:
    """N generated clips, each of up to two people (the second one only walks by).

    Attributes:
        clip_numbers: (N,) int64.
        plan: label, subject, camera and replication of each clip.
        joints_m: (N, M, T, V, 3) float32, camera coordinates in metres, zero where not seen.
        joints_px: (N, M, T, V, 2) float32, pixels, zero where not seen.
        confidence: (N, M, T, V) float32 in [0, 1], 0 where not seen.
        person_counts: (N,) int64, 1 or 2.
        conditions: name -> (N,) float32, the true conditions of the recording.
    """

    clip_numbers: np.ndarray
    plan: Plan
    joints_m: np.ndarray
    joints_px: np.ndarray
    confidence: np.ndarray
    person_counts: np.ndarray
    conditions: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.clip_numbers)


def generate(clip_numbers: np.ndarray, spec: GeneratorSpec) -> GeneratedClips:
    """Return the clips with these numbers.

    A clip depends on the spec and on its own number alone, never on the clips asked for with it.

    Raises:
        ConfigError: a number that is not in [0, spec.clips).
    """
    numbers = np.asarray(clip_numbers, dtype=np.int64).reshape(-1)
    if numbers.size and (numbers.min() < 0 or numbers.max() >= spec.clips):
        raise ConfigError(
            f"synthetic_home: clip numbers {numbers.min()} to {numbers.max()} asked for, but the "
            f"dataset has clips 0 to {spec.clips - 1}; raise 'clips' or ask for fewer"
        )
    clips = _empty(numbers, spec)
    people = resident_bodies(spec.seed, spec.subjects)
    for start in range(0, len(numbers), CHUNK_CLIPS):
        _fill(clips, slice(start, start + CHUNK_CLIPS), people, spec)
    return clips


def _empty(numbers: np.ndarray, spec: GeneratorSpec) -> GeneratedClips:
    shape = (len(numbers), PEOPLE, spec.frames, len(JOINTS))
    return GeneratedClips(
        clip_numbers=numbers,
        plan=plan_clips(numbers, spec),
        joints_m=np.zeros((*shape, 3), np.float32),
        joints_px=np.zeros((*shape, 2), np.float32),
        confidence=np.zeros(shape, np.float32),
        person_counts=np.ones(len(numbers), np.int64),
        conditions={name: np.zeros(len(numbers), np.float32) for name in CONDITIONS},
    )


def _fill(clips: GeneratedClips, part: slice, people: Body, spec: GeneratorSpec) -> None:
    """Generate the clips of one part and write them into the arrays."""
    scene, noise = stage(clips.clip_numbers[part], clips.plan.part(part), people, spec)
    recording, occlusion = observe(scene.performers, scene.views, scene.boxes, noise, spec)
    rows = np.arange(len(clips))[part]
    _write(clips, rows, 0, recording)
    measured = {
        "distance_m": scene.views.distance_m,
        "yaw_deg": scene.views.yaw_deg,
        "pitch_deg": scene.views.pitch_deg,
        "camera_height_m": scene.views.height_m,
        "occlusion_ratio": occlusion,
        "outside_ratio": recording.outside.mean(axis=(0, 2)),
        "noise_m": typical_noise_m(scene.views.distance_m, spec.noise_scale),
        "dropped_ratio": recording.dropped.mean(axis=1),
    }
    for name, values in measured.items():
        clips.conditions[name][part] = values
    _add_passers(clips, part, scene, spec)


def _add_passers(clips: GeneratedClips, part: slice, scene: Scene, spec: GeneratorSpec) -> None:
    """Let somebody walk by in the clips that have a second person."""
    chosen = np.flatnonzero(scene.has_passer)
    if not len(chosen):
        return
    numbers = clips.clip_numbers[part][chosen]
    views, boxes = scene.views.take(chosen), tuple(box.take(chosen) for box in scene.boxes)
    joints, noise = walk_past(numbers, scene.performers[:, :, chosen], spec)
    recording, _ = observe(joints, views, boxes, noise, spec)
    rows = np.arange(len(clips))[part][chosen]
    _write(clips, rows, 1, recording)
    clips.person_counts[rows] = PEOPLE


def _write(clips: GeneratedClips, rows: np.ndarray, person: int, recording: Recording) -> None:
    clips.joints_m[rows, person] = recording.joints.transpose(2, 3, 1, 0)
    clips.joints_px[rows, person] = recording.pixels.transpose(2, 3, 1, 0)
    clips.confidence[rows, person] = recording.confidence.transpose(1, 2, 0)
