"""Reads the YAML of a joint layout into plain values of the right types."""

from pathlib import Path
from typing import Any

import yaml

from har.errors import LayoutError, did_you_mean

REQUIRED = ("name", "joints", "edges", "root")
OPTIONAL = ("aliases", "derive", "bones", "landmarks", "flip")


def read_layout_file(path: Path) -> dict[str, Any]:
    """Return the fields of ``Layout`` as the file gives them, lists turned into tuples.

    Raises:
        LayoutError: if the file is not YAML, or a key is unknown, missing or of the wrong type.
    """
    content = _parse(path)
    _check_keys(content)
    fields: dict[str, Any] = {key: _text(content[key], key) for key in ("name", "root")}
    fields["joints"] = _names(content["joints"], "joints")
    fields["edges"] = _pairs(content["edges"], "edges")
    fields["flip"] = _pairs(content.get("flip") or [], "flip")
    for key in ("aliases", "derive", "landmarks"):
        table = _table(content.get(key), key)
        fields[key] = {joint: _names(names, f"{key}.{joint}") for joint, names in table.items()}
    bones = _table(content.get("bones"), "bones")
    fields["bones"] = {joint: _text(parent, f"bones.{joint}") for joint, parent in bones.items()}
    return fields


def _parse(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise LayoutError(f"not valid YAML: {error}") from None
    if not isinstance(content, dict):
        raise LayoutError(f"a layout file is a mapping with the keys {', '.join(REQUIRED)}")
    return content


def _check_keys(content: dict[str, Any]) -> None:
    for key in content:
        if key not in REQUIRED + OPTIONAL:
            raise LayoutError(
                f"unknown key '{key}'. Allowed: {', '.join(REQUIRED + OPTIONAL)}."
                f"{did_you_mean(str(key), REQUIRED + OPTIONAL)}"
            )
    missing = [key for key in REQUIRED if key not in content]
    if missing:
        raise LayoutError(f"missing key '{missing[0]}'. Required: {', '.join(REQUIRED)}.")


def _text(value: object, key: str) -> str:
    if not isinstance(value, str) or not value:
        raise LayoutError(f"{key}: expected a name, got {value!r}. Put it in quotes if need be.")
    return value


def _names(value: object, key: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise LayoutError(f"{key}: expected a list of names, got {value!r}.")
    return tuple(_text(item, key) for item in value)


def _pairs(value: object, key: str) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, list):
        raise LayoutError(f"{key}: expected a list of pairs of names, got {value!r}.")
    for pair in value:
        if not isinstance(pair, list) or len(pair) != 2:
            raise LayoutError(f"{key}: expected a pair [joint, joint], got {pair!r}.")
    return tuple((_text(a, key), _text(b, key)) for a, b in value)


def _table(value: object, key: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise LayoutError(f"{key}: expected a mapping from names, got {value!r}.")
    return {_text(joint, key): entry for joint, entry in value.items()}
