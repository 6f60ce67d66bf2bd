"""What a suite asks to be measured of each cell, and with which settings."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from har.errors import ConfigError, did_you_mean
from har.quality.corruptions import CORRUPTIONS, SEVERITIES

MEASURES: Mapping[str, str] = {
    "latency": "latency and throughput of the model in torch",
    "onnx": "parity and latency of the exported graph",
    "robustness": "accuracy under faults of camera and pose estimator",
    "to_target": "seconds and energy until an accuracy is reached",
}
SETTING_OF = {"onnx": "onnx", "robustness": "robustness", "to_target": "target"}
MEASURE_KEYS = ("measure", "target", "robustness", "onnx")
PRECISIONS = ("fp32", "fp16", "int8")
ROBUSTNESS_KEYS = ("corruptions", "severities", "clips")
ONNX_KEYS = ("precisions", "hops", "clips")


@dataclass(frozen=True)
class RobustnessSubset:
    """Which faults a cell is tested under; the default is a quick subset of all there are.

    Attributes:
        corruptions: names of ``CORRUPTIONS``, of which those that fit the data are taken; empty for
            all that fit.
        severities: of 1 to 5.
        clips: how many test clips, chosen at random; None for all.
    """

    corruptions: tuple[str, ...] = (
        "joint_jitter", "joint_dropout", "frame_dropout", "view_angle", "frame_rate",
        "low_light", "motion_blur", "jpeg", "frame_drop",
    )  # fmt: skip
    severities: tuple[int, ...] = (1, 3, 5)
    clips: int | None = 128


@dataclass(frozen=True)
class Exports:
    """Which graphs of a cell are written, proven and timed.

    Attributes:
        precisions: of graphs of whole clips.
        hops: frames a step of step-wise graphs; none by default.
        clips: test clips that prove each graph.
    """

    precisions: tuple[str, ...] = ("fp32", "int8")
    hops: tuple[int, ...] = ()
    clips: int = 64


@dataclass(frozen=True)
class Measures:
    """What is taken of each cell besides accuracy, size and training speed.

    Attributes:
        names: of ``MEASURES``.
        target: accuracy in (0, 1] for ``to_target``.
    """

    names: tuple[str, ...] = ("latency",)
    target: float | None = None
    robustness: RobustnessSubset = field(default_factory=RobustnessSubset)
    onnx: Exports = field(default_factory=Exports)

    def only(self, names: Sequence[str]) -> "Measures":
        """Return the same settings for other measures.

        Raises:
            ConfigError: there is no such measure, or ``to_target`` has no target.
        """
        if problems := list(_name_problems(names, self.target)):
            raise ConfigError("; ".join(problems))
        return replace(self, names=tuple(names))

    def joined(self, other: "Measures") -> "Measures":
        """Return these with the measures of another that these lack, and its settings for them."""
        missing = [name for name in other.names if name not in self.names]
        taken = {SETTING_OF[name] for name in missing if name in SETTING_OF}
        settings = {key: getattr(other, key) for key in taken}
        return replace(self, names=(*self.names, *missing), **settings)

    def changed(self, content: Mapping[str, Any]) -> "Measures":
        """Return these with what a checked suite says instead."""
        found: dict[str, Any] = {}
        if "measure" in content:
            found["names"] = tuple(content["measure"] or ())
        if "target" in content:
            found["target"] = content["target"]
        if content.get("robustness"):
            found["robustness"] = RobustnessSubset(**_tuples(content["robustness"]))
        if content.get("onnx"):
            found["onnx"] = Exports(**_tuples(content["onnx"]))
        return replace(self, **found)

    def record(self) -> dict[str, Any]:
        """Return ``measure`` and its ``settings`` as plain data; ``recorded`` reads them."""
        settings = {key: asdict(getattr(self, key)) for key in ("robustness", "onnx")}
        return {"measure": list(self.names), "settings": {"target": self.target, **settings}}


def recorded(record: Mapping[str, Any]) -> Measures:
    """Return the measures that the record of a cell asks for; an older one has no settings."""
    return Measures().changed({**(record.get("settings") or {}), "measure": record["measure"]})


def measure_problems(content: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the keys ``measure``, ``target``, ``robustness`` and ``onnx``."""
    target = content.get("target")
    names = content.get("measure") or []
    if not isinstance(names, list):
        yield f"measure={names}: give a list of some of {', '.join(MEASURES)}"
    else:
        yield from _name_problems(names, target)
    if target is not None and not (isinstance(target, int | float) and 0 < target <= 1):
        yield f"target={target}: give an accuracy above 0 and at most 1, such as 0.8"
    allowed: Mapping[str, Mapping[str, Sequence[Any]]] = {
        "robustness": {"corruptions": list(CORRUPTIONS), "severities": SEVERITIES},
        "onnx": {"precisions": PRECISIONS},
    }
    for group, keys in (("robustness", ROBUSTNESS_KEYS), ("onnx", ONNX_KEYS)):
        entry = content.get(group) or {}
        if not isinstance(entry, Mapping):
            yield f"{group} must be a mapping with some of {', '.join(keys)}"
            continue
        for key, value in entry.items():
            if key not in keys:
                close = did_you_mean(str(key), keys)
                yield f"{group}.{key}: no such key.{close} There are: {', '.join(keys)}"
            elif key == "clips":
                yield from _count_problems(f"{group}.clips", value, group == "robustness")
            else:
                yield from _list_problems(f"{group}.{key}", value, allowed[group].get(key))


def _name_problems(names: Sequence[str], target: float | None) -> Iterator[str]:
    for name in names:
        if name not in MEASURES:
            close = did_you_mean(str(name), MEASURES)
            yield f"measure: '{name}' is none of {', '.join(MEASURES)}.{close}"
    if "to_target" in names and target is None:
        yield "measure: to_target needs the key target, such as target: 0.8"


def _list_problems(place: str, value: Any, allowed: Sequence[Any] | None) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{place}={value}: give a list"
        return
    for word in value:
        if allowed is None:
            yield from _count_problems(place, word, False)
        elif word not in allowed:
            known = [str(name) for name in allowed]
            close = did_you_mean(str(word), known)
            yield f"{place}: '{word}' is none of {', '.join(known)}.{close}"


def _count_problems(place: str, value: Any, may_be_all: bool) -> Iterator[str]:
    if value is None and may_be_all:
        return
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        yield f"{place}={value}: give a whole number of at least 1"


def _tuples(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list | tuple) else v for k, v in entry.items()}
