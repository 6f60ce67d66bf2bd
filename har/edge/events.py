"""From probabilities over time to events: smoothing, hysteresis, hold and quiet times."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from har.edge.bundle import Label
from har.edge.settings import AlarmSettings


@dataclass(frozen=True)
class Event:
    """Something that somebody should know of.

    Attributes:
        kind: of the alarm, such as "fall".
        state: "start" when it is raised, "end" when it is over.
        start: time at which it began, seconds.
        time: time at which it was told; ``time - start`` is the delay.
        confidence: largest smoothed probability so far.
    """

    kind: str
    person: str
    state: str
    start: float
    time: float
    confidence: float


class Smoother:
    """Exponential mean over uneven steps of time.

    Args:
        seconds: time constant; 0 passes everything through.
    """

    def __init__(self, seconds: float):
        self.seconds = seconds
        self._value: np.ndarray | None = None
        self._time = 0.0

    def __call__(self, time: float, value: np.ndarray) -> np.ndarray:
        """Return the mean with a new value (K,) at a time in seconds."""
        if self._value is None or self.seconds <= 0:
            self._value = value
        else:
            keep = float(np.exp(-max(time - self._time, 0.0) / self.seconds))
            self._value = keep * self._value + (1 - keep) * value
        self._time = time
        return self._value


class Alarm:
    """One kind of event of one person.

    Args:
        kind: name of the event.
        person: id.
        settings: thresholds and times.
    """

    def __init__(self, kind: str, person: str, settings: AlarmSettings):
        self.kind = kind
        self.person = person
        self.settings = settings
        self._began: float | None = None
        self._raised = False
        self._quiet_until = -np.inf
        self._peak = 0.0

    def __call__(self, time: float, probability: float) -> list[Event]:
        """Take the smoothed probability at a time; return what is to be told."""
        settings = self.settings
        if self._began is None:
            if probability < settings.on or time < self._quiet_until:
                return []
            self._began, self._peak = time, probability
        self._peak = max(self._peak, probability)
        if probability < settings.off:
            return self.end(time)
        if not self._raised and time - self._began >= settings.hold_s:
            self._raised = True
            return [self._event("start", time)]
        return []

    def end(self, time: float) -> list[Event]:
        """End what is going on, because it is over or the person left."""
        told = [self._event("end", time)] if self._raised else []
        if self._raised:
            self._quiet_until = time + self.settings.quiet_s
        self._began, self._raised, self._peak = None, False, 0.0
        return told

    def _event(self, state: str, time: float) -> Event:
        assert self._began is not None
        return Event(self.kind, self.person, state, self._began, time, float(self._peak))


def label_mask(labels: Sequence[Label], leaves: Sequence[str]) -> np.ndarray:
    """Return (K,) bool: labels all of whose leaves are among the given ones."""
    wanted = frozenset(leaves)
    return np.array([bool(label.leaves) and label.leaves <= wanted for label in labels])
