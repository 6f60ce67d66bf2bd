"""Checks a composed configuration against the schema and every ``_target_`` in it, at once.

Nothing is built. All problems are told in one message, so that a configuration with five mistakes
takes one attempt to mend.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from typing import Any, get_args, get_origin, get_type_hints

from har.config.defaults import has_default
from har.config.provided import OFFERED, Provided, provided_for
from har.config.schema import REQUIRED, Node, RootConfig
from har.config.targets import Target, find_target
from har.config.values import describe, is_node, mismatch
from har.errors import ConfigError, did_you_mean

HYDRA_KEYS = frozenset({"_target_", "_partial_", "_recursive_", "_convert_"})


def check_config(
    config: Mapping[str, Any],
    provided: Provided | None = None,
    schema: type | None = RootConfig,
) -> None:
    """Check a plain, resolved configuration.

    Args:
        config: plain containers, as ``har.config.compose.to_plain`` gives them.
        provided: names of the parameters that the program hands over when it builds a node, by the
            node's dotted path; ``*`` is any one step of the path, as in ``transform.augment.*``.
            By default those of an experiment of this configuration.
        schema: dataclass of the closed keys; None checks the targets alone.

    Raises:
        ConfigError: lists every problem found.
    """
    extra_targets = config.get("extra_targets") or []
    problems = list(_section_problems(config, schema, "")) if schema else []
    known = provided_for(config) if provided is None else provided
    problems += _targets_below(config, "", known, extra_targets)
    raise_problems(problems)


def raise_problems(problems: Iterable[str]) -> None:
    """Raise one ConfigError that lists the problems; do nothing if there are none."""
    listed = list(dict.fromkeys(problems))
    if listed:
        count = "1 problem" if len(listed) == 1 else f"{len(listed)} problems"
        lines = "".join(f"\n  - {problem}" for problem in listed)
        raise ConfigError(f"{count} in the configuration:{lines}")


def unknown_key(path: str, key: str, allowed: Iterable[str]) -> str:
    """Return the line for a key that does not exist among ``allowed`` at ``path``."""
    names = sorted(allowed)
    close = get_close_matches(key, names, n=1)
    return no_such_key(join(path, key), join(path, close[0]) if close else None, path, names)


def no_such_key(full_key: str, close: str | None, path: str, names: Iterable[str]) -> str:
    """Return the line for a key that does not exist; ``names`` are those there are at ``path``."""
    guess = f" Did you mean '{close}'?" if close else ""
    has = ", ".join(names) or "no keys"
    return f"{full_key}: no such key.{guess} ({path or 'the configuration'} has: {has})"


def join(path: str, key: str | int) -> str:
    """Return the dotted path of a key or list position below ``path``."""
    return f"{path}.{key}" if path else str(key)


def _section_problems(values: Mapping[str, Any], section: type, path: str) -> Iterator[str]:
    """Compare a mapping with the dataclass that describes it."""
    hints = get_type_hints(section)
    yield from (unknown_key(path, str(key), hints) for key in values if key not in hints)
    for item in fields(section):
        place = join(path, item.name)
        if item.name in values:
            yield from _field_problems(values[item.name], hints[item.name], place)
        elif not has_default(item):
            yield f"{place}: required, but missing"


def _field_problems(value: Any, hint: Any, path: str) -> Iterator[str]:
    arguments = get_args(hint)
    optional = type(None) in arguments
    kind = next((part for part in arguments if part is not type(None)), hint) if optional else hint
    if value == REQUIRED:
        yield f"{path}: required, but nothing is chosen"
    elif value is None and optional:
        return
    elif isinstance(kind, type) and is_dataclass(kind):
        if isinstance(value, Mapping):
            yield from _section_problems(value, kind, path)
        else:
            yield f"{path}: expected a mapping of keys to values, got {value!r}"
    elif kind is Node:
        if not is_node(value):
            yield f"{path}: expected a mapping with a _target_, got {value!r}"
    elif (items := _items(value, kind)) is not None:
        for key, entry, inner in items:
            yield from _field_problems(entry, inner, join(path, key))
    elif reason := mismatch(value, hint):
        yield f"{path}: {reason}"


def _items(value: Any, kind: Any) -> list[tuple[Any, Any, Any]] | None:
    """Return key, item and type of each item, of containers whose items have keys of their own."""
    inner = get_args(kind)
    if get_origin(kind) is list and inner == (Node,) and isinstance(value, list):
        return [(index, entry, Node) for index, entry in enumerate(value)]
    if get_origin(kind) is dict and is_dataclass(inner[1]) and isinstance(value, Mapping):
        return [(key, entry, inner[1]) for key, entry in value.items()]
    return None


def _targets_below(
    value: Any, path: str, provided: Provided, extra_targets: list[str]
) -> Iterator[str]:
    """Walk dicts and lists; check each node on the way."""
    if is_node(value):
        yield from _node_problems(value, path, _provided_at(path, provided), extra_targets)
    if isinstance(value, Mapping):
        children: Iterable[tuple[Any, Any]] = value.items()
    elif isinstance(value, list):
        children = enumerate(value)
    else:
        return
    for key, child in children:
        yield from _targets_below(child, join(path, key), provided, extra_targets)


def _provided_at(path: str, provided: Provided) -> frozenset[str]:
    steps = path.split(".")
    names: set[str] = set()
    for pattern, given in provided.items():
        wanted = pattern.split(".")
        if len(wanted) == len(steps) and all(
            want in ("*", step) for want, step in zip(wanted, steps, strict=True)
        ):
            names |= given
    return frozenset(names)


def _node_problems(
    node: Mapping[str, Any], path: str, provided: frozenset[str], extra_targets: list[str]
) -> Iterator[str]:
    try:
        target = find_target(node["_target_"], extra_targets)
    except ConfigError as error:
        yield f"{join(path, '_target_')}: {error}"
        return
    settings = {key: value for key, value in node.items() if key not in HYDRA_KEYS}
    if "_args_" in settings:
        yield f"{join(path, '_args_')}: not supported; give the parameters by name"
        del settings["_args_"]
    offered = _provided_at(path, OFFERED) & target.parameters.keys()
    yield from _name_problems(target, settings, path, provided | offered)
    if not node.get("_partial_", False):
        yield from _missing_problems(target, settings, path, provided | offered)
    yield from _value_problems(target, settings, path)


def _name_problems(
    target: Target, settings: Mapping[str, Any], path: str, provided: frozenset[str]
) -> Iterator[str]:
    for key, value in settings.items():
        if key in provided and value is not None and not is_node(value):
            yield f"{join(path, key)}: the program sets it itself; remove it"
        elif key not in target.parameters and not target.takes_any:
            names = [name for name in target.parameters if name not in provided]
            yield (
                f"{join(path, key)}: {target.name} has no parameter '{key}'."
                f"{did_you_mean(str(key), names)} (it has: {', '.join(names) or 'none'})"
            )
    if not target.takes_any:
        for name in sorted(provided - set(target.parameters)):
            yield (
                f"{path or target.name}: {target.name} must take the parameter '{name}', which "
                "the program sets here"
            )


def _missing_problems(
    target: Target, settings: Mapping[str, Any], path: str, provided: frozenset[str]
) -> Iterator[str]:
    for name, parameter in target.parameters.items():
        if parameter.required and name not in settings and name not in provided:
            yield (
                f"{join(path, name)}: missing; {target.name} requires it"
                f" ({describe(parameter.annotation)})"
            )


def _value_problems(target: Target, settings: Mapping[str, Any], path: str) -> Iterator[str]:
    for key, value in settings.items():
        if value == REQUIRED:
            yield f"{join(path, key)}: required, but nothing is chosen"
        elif key in target.parameters and (
            reason := mismatch(value, target.parameters[key].annotation)
        ):
            yield f"{join(path, key)}: {reason}"
