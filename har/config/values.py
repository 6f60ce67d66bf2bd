"""Whether a plain value from a configuration fits a type annotation."""

import inspect
import types
from collections.abc import Callable, Collection, Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, Union, get_args, get_origin

from har.errors import did_you_mean


def is_node(value: Any) -> bool:
    """Return whether a value is a mapping with a ``_target_``."""
    return isinstance(value, Mapping) and "_target_" in value


def mismatch(value: Any, annotation: Any) -> str | None:
    """Return why a value does not fit an annotation, or None where it fits or cannot be judged.

    Whole numbers fit ``float``, lists fit tuples, text fits ``Path`` and the names and values of
    an enum. A node fits everything: what it builds is not known here.
    """
    if is_node(value) or annotation in (Any, object, inspect.Parameter.empty):
        return None
    origin = get_origin(annotation)
    if origin is Annotated:
        return mismatch(value, get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return _union_mismatch(value, annotation)
    if origin is Literal:
        return _choice_mismatch(value, get_args(annotation))
    kind = origin or annotation
    if not isinstance(kind, type):
        return _none_mismatch(value) if annotation is None else None
    return _container_mismatch(value, kind, get_args(annotation)) or _class_mismatch(value, kind)


def describe(annotation: Any) -> str:
    """Return an annotation in a reader's words, such as ``int or null``."""
    if annotation in (None, type(None)):
        return "null"
    if annotation is inspect.Parameter.empty:
        return "of any type"
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return " or ".join(describe(argument) for argument in arguments)
    if origin is Literal:
        return "one of " + ", ".join(map(repr, arguments))
    if arguments and isinstance(origin, type) and issubclass(origin, Collection):
        inner = ", ".join("..." if part is Ellipsis else describe(part) for part in arguments)
        return f"{origin.__name__}[{inner}]"
    return getattr(annotation, "__name__", str(annotation))


def _union_mismatch(value: Any, annotation: Any) -> str | None:
    branches = get_args(annotation)
    reasons = [mismatch(value, branch) for branch in branches]
    if None in reasons:
        return None
    told = [
        reason for reason, branch in zip(reasons, branches, strict=True) if branch is not type(None)
    ]
    return told[0] if len(told) == 1 else _unexpected(value, describe(annotation))


def _choice_mismatch(value: Any, choices: tuple[Any, ...]) -> str | None:
    if any(value == choice and type(value) is type(choice) for choice in choices):
        return None
    words = [choice for choice in choices if isinstance(choice, str)]
    return f"{value!r} is not allowed.{did_you_mean(str(value), words)} " + (
        f"Allowed: {', '.join(map(str, choices))}"
    )


def _none_mismatch(value: Any) -> str | None:
    return None if value is None else _unexpected(value, "null")


def _container_mismatch(value: Any, kind: type, arguments: tuple[Any, ...]) -> str | None:
    """Compare the items of a list or mapping with the arguments of, say, ``list[int]``."""
    if isinstance(value, Mapping) and issubclass(kind, Mapping) and len(arguments) == 2:
        return _first_mismatch((f"[{k!r}]", item, arguments[1]) for k, item in value.items())
    if not isinstance(value, list) or not arguments or not _takes_list(kind):
        return None
    if kind is not tuple or arguments[-1] is Ellipsis:
        return _first_mismatch((f"[{i}]", item, arguments[0]) for i, item in enumerate(value))
    if len(value) != len(arguments):
        return f"expected {len(arguments)} values, got {len(value)}: {value!r}"
    pairs = zip(value, arguments, strict=True)
    return _first_mismatch((f"[{i}]", item, hint) for i, (item, hint) in enumerate(pairs))


def _first_mismatch(items: Iterable[tuple[str, Any, Any]]) -> str | None:
    for place, item, hint in items:
        if reason := mismatch(item, hint):
            return f"item {place}: {reason}"
    return None


def _takes_list(kind: type) -> bool:
    return kind in (tuple, set, frozenset) or (kind is not str and _is_instance([], kind))


def _class_mismatch(value: Any, kind: type) -> str | None:
    fits: Callable[[Any], bool] = _SPECIAL.get(kind, lambda v: _is_instance(v, kind))
    if isinstance(value, list):
        accepted = _takes_list(kind)
    elif issubclass(kind, Enum):
        accepted = value in [*kind.__members__, *(member.value for member in kind)]
    else:
        accepted = fits(value)
    return None if accepted else _unexpected(value, describe(kind))


_SPECIAL: dict[type, Callable[[Any], bool]] = {
    int: lambda value: isinstance(value, int) and not isinstance(value, bool),
    float: lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    Path: lambda value: isinstance(value, str | Path),
}


def _is_instance(value: Any, kind: type) -> bool:
    """Return whether the value is of the class; true where the class cannot be asked."""
    if getattr(kind, "_is_protocol", False) and kind is not Protocol:
        return True
    try:
        return isinstance(value, kind)
    except TypeError:
        return True


def _unexpected(value: Any, expected: str) -> str:
    shown = "null" if value is None else f"{value!r} ({type(value).__name__})"
    return f"expected {expected}, got {shown}"
