"""Evaluation protocols as the cards spell them: who trains, who validates, who tests."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from har.errors import CardError, did_you_mean

PARTS = ("train", "val", "test")
ATTRIBUTES = ("subject", "camera", "setup", "replication")
PROTOCOL_KEYS = ("description", *PARTS, "leave_one_out", "k_fold", "lists", "disjoint")

Selection = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class KFold:
    """Folds that each hold the clips of some values of an attribute.

    Attributes:
        by: attribute whose values stay together, such as ``subject``.
        count: how many folds, 2 or more.
        seed: of the draw that gives each value its fold.
    """

    by: str
    count: int
    seed: int = 0


@dataclass(frozen=True, slots=True)
class ProtocolSpec:
    """One protocol of a card; exactly one of its four kinds of rule is set.

    Attributes:
        name: name of the protocol.
        parts: for train and test (and val, if the protocol has one), the attribute values of the
            clips that belong to it, as ``{"train": {"camera": ("1", "2")}, ...}``.
        leave_one_out: attribute of which each value in turn is the test part.
        k_fold: folds, each of which in turn is the test part.
        lists: for each part, a list of clip ids: the absolute path of a text or CSV file, or
            ``<pickle>::<split name>``.
        disjoint: attributes of which no two parts share a value.
        description: what the protocol measures, and where it comes from.
    """

    name: str
    parts: Mapping[str, Selection] = field(default_factory=dict)
    leave_one_out: str | None = None
    k_fold: KFold | None = None
    lists: Mapping[str, str] = field(default_factory=dict)
    disjoint: tuple[str, ...] = ()
    description: str = ""


def parse_protocols(path: Path, values: Any) -> dict[str, ProtocolSpec]:
    """Return the protocols of the card at ``path``, or raise CardError for the first wrong one."""
    if not isinstance(values, dict):
        raise CardError(f"{path}: protocols must be a mapping of names to rules, not {values!r}")
    return {str(name): _parse_protocol(path, str(name), rule) for name, rule in values.items()}


def _parse_protocol(path: Path, name: str, rule: Any) -> ProtocolSpec:
    where = f"{path}: protocol '{name}'"
    if not isinstance(rule, dict):
        raise CardError(f"{where} must be a mapping, not {rule!r}")
    for key in rule:
        if key not in PROTOCOL_KEYS:
            raise CardError(
                f"{where} has the unknown key '{key}'.{did_you_mean(str(key), PROTOCOL_KEYS)} "
                f"Allowed keys: {', '.join(PROTOCOL_KEYS)}"
            )
    has_parts = any(part in rule for part in PARTS)
    if has_parts + sum(kind in rule for kind in ("leave_one_out", "k_fold", "lists")) != 1:
        raise CardError(
            f"{where} needs exactly one of: train and test, leave_one_out, k_fold, lists; "
            f"it has the keys {', '.join(rule) or 'none'}"
        )
    return ProtocolSpec(
        name=name,
        parts=_parts(where, rule) if has_parts else {},
        leave_one_out=_attribute(where, rule["leave_one_out"]) if "leave_one_out" in rule else None,
        k_fold=_k_fold(where, rule["k_fold"]) if "k_fold" in rule else None,
        lists=_lists(where, path.resolve().parent, rule["lists"]) if "lists" in rule else {},
        disjoint=tuple(_attribute(where, name) for name in rule.get("disjoint", [])),
        description=str(rule.get("description", "")).strip(),
    )


def _parts(where: str, rule: Mapping[str, Any]) -> dict[str, Selection]:
    _require_train_and_test(where, rule)
    return {part: _selection(f"{where}, {part}", rule[part]) for part in PARTS if part in rule}


def _selection(where: str, values: Any) -> Selection:
    if not isinstance(values, dict) or not values:
        raise CardError(f"{where} must name attributes and their values, not {values!r}")
    for attribute, allowed in values.items():
        if not isinstance(allowed, list) or not allowed:
            raise CardError(f"{where}: {attribute} needs a list of values, not {allowed!r}")
    return {_attribute(where, key): tuple(map(str, allowed)) for key, allowed in values.items()}


def _k_fold(where: str, values: Any) -> KFold:
    allowed = ("by", "count", "seed")
    if not isinstance(values, dict) or not {"by", "count"} <= set(values) <= set(allowed):
        raise CardError(
            f"{where}: k_fold needs the keys by and count, and may have seed, not {values!r}"
        )
    for key in ("count", "seed"):
        value, least = values.get(key, 0), 2 if key == "count" else 0
        if key in values and (type(value) is not int or value < least):
            raise CardError(
                f"{where}: {key} of k_fold must be a whole number of at least {least}, "
                f"not {value!r}"
            )
    return KFold(_attribute(where, values["by"]), values["count"], values.get("seed", 0))


def _lists(where: str, folder: Path, values: Any) -> dict[str, str]:
    if not isinstance(values, dict) or set(values) - set(PARTS):
        raise CardError(f"{where}: lists must map {', '.join(PARTS)} to files, not {values!r}")
    _require_train_and_test(where, values)
    return {part: str(folder / Path(str(source)).expanduser()) for part, source in values.items()}


def _require_train_and_test(where: str, values: Mapping[str, Any]) -> None:
    missing = [part for part in ("train", "test") if part not in values]
    if missing:
        raise CardError(f"{where} has no {' and no '.join(missing)} part")


def _attribute(where: str, name: Any) -> str:
    if name not in ATTRIBUTES:
        raise CardError(
            f"{where}: unknown attribute '{name}'.{did_you_mean(str(name), ATTRIBUTES)} "
            f"Allowed: {', '.join(ATTRIBUTES)}"
        )
    return name
