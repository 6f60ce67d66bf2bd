"""Defaults of the schema, and configurations completed by them."""

import dataclasses
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from typing import Any, get_args, get_origin, get_type_hints

from har.config.schema import REQUIRED, RootConfig


def defaults(section: type = RootConfig) -> dict[str, Any]:
    """Return the schema's defaults as plain containers, with ``REQUIRED`` where there is none."""
    hints = get_type_hints(section)
    return {item.name: _default(item, hints[item.name]) for item in fields(section)}


def complete(values: Mapping[str, Any], section: type = RootConfig) -> dict[str, Any]:
    """Return a mapping with the defaults of the schema for the keys that it leaves out.

    Keys that the schema does not know, and values that are not of its shape, stay as they are.
    """
    hints = get_type_hints(section)
    filled = {**defaults(section), **values}
    for item in fields(section):
        filled[item.name] = _complete_value(filled[item.name], hints[item.name])
    return filled


def _complete_value(value: Any, hint: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    kinds = [kind for kind in (hint, *get_args(hint)) if kind is not type(None)]
    for kind in kinds:
        if isinstance(kind, type) and dataclasses.is_dataclass(kind):
            return complete(value, kind)
        if get_origin(kind) is dict and dataclasses.is_dataclass(get_args(kind)[1]):
            return {key: _complete_value(own, get_args(kind)[1]) for key, own in value.items()}
    return value


def has_default(item: Field[Any]) -> bool:
    """Return whether a field of the schema may be left out."""
    return item.default is not MISSING or item.default_factory is not MISSING


def _default(item: Field[Any], hint: Any) -> Any:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return defaults(hint)
    if item.default_factory is not MISSING:
        return item.default_factory()
    return REQUIRED if item.default is MISSING else item.default
