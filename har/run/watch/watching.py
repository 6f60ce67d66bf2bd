"""Follows the people of a running video: the last seconds of each, and what they do."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from har.pose import Person
from har.pose.extraction import fill_gaps
from har.run.watch.recogniser import Recogniser
from har.skeleton.layout import Layout

LEAST_SEEN = 0.5
"""Share of a window in which a person has to be seen for the model to look at them."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What the model says of one person at one time.

    Attributes:
        person: number of the track.
        start_sec, end_sec: of the frames it looked at.
        probabilities: (K,).
    """

    person: int
    start_sec: float
    end_sec: float
    probabilities: np.ndarray


@dataclass(slots=True)
class Event:
    """A stretch of time in which a person kept to one label.

    Attributes:
        person: number of the track.
        label: index of the label.
        start_sec, end_sec: it begins where the look before it ended.
        probability: mean over its looks.
        looks: how many there were.
    """

    person: int
    label: int
    start_sec: float
    end_sec: float
    probability: float
    looks: int = 1

    def extend(self, end_sec: float, probability: float) -> None:
        """Take in one more look."""
        self.probability += (probability - self.probability) / (self.looks + 1)
        self.looks += 1
        self.end_sec = end_sec


@dataclass(slots=True)
class _Past:
    """Joints (V, 3) and confidence (V,) of a person in the last frames, with their numbers."""

    frames: deque[tuple[int, np.ndarray, np.ndarray]]


class Watcher:
    """Keeps the last seconds of each person and has the model look at them.

    Memory is bounded by the window and the people in it, whatever the length of the video.

    Args:
        recogniser: the model.
        layout: of the poses that come in.
        fps: frames a second.
        window: frames that the model looks at.
    """

    def __init__(self, recogniser: Recogniser, layout: Layout, fps: float, window: int):
        self.recogniser = recogniser
        self.fps = fps
        self.window = window
        self._convert = recogniser.conversion_from(layout)
        self._past: dict[int, _Past] = {}

    def add(
        self,
        frame: int,
        numbers: Sequence[int],
        people: Sequence[Person],
        joints: Sequence[np.ndarray],
    ) -> None:
        """Take in the people of a frame; ``joints`` are theirs in the space before the camera."""
        for number, person, placed in zip(numbers, people, joints, strict=True):
            past = self._past.setdefault(number, _Past(deque(maxlen=self.window)))
            converted = self._convert.apply(placed.astype(np.float32), person.confidence)
            past.frames.append((frame, *converted))
        gone = [n for n, p in self._past.items() if p.frames[-1][0] <= frame - self.window]
        for number in gone:
            del self._past[number]

    def look(self, frame: int) -> list[Look]:
        """Return what the people do who were seen in enough of the window up to a frame."""
        first = max(frame - self.window + 1, 0)
        length = frame - first + 1
        chosen = []
        for number, past in sorted(self._past.items()):
            recent = [entry for entry in past.frames if entry[0] >= first]
            if len(recent) >= LEAST_SEEN * self.window:
                chosen.append((number, self._stretch(recent, first, length)))
        if not chosen:
            return []
        joints = np.stack([stretch[0] for _, stretch in chosen])
        confidence = np.stack([stretch[1] for _, stretch in chosen])
        start, end = first / self.fps, (frame + 1) / self.fps
        found = self.recogniser(joints, confidence)
        return [Look(n, start, end, p) for (n, _), p in zip(chosen, found, strict=True)]

    def _stretch(
        self, recent: Sequence[tuple[int, np.ndarray, np.ndarray]], first: int, length: int
    ) -> tuple[np.ndarray, np.ndarray]:
        joints = np.zeros((length, *recent[0][1].shape), np.float32)
        confidence = np.zeros(joints.shape[:2], np.float32)
        for number, placed, sure in recent:
            joints[number - first], confidence[number - first] = placed, sure
        fill_gaps(joints, confidence, round(self.fps / 2))
        return joints, confidence


@dataclass
class EventList:
    """Joins the looks at each person to events.

    Attributes:
        patience_sec: a person who was not looked at for longer starts a new event.
    """

    patience_sec: float
    _open: dict[int, Event] = field(default_factory=dict)

    def add(self, look: Look) -> Iterator[Event]:
        """Take in a look, and yield the event that it ends, if there is one."""
        label = int(look.probabilities.argmax())
        probability = float(look.probabilities[label])
        before = self._open.get(look.person)
        start = look.start_sec
        if before is not None and look.end_sec - before.end_sec <= self.patience_sec:
            if before.label == label:
                before.extend(look.end_sec, probability)
                return
            start = before.end_sec
        if before is not None:
            start = max(start, before.end_sec)
            yield before
        self._open[look.person] = Event(look.person, label, start, look.end_sec, probability)

    def finish(self, before_sec: float = float("inf")) -> list[Event]:
        """Return and forget the events of people who were not looked at since ``before_sec``."""
        ended = [event for event in self._open.values() if event.end_sec < before_sec]
        for event in ended:
            del self._open[event.person]
        return sorted(ended, key=lambda event: (event.start_sec, event.person))
