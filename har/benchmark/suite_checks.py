"""What can be wrong with the file of a suite; all mistakes are told at once."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from har.benchmark.measures import MEASURE_KEYS, measure_problems
from har.benchmark.peers import PEER_MODELS, PEERS
from har.errors import did_you_mean

SUITE_KEYS = (
    "title", "about", "include", "only", "common", "tasks", "methods", "streams", "fusions",
    "seeds", "budget", "baseline", *MEASURE_KEYS,
)  # fmt: skip
METHOD_KEYS = ("overrides", "streams", "seeds", "label", "peer")
TASK_KEYS = ("overrides", "label", "seeds")
FUSION_KEYS = ("of", "weights")
ONLY_KEYS = ("methods", "streams", "seeds")
PEER_KEYS = ("package", "model", "beside")
JOINT_ONLY: Mapping[str, tuple[str, ...]] = {"joint": ()}


def suite_problems(content: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the content of a suite's file."""
    yield from _unknown("", content, SUITE_KEYS)
    if not isinstance(content.get("title"), str):
        yield "title is missing"
    if not (content.get("include") or (content.get("tasks") and content.get("methods"))):
        yield "it compares nothing: give tasks and methods, or include other suites"
    for group, keys in (("tasks", TASK_KEYS), ("methods", METHOD_KEYS), ("fusions", FUSION_KEYS)):
        for name, entry in (content.get(group) or {}).items():
            if isinstance(entry, Mapping):
                yield from _unknown(f"{group}.{name}.", entry, keys)
            if "." in name or "/" in name:
                yield f"{group}.{name}: a name may hold no dot and no slash"
    only = content.get("only") or {}
    yield from _unknown("only.", only, ONLY_KEYS)
    if only and not content.get("include"):
        yield "only limits the suites that include names: there are none"
    yield from _stream_problems(content)
    yield from _method_problems(content)
    yield from measure_problems(content)


def _method_problems(content: Mapping[str, Any]) -> Iterator[str]:
    methods = content.get("methods") or {}
    baseline = content.get("baseline")
    if baseline is not None and baseline not in methods and not content.get("include"):
        yield f"baseline={baseline} is no method of the suite.{did_you_mean(baseline, methods)}"
    for name, entry in _mappings(content, "methods"):
        peer = entry.get("peer")
        if peer is not None:
            known = None if content.get("include") else methods
            yield from _peer_problems(f"methods.{name}.peer", peer, known)


def _peer_problems(place: str, peer: Any, methods: Mapping[str, Any] | None) -> Iterator[str]:
    """Check a peer; methods of suites that are included are not known here."""
    if not isinstance(peer, Mapping):
        yield f"{place} must be a mapping with {', '.join(PEER_KEYS)}"
        return
    yield from _unknown(f"{place}.", peer, PEER_KEYS)
    known_of: dict[str, Collection[str]] = {"package": PEERS, "model": PEER_MODELS}
    if methods is not None and peer.get("beside") is not None:
        known_of["beside"] = methods
    for key, known in known_of.items():
        value = peer.get(key)
        if value not in known:
            close = did_you_mean(str(value), known)
            yield f"{place}.{key}={value}: give one of {', '.join(known)}.{close}"


def _stream_problems(content: Mapping[str, Any]) -> Iterator[str]:
    streams = content.get("streams") or JOINT_ONLY
    used = [
        (f"methods.{name}.streams", entry.get("streams") or ())
        for name, entry in _mappings(content, "methods")
    ]
    used += [(f"fusions.{name}.of", f.get("of") or ()) for name, f in _mappings(content, "fusions")]
    for place, names in used:
        for name in names:
            if name not in streams:
                yield f"{place}: there is no stream '{name}'.{did_you_mean(name, streams)}"
    for name, entry in _mappings(content, "fusions"):
        weights = entry.get("weights")
        if isinstance(weights, list) and len(weights) != len(entry.get("of") or ()):
            yield f"fusions.{name}.weights: give one number for each of {entry.get('of')}"
        if isinstance(weights, str) and weights not in ("tuned", "learned"):
            yield f"fusions.{name}.weights={weights}: give tuned, learned, or one number a stream"


def _mappings(content: Mapping[str, Any], group: str) -> list[tuple[str, Mapping[str, Any]]]:
    entries = (content.get(group) or {}).items()
    return [(name, entry) for name, entry in entries if isinstance(entry, Mapping)]


def _unknown(place: str, entry: Mapping[str, Any], keys: Sequence[str]) -> Iterator[str]:
    for key in entry:
        if key not in keys:
            close = did_you_mean(str(key), keys)
            yield f"{place}{key}: no such key.{close} There are: {', '.join(keys)}"
