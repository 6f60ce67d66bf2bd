"""What can be wrong with the content of a suite's file; all mistakes are told at once."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from har.benchmark.measures import MEASURE_KEYS, measure_problems
from har.benchmark.peers import PEER_MODELS, PEERS
from har.errors import did_you_mean
from har.evaluation.fusion import FOUND

JOINT_ONLY: Mapping[str, tuple[str, ...]] = {"joint": ()}
NAME = re.compile(r"[\w +-]+")
"""Names become folders, and words of commands."""

Shape = Callable[[str, Any], Iterator[str]]
"""Yields what is wrong with the value at a place; null is a key that is not given."""


def suite_problems(content: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the content of a suite's file."""
    yield from SUITE("", content)
    if not content.get("title"):
        yield "title is missing"
    if not (content.get("include") or (content.get("tasks") and content.get("methods"))):
        yield "it compares nothing: give tasks and methods, or include other suites"
    if content.get("only") and not content.get("include"):
        yield "only limits the suites that include names: there are none"
    yield from _stream_problems(content)
    yield from _fusion_problems(content)
    yield from _method_problems(content)
    yield from measure_problems(content)


def _text(place: str, value: Any) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{place}={value}: give a text, in quotes if it is a number"


def _words(place: str, value: Any) -> Iterator[str]:
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        yield f"{place}={value}: give a list of words in [ ]"


def _seeds(place: str, value: Any) -> Iterator[str]:
    if not isinstance(value, list) or not value or not all(_is_seed(seed) for seed in value):
        yield f"{place}={value}: give a list of whole numbers of at least 0, such as [0, 1, 2]"


def _is_seed(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _weights(place: str, value: Any) -> Iterator[str]:
    numbers = isinstance(value, list) and all(isinstance(w, int | float) for w in value)
    if numbers and (min(value, default=0) < 0 or sum(value) <= 0):
        yield f"{place}={value}: give numbers of at least 0, one of them more"
    elif not numbers and value not in FOUND:
        yield f"{place}={value}: give {', '.join(FOUND)}, or one number a stream in [ ]"


def _fields(shapes: Mapping[str, Shape]) -> Shape:
    """Return the shape of a mapping with some of these keys."""

    def check(place: str, value: Any) -> Iterator[str]:
        if not isinstance(value, Mapping):
            yield f"{place}={value}: give a mapping with some of {', '.join(shapes)}"
            return
        for key, entry in value.items():
            where = f"{place}.{key}" if place else str(key)
            if key not in shapes:
                close = did_you_mean(str(key), shapes)
                yield f"{where}: no such key.{close} There are: {', '.join(shapes)}"
            elif entry is not None:
                yield from shapes[key](where, entry)

    return check


def _named(shape: Shape) -> Shape:
    """Return the shape of a mapping from names to entries of a shape."""

    def check(place: str, value: Any) -> Iterator[str]:
        if not isinstance(value, Mapping):
            yield f"{place}={value}: give a mapping from a name to each"
            return
        for name, entry in value.items():
            if not isinstance(name, str) or not NAME.fullmatch(name):
                yield (
                    f"{place}.{name}: a name holds letters, digits, space, '_', '+' and '-' only, "
                    "and is in quotes if it is a number"
                )
            if entry is not None:
                yield from shape(f"{place}.{name}", entry)

    return check


def _overrides_or(fields: Shape) -> Shape:
    """Return the shape of an entry that may be its overrides alone."""
    return lambda place, value: (fields if isinstance(value, Mapping) else _words)(place, value)


def _unchecked(place: str, value: Any) -> Iterator[str]:  # noqa: ARG001
    """Leave it to ``measure_problems``."""
    yield from ()


TASK = _fields({"overrides": _words, "label": _text, "seeds": _seeds})
PEER = _fields({"package": _text, "model": _text, "beside": _text})
METHOD = _fields(
    {"overrides": _words, "streams": _words, "seeds": _seeds, "label": _text, "peer": PEER}
)
SUITE = _fields(
    {
        "title": _text,
        "about": _text,
        "include": _words,
        "only": _fields({"methods": _words, "streams": _words, "seeds": _seeds}),
        "common": _words,
        "tasks": _named(_overrides_or(TASK)),
        "methods": _named(_overrides_or(METHOD)),
        "streams": _named(_words),
        "fusions": _named(_fields({"of": _words, "weights": _weights})),
        "seeds": _seeds,
        "budget": _text,
        "baseline": _text,
        **dict.fromkeys(MEASURE_KEYS, _unchecked),
    }
)


def _method_problems(content: Mapping[str, Any]) -> Iterator[str]:
    """Check what names a method; the methods of suites that are included are not known here."""
    methods = None if content.get("include") else _mapping(content, "methods")
    baseline = content.get("baseline")
    if methods is not None and isinstance(baseline, str) and baseline not in methods:
        yield f"baseline={baseline} is no method of the suite.{did_you_mean(baseline, methods)}"
    for name in _mapping(content, "tasks").keys() & _mapping(content, "methods").keys():
        yield f"tasks.{name}: a method has that name; labels go by name"
    for name, entry in _mappings(content, "methods"):
        if isinstance(entry.get("peer"), Mapping):
            yield from _peer_problems(f"methods.{name}.peer", entry["peer"], methods)


def _peer_problems(
    place: str, peer: Mapping[str, Any], methods: Collection[str] | None
) -> Iterator[str]:
    known_of: dict[str, Collection[str]] = {"package": PEERS, "model": PEER_MODELS}
    if methods is not None and peer.get("beside") is not None:
        known_of["beside"] = methods
    for key, known in known_of.items():
        value = str(peer.get(key))
        if value not in known:
            close = did_you_mean(value, known)
            yield f"{place}.{key}={value}: give one of {', '.join(known)}.{close}"


def _stream_problems(content: Mapping[str, Any]) -> Iterator[str]:
    streams = _mapping(content, "streams") or JOINT_ONLY
    used = [
        (f"{group}.{name}.{key}", _list(entry, key))
        for group, key in (("methods", "streams"), ("fusions", "of"))
        for name, entry in _mappings(content, group)
    ]
    for place, names in used:
        for name in names:
            if name not in streams:
                yield f"{place}: there is no stream '{name}'.{did_you_mean(str(name), streams)}"


def _fusion_problems(content: Mapping[str, Any]) -> Iterator[str]:
    streams = _mapping(content, "streams") or JOINT_ONLY
    for name in _mapping(content, "fusions"):
        entry = _mapping(content["fusions"], name)
        of, weights = _list(entry, "of"), entry.get("weights")
        if name in streams:
            yield f"fusions.{name}: a stream has that name"
        if len(set(map(str, of))) < max(2, len(of)):
            yield f"fusions.{name}.of={entry.get('of')}: give at least two streams, each once"
        if isinstance(weights, list) and len(weights) != len(of):
            yield f"fusions.{name}.weights: give one number for each of {entry.get('of')}"


def _mapping(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return a mapping; an empty one where there is none, or what has been told to be none."""
    value = content.get(key)
    return value if isinstance(value, Mapping) else {}


def _mappings(content: Mapping[str, Any], group: str) -> list[tuple[str, Mapping[str, Any]]]:
    entries = _mapping(content, group).items()
    return [(name, entry) for name, entry in entries if isinstance(entry, Mapping)]


def _list(entry: Mapping[str, Any], key: str) -> list[Any]:
    value = entry.get(key)
    return value if isinstance(value, list) else []
