"""One performance before a camera: people, furniture and what the sensor reports of them."""

from dataclasses import dataclass

import numpy as np

from har.data.generator.actions import ACTIONS
from har.data.generator.anthropometry import Body, resident_bodies
from har.data.generator.camera import Views, place_cameras
from har.data.generator.layout import NUMBER
from har.data.generator.occlusion import (
    Boxes,
    chair_backs,
    hide_behind,
    hide_behind_trunk,
    obstacles,
)
from har.data.generator.performance import STYLE_COLUMNS, WALK, perform
from har.data.generator.plan import Plan
from har.data.generator.randomness import PASSER_STREAM, PERFORMER_STREAM, Draws
from har.data.generator.sensor import Recording, SensorNoise, draw_noise, record
from har.data.generator.spec import GeneratorSpec
from har.data.generator.vectors import Array

VISITORS = 12
_SCENE_COLUMNS = 24
_VISITOR_SEED_OFFSET = 1_000_003


@dataclass(frozen=True, slots=True)
class Scene:
    """The truth about n clips.

    Attributes:
        performers: (3, V, n, T) true joints, in metres on the floor of the performer.
        views: the cameras.
        boxes: furniture that hides what is behind it.
        has_passer: (n,) bool, somebody else walks by.
    """

    performers: Array
    views: Views
    boxes: tuple[Boxes, ...]
    has_passer: np.ndarray


def stage(
    numbers: np.ndarray, plan: Plan, residents: Body, spec: GeneratorSpec
) -> tuple[Scene, SensorNoise]:
    """Perform the clips and set up their cameras and furniture; also return the sensor's noise."""
    columns = STYLE_COLUMNS + _SCENE_COLUMNS
    style, noise = draw_noise(spec.seed, PERFORMER_STREAM, numbers, spec.frames, columns)
    body, draws = residents.take(plan.subjects), Draws(style[:, STYLE_COLUMNS:])
    joints = perform(plan.labels, body, style[:, :STYLE_COLUMNS], frame_times(spec))
    pelvis = joints[:, NUMBER["pelvis"]]
    views = place_cameras(plan.cameras, spec.cameras, draws, pelvis)
    on_chair = np.array([action.on_chair for action in ACTIONS])[plan.labels]
    boxes = (
        obstacles(views, pelvis.mean(axis=2), draws, spec.obstacle_share),
        chair_backs(on_chair, body.thigh, draws),
    )
    return Scene(joints, views, boxes, draws.chance(spec.second_person_share)), noise


def walk_past(
    numbers: np.ndarray, performers: Array, spec: GeneratorSpec
) -> tuple[Array, SensorNoise]:
    """Return true joints (3, V, n, T) of visitors who walk past the performers, and their noise."""
    columns = STYLE_COLUMNS + _SCENE_COLUMNS
    style, noise = draw_noise(spec.seed, PASSER_STREAM, numbers, spec.frames, columns)
    draws = Draws(style[:, STYLE_COLUMNS:])
    who = draws.uniform(0, VISITORS).astype(int)
    body = resident_bodies(spec.seed + _VISITOR_SEED_OFFSET, VISITORS).take(who)
    labels = np.full(len(numbers), WALK)
    x, y, z = perform(labels, body, style[:, :STYLE_COLUMNS], frame_times(spec))
    heading = draws.uniform(-np.pi, np.pi)[:, None]
    side = np.where(draws.chance(0.5), 1, -1) * draws.uniform(0.7, 1.7)
    along = z - z[NUMBER["pelvis"]].mean(axis=1)[:, None] + draws.uniform(-0.8, 0.8)[:, None]
    across = x + side[:, None]
    middle = performers[:, NUMBER["pelvis"]].mean(axis=2)[..., None]
    c, s = np.cos(heading), np.sin(heading)
    past = np.stack([middle[0] + c * across + s * along, y, middle[2] + c * along - s * across])
    return past.astype(np.float32), noise


def observe(
    joints: Array, views: Views, boxes: tuple[Boxes, ...], noise: SensorNoise, spec: GeneratorSpec
) -> tuple[Recording, np.ndarray]:
    """Record true joints (3, V, n, T); also return the share of hidden joints (n,)."""
    seen = views.coordinates(joints)
    hidden = np.zeros(seen.shape[1:], dtype=bool)
    for box in boxes:
        hide_behind(box, views, joints, hidden)
    hide_behind_trunk(seen, hidden)
    return record(seen, hidden, noise, spec.noise_scale), hidden.mean(axis=(0, 2))


def frame_times(spec: GeneratorSpec) -> np.ndarray:
    """Return (T,) float32 seconds from the start of a clip."""
    return (np.arange(spec.frames) / spec.fps).astype(np.float32)
