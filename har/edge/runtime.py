"""The runtime: frames of poses in, states of people and events out."""

import time as clock
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from har.edge.bundle import RISKS, Bundle
from har.edge.engine import ClipModel, State, StepModel
from har.edge.events import Alarm, Smoother, label_mask
from har.edge.frames import PoseFrame
from har.edge.settings import Settings
from har.edge.window import Resampler, Window

Message = dict[str, Any]
LATENCIES_KEPT = 1000


@dataclass
class _Person:
    """What is known of one person that is followed."""

    window: Window
    resampler: Resampler
    smoother: Smoother
    alarms: list[Alarm]
    next_time: float = -np.inf
    seen_at: float = -np.inf
    state: State | None = None
    samples: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    taken: int = 0


@dataclass
class Health:
    """Counts since the start, and the newest latencies in milliseconds.

    ``dropped``, ``camera_losses`` and ``pose_latencies`` are of whoever finds the poses: frames of
    a camera that came while the pose estimator was busy, how often the camera went away, and how
    long the estimator took.
    """

    frames: int = 0
    predictions: int = 0
    events: int = 0
    skipped: int = 0
    clock_jumps: int = 0
    left_out: int = 0
    dropped: int = 0
    camera_losses: int = 0
    latencies: deque[float] = field(default_factory=lambda: deque(maxlen=LATENCIES_KEPT))
    pose_latencies: deque[float] = field(default_factory=lambda: deque(maxlen=LATENCIES_KEPT))


class Runtime:
    """Follows the people in a stream of poses.

    Memory is bounded: a ring of frames for each of at most ``settings.most_people`` people.

    Args:
        bundle: the model.
        settings: how probabilities become events.
        threads, providers: see ``har.edge.engine.open_session``.
    """

    def __init__(
        self,
        bundle: Bundle,
        settings: Settings | None = None,
        threads: int | None = None,
        providers: tuple[str, ...] = ("CPUExecutionProvider",),
    ):
        self.bundle = bundle
        self.settings = settings or Settings()
        make = StepModel if bundle.kind == "step" else ClipModel
        self.model: Callable[..., Any] = make(bundle, threads, providers)
        self.health = Health()
        masks = {
            kind: label_mask(bundle.labels, a.leaves) for kind, a in self.settings.alarms.items()
        }
        self.masks = {kind: mask for kind, mask in masks.items() if mask.any()}
        self._risky = np.array([RISKS.index(label.risk) for label in bundle.labels])
        self._people: dict[str, _Person] = {}
        self._now = -np.inf
        self._next_health: float | None = None
        self._health_since = -np.inf
        self._health_frames = 0

    def process(self, frame: PoseFrame) -> Iterator[Message]:
        """Take a frame; yield messages: ``state``, ``event``, ``notice`` and ``health``."""
        started = clock.perf_counter()
        yield from self._mind_clock(frame.time)
        self.health.frames += 1
        for name, (pose, seen) in frame.people.items():
            person = self._person(name)
            if person is not None and seen.any():
                person.seen_at = frame.time
                yield from self._follow(name, person, frame.time, pose, seen)
        yield from self._forget(frame.time)
        self.health.latencies.append(1e3 * (clock.perf_counter() - started))
        yield from self._mind_health(frame.time)

    def finish(self) -> Iterator[Message]:
        """End what is going on at the end of the stream, with a last health line."""
        for person in self._people.values():
            yield from self._end(person, self._now)
        self._people.clear()
        if self.health.frames:
            yield self.health_message(self._now)

    def skip(self, reason: str) -> Message:
        """Count a frame that cannot be used, and return what is to be told of it."""
        self.health.skipped += 1
        return {"type": "skipped", "reason": reason, "count": self.health.skipped}

    def _mind_clock(self, time: float) -> Iterator[Message]:
        step = time - self._now
        if np.isfinite(self._now) and not 0 < step <= self.settings.gap_s:
            self.health.clock_jumps += 1
            for person in self._people.values():
                yield from self._end(person, self._now)
            self._people.clear()
            self._next_health = None
            yield {"type": "notice", "time": time, "text": _clock_text(step)}
        self._now = time

    def _person(self, name: str) -> _Person | None:
        """Return the person, a new one if there is room."""
        if name not in self._people:
            if len(self._people) >= self.settings.most_people:
                self.health.left_out += 1
                return None
            bundle, settings = self.bundle, self.settings
            self._people[name] = _Person(
                Window(
                    settings.window_s or bundle.window_s,
                    bundle.frames,
                    len(bundle.joints),
                    bundle.coordinates,
                ),
                Resampler(bundle.fps),
                Smoother(settings.smoothing_s),
                [Alarm(kind, name, settings.alarms[kind]) for kind in self.masks],
            )
        return self._people[name]

    def _follow(
        self, name: str, person: _Person, time: float, pose: np.ndarray, seen: np.ndarray
    ) -> Iterator[Message]:
        raw = self._predict(person, time, pose, seen)
        if raw is None:
            return
        self.health.predictions += 1
        probabilities = person.smoother(time, raw)
        yield self._state(name, time, probabilities)
        for alarm in person.alarms:
            share = float(probabilities[self.masks[alarm.kind]].sum())
            yield from self._tell(alarm(time, share))

    def _predict(
        self, person: _Person, time: float, pose: np.ndarray, seen: np.ndarray
    ) -> np.ndarray | None:
        """Return class probabilities (K,) if it is time for them."""
        if isinstance(self.model, StepModel):
            return self._step(self.model, person, time, pose, seen)
        person.window.add(time, pose, seen)
        if time < person.next_time:
            return None
        poses, confidence, share = person.window.read(time)
        if share < self.settings.least_seen:
            return None
        person.next_time = time + self.settings.every_s
        return self.model(poses[None, None], confidence[None, None])[0]

    def _step(
        self, model: StepModel, person: _Person, time: float, pose: np.ndarray, seen: np.ndarray
    ) -> np.ndarray | None:
        """Feed what came since the frame before, at the model's frame rate, a hop at a time."""
        bundle = self.bundle
        if person.state is None:
            person.state = model.initial_state()
        found = None
        for sample in person.resampler(time, pose, seen):
            person.samples.append(sample)
            if len(person.samples) == bundle.hop:
                poses, confidence = (
                    np.stack(part)[None] for part in zip(*person.samples, strict=True)
                )
                person.samples.clear()
                found, person.state = model(poses, confidence, person.state)
                person.taken += bundle.hop
        if found is None or time < person.next_time or person.taken < bundle.warm_up:
            return None
        person.next_time = time + self.settings.every_s
        return found[0]

    def _state(self, name: str, time: float, probabilities: np.ndarray) -> Message:
        best = int(probabilities.argmax())
        urgent = float(probabilities[self._risky == RISKS.index("urgent")].sum())
        watch = float(probabilities[self._risky >= RISKS.index("watch")].sum())
        return {
            "type": "state",
            "time": round(time, 4),
            "person": name,
            "label": self.bundle.labels[best].name,
            "probability": round(float(probabilities[best]), 4),
            "risk": self.bundle.labels[best].risk,
            "watch": round(watch, 4),
            "urgent": round(urgent, 4),
        }

    def _forget(self, time: float) -> Iterator[Message]:
        gone = [n for n, p in self._people.items() if time - p.seen_at > self.settings.forget_s]
        for name in gone:
            yield from self._end(self._people.pop(name), time)
            yield {"type": "notice", "time": round(time, 4), "text": f"person {name} left"}

    def _end(self, person: _Person, time: float) -> Iterator[Message]:
        for alarm in person.alarms:
            yield from self._tell(alarm.end(time))

    def _tell(self, events: list[Any]) -> Iterator[Message]:
        for event in events:
            self.health.events += 1
            told = {key: _rounded(value) for key, value in asdict(event).items()}
            delay = round(event.time - event.start, 4)
            yield {"type": "event", **told, "delay": delay}

    def _mind_health(self, time: float) -> Iterator[Message]:
        if self.settings.health_s <= 0:
            return
        if self._next_health is None:
            self._count_health_from(time)
        elif time >= self._next_health:
            yield self.health_message(time)
            self._count_health_from(time)

    def _count_health_from(self, time: float) -> None:
        self._next_health = time + self.settings.health_s
        self._health_since, self._health_frames = time, self.health.frames

    def health_message(self, time: float) -> Message:
        """Return frames a second of the stream, latencies, and the counts."""
        health = self.health
        latencies = np.array(health.latencies) if health.latencies else np.zeros(1)
        frames, seconds = health.frames - self._health_frames, time - self._health_since
        poses = np.array(health.pose_latencies)
        return {
            "type": "health",
            "time": round(time, 4),
            "fps": round(frames / seconds, 2) if seconds > 0 else None,
            "latency_p50_ms": round(float(np.percentile(latencies, 50)), 3),
            "latency_p99_ms": round(float(np.percentile(latencies, 99)), 3),
            "pose_p50_ms": round(float(np.percentile(poses, 50)), 3) if len(poses) else None,
            "people": len(self._people),
            "frames": health.frames,
            "predictions": health.predictions,
            "events": health.events,
            "skipped": health.skipped,
            "clock_jumps": health.clock_jumps,
            "left_out": health.left_out,
            "dropped": health.dropped,
            "camera_losses": health.camera_losses,
        }


def _clock_text(step: float) -> str:
    if step > 0:
        return f"no frame for {step:.1f} s: the windows start anew"
    return f"the clock went back by {-step:.1f} s: the windows start anew"


def _rounded(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value
