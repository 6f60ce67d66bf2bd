"""Gives the people of consecutive frames numbers that stay with them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from har.errors import ConfigError
from har.pose.people import Person, similarity

REACH_PER_SEC = 2.0
"""How fast the place at which somebody may reappear grows while nobody sees them."""

SAME_PLACE = 0.5
"""What it counts that two bodies are in one place, however different their poses are."""

_PLACE_SPREAD = 0.3
_NO_MATCH = 1e6


@dataclass(slots=True)
class _Track:
    number: int
    person: Person
    time_sec: float
    velocity: np.ndarray
    """(2,) pixels a second of the middle of the body."""


class Tracker:
    """Assigns people to tracks by the places of their joints, frame by frame.

    A track is predicted at constant velocity. All people of a frame are assigned at once, so that
    their similarity to the tracks is greatest in total. A track that nobody was assigned to is
    kept in mind for ``memory_sec`` and then ends; its number never comes again.

    Args:
        memory_sec: longest absence after which a person has the same number.
        least_similarity: below it a person starts a new track, in (0, 1).

    Raises:
        ConfigError: a value outside its range.
    """

    def __init__(self, memory_sec: float = 2.0, least_similarity: float = 0.1):
        if memory_sec < 0 or not 0 < least_similarity < 1:
            raise ConfigError(
                f"a tracker needs memory_sec of 0 or more and least_similarity in (0, 1), got "
                f"{memory_sec:g} and {least_similarity:g}"
            )
        self.memory_sec = memory_sec
        self.least_similarity = least_similarity
        self._tracks: list[_Track] = []
        self._next_number = 0

    def update(self, people: Sequence[Person], time_sec: float) -> list[int]:
        """Return the number of each person of the next frame.

        Args:
            people: of the frame.
            time_sec: of the frame; later than that of the frame before.
        """
        alive = [t for t in self._tracks if time_sec - t.time_sec <= self.memory_sec + 1e-6]
        chosen = self._assign(people, alive, time_sec)
        for number, person in enumerate(people):
            if number not in chosen:
                track = _Track(self._next_number, person, time_sec, np.zeros(2))
                self._next_number += 1
                alive.append(track)
                chosen[number] = track
            else:
                _follow(chosen[number], person, time_sec)
        self._tracks = alive
        return [chosen[number].number for number in range(len(people))]

    def _assign(
        self, people: Sequence[Person], tracks: Sequence[_Track], time_sec: float
    ) -> dict[int, _Track]:
        """Return the track of each person that has one."""
        cost = np.full((len(people), len(tracks)), _NO_MATCH)
        for column, track in enumerate(tracks):
            absent = time_sec - track.time_sec
            predicted = replace(
                track.person,
                image=track.person.image + (track.velocity * absent).astype(np.float32),
            )
            for row, person in enumerate(people):
                alike = _alike(person, predicted, reach=1 + REACH_PER_SEC * absent)
                if alike >= self.least_similarity:
                    cost[row, column] = -alike
        rows, columns = linear_sum_assignment(cost)
        pairs = zip(rows.tolist(), columns.tolist(), strict=True)
        return {row: tracks[column] for row, column in pairs if cost[row, column] < _NO_MATCH}


def _alike(person: Person, predicted: Person, reach: float) -> float:
    """Return how well a person fits a track, by the joints or by the place alone."""
    size = max(person.size, predicted.size) * _PLACE_SPREAD * reach
    distance = float(np.linalg.norm(_middle(person) - _middle(predicted))) / size
    place = SAME_PLACE * float(np.exp(-0.5 * distance**2))
    return max(similarity(person, predicted, reach), place)


def _follow(track: _Track, person: Person, time_sec: float) -> None:
    passed = time_sec - track.time_sec
    if passed > 0:
        moved = _middle(person) - _middle(track.person)
        track.velocity = 0.5 * track.velocity + 0.5 * moved / passed
    track.person, track.time_sec = person, time_sec


def _middle(person: Person) -> np.ndarray:
    left, top, right, bottom = person.box
    return np.array([(left + right) / 2, (top + bottom) / 2])
