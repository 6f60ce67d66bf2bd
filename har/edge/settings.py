"""Settings of the edge runtime, from a TOML file."""

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from har.errors import ConfigError, did_you_mean


@dataclass(frozen=True)
class AlarmSettings:
    """When the probability of a group of labels becomes an event.

    Attributes:
        leaves: ids of concepts; a label counts if all its leaves are among them.
        on: smoothed probability at which the group counts as there.
        off: below it the group counts as over; lower than ``on``, so that it does not flicker.
        hold_s: how long it has to be there before the event is raised.
        quiet_s: how long after its end no event of the same kind is raised for the person.
    """

    leaves: tuple[str, ...]
    on: float = 0.5
    off: float = 0.3
    hold_s: float = 0.3
    quiet_s: float = 3.0


FALL_LEAVES = (
    "falling", "fall_forward", "fall_backward", "fall_sideways", "fall_from_chair",
    "fall_missing_the_seat", "fall_from_bed", "fall_while_walking", "fall_by_tripping",
    "fall_by_slipping", "fall_by_losing_balance", "fall_on_stairs", "fall_during_transfer",
    "fall_by_fainting",
)  # fmt: skip
FALLEN_LEAVES = ("after_fall", "fallen", "long_lie")


def _default_alarms() -> dict[str, AlarmSettings]:
    return {
        "fall": AlarmSettings(FALL_LEAVES),
        "fallen": AlarmSettings(FALLEN_LEAVES, hold_s=2.0),
        "long_lie": AlarmSettings(FALLEN_LEAVES, hold_s=60.0, quiet_s=300.0),
        "call_for_help": AlarmSettings(("call_for_help",), hold_s=1.0),
    }


@dataclass(frozen=True)
class Settings:
    """How a stream of poses is turned into events.

    Attributes:
        window_s: seconds a window spans; None takes the bundle's.
        every_s: seconds between two predictions of a person.
        smoothing_s: time constant of the exponential mean of the probabilities; 0 takes them raw.
        least_seen: share of the window's frames in which a person has to be seen for a prediction.
        forget_s: a person not seen for so long has left.
        gap_s: a step of the clock that is longer, or backward, empties the windows.
        health_s: seconds between two health lines; 0 for none.
        most_people: people followed at once; further ones are counted and left out.
        alarms: kinds of events.
    """

    window_s: float | None = None
    every_s: float = 0.25
    smoothing_s: float = 0.5
    least_seen: float = 0.5
    forget_s: float = 5.0
    gap_s: float = 5.0
    health_s: float = 10.0
    most_people: int = 8
    alarms: Mapping[str, AlarmSettings] = field(default_factory=_default_alarms)


def read_settings(path: Path) -> Settings:
    """Read settings; what the file does not name keeps its default.

    Raises:
        ConfigError: it cannot be read, or has mistakes; all are named.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from error
    problems: list[str] = []
    alarms = dict(_default_alarms())
    for kind, entry in (content.pop("alarms", {}) or {}).items():
        if entry is False:
            alarms.pop(kind, None)
        else:
            base = alarms.get(kind, AlarmSettings(()))
            alarms[kind] = _replace(base, entry, f"alarms.{kind}.", problems)
    settings = _replace(Settings(), content, "", problems)
    problems += [text for kind, alarm in alarms.items() for text in _check_alarm(kind, alarm)]
    problems += _check(settings)
    if problems:
        raise ConfigError("\n  - ".join([f"{path} has mistakes:", *problems]))
    return dataclasses.replace(settings, alarms=alarms)


def _replace(base: Any, entry: Any, place: str, problems: list[str]) -> Any:
    if not isinstance(entry, dict):
        problems.append(f"{place.rstrip('.')} must be a table, or false to leave it out")
        return base
    names = [f.name for f in dataclasses.fields(base) if f.name != "alarms"]
    taken: dict[str, Any] = {}
    for key, value in entry.items():
        if key not in names:
            close = did_you_mean(key, names)
            problems.append(f"{place}{key}: no such key.{close} There are: {', '.join(names)}")
        elif key == "leaves":
            taken[key] = tuple(value) if isinstance(value, list) else ()
        elif isinstance(value, bool) or not isinstance(value, int | float):
            problems.append(f"{place}{key} is {value!r}: give a number")
        else:
            taken[key] = value
    return dataclasses.replace(base, **taken)


def _check(settings: Settings) -> list[str]:
    problems = []
    positive = ("every_s", "forget_s", "gap_s", "most_people")
    problems += [f"{n} is {getattr(settings, n)}: give more than 0" for n in positive
                 if getattr(settings, n) <= 0]  # fmt: skip
    if settings.window_s is not None and settings.window_s <= 0:
        problems.append(f"window_s is {settings.window_s}: give more than 0")
    if not 0 < settings.least_seen <= 1:
        problems.append(f"least_seen is {settings.least_seen}: give a share above 0, at most 1")
    return problems


def _check_alarm(kind: str, alarm: AlarmSettings) -> list[str]:
    problems = []
    if not alarm.leaves:
        problems.append(f"alarms.{kind}.leaves: give the ids of concepts (har taxonomy show)")
    if not 0 < alarm.off <= alarm.on <= 1:
        problems.append(f"alarms.{kind}: 0 < off <= on <= 1 must hold, got {alarm.off}, {alarm.on}")
    if alarm.hold_s < 0 or alarm.quiet_s < 0:
        problems.append(f"alarms.{kind}: hold_s and quiet_s are at least 0")
    return problems
