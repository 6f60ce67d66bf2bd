"""Dataset cards: what a dataset is, how to get it, its labels and its protocols.

The cards of the known datasets lie in ``datasets/<name>/card.yaml``. A user's own dataset has a
``dataset.yaml`` of the same form, in which the descriptive keys may be left out. The card of a
dataset of videos without poses has no joint layout, unit and adapter.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from har.data.protocols import ProtocolSpec, parse_protocols
from har.errors import CardError, LayoutError, did_you_mean
from har.paths import datasets_root
from har.skeleton.layout import load_layout

VIDEO = "video"
MODALITIES = ("pose3d", "pose2d", VIDEO)
UNITS = ("m", "px", "normalised")
USER_CARD = "dataset.yaml"

DESCRIPTIVE_KEYS = ("title", "source", "licence", "citation", "obtain", "size")
POSE_KEYS = ("layout", "unit")
TECHNICAL_KEYS = (*POSE_KEYS, "fps", "labels")
OPTIONAL_KEYS = ("name", "url", "modality", "adapter", "adapter_options", "protocols")
ALLOWED_KEYS = (*DESCRIPTIVE_KEYS, *TECHNICAL_KEYS, *OPTIONAL_KEYS)

_MODALITY_OF_UNIT = {"m": "pose3d", "px": "pose2d"}
_DIMS = {"pose3d": 3, "pose2d": 2, VIDEO: 0}
_USUAL_ADAPTER = {"pose3d": "generic", "pose2d": "generic", VIDEO: ""}


@dataclass(frozen=True, slots=True)
class Card:
    """One dataset, as its card describes it.

    Attributes:
        name: the dataset's name in the project; also the name of its clip store.
        folder: folder of the card; relative paths in the card start here.
        modality: ``pose3d``, ``pose2d``, or ``video`` for videos without poses.
        layout: name of the joint layout, or absolute path of a layout file; "" for videos.
        unit: ``m``, ``px`` or ``normalised``; "" for videos.
        fps: frames a second of the recordings.
        labels: class names; a class's position is its label in the stores.
        protocols: the train and test rules, by name.
        adapter: module below ``har.data.adapters`` that reads the raw files; "" for videos.
        adapter_options: keyword arguments of that adapter.
        obtain: how to get the raw files.
        size: published counts, such as clips, subjects and cameras.
    """

    name: str
    folder: Path
    modality: str
    layout: str
    unit: str
    fps: float
    labels: tuple[str, ...]
    protocols: Mapping[str, ProtocolSpec]
    adapter: str
    adapter_options: Mapping[str, Any] = field(default_factory=dict)
    title: str = ""
    source: str = ""
    licence: str = ""
    citation: str = ""
    obtain: str = ""
    url: str = ""
    size: Mapping[str, int] = field(default_factory=dict)

    @property
    def dims(self) -> int:
        """Return the number of coordinates of a joint: 3 or 2; 0 for videos without poses."""
        return _DIMS[self.modality]

    def label_index(self, label: str) -> int:
        """Return the index of a class name, or raise CardError with the closest names."""
        if label in self.labels:
            return self.labels.index(label)
        raise CardError(
            f"{self.name}: unknown label '{label}'.{did_you_mean(label, self.labels)} "
            f"Allowed: {', '.join(self.labels)}"
        )

    def protocol(self, name: str) -> ProtocolSpec:
        """Return a protocol by name, or raise CardError with the available ones."""
        if name in self.protocols:
            return self.protocols[name]
        available = ", ".join(self.protocols) or "none"
        raise CardError(
            f"{self.name}: unknown protocol '{name}'.{did_you_mean(name, self.protocols)} "
            f"Available: {available}"
        )


def list_cards() -> list[str]:
    """Return the names of the datasets that have a card in the project."""
    return sorted(path.parent.name for path in datasets_root().glob("*/card.yaml"))


def load_card(name: str | Path) -> Card:
    """Load a dataset's card.

    Args:
        name: name of a dataset of the project, or the path of a user's ``dataset.yaml`` (or of the
            folder that holds it).

    Raises:
        CardError: no such card, or a key that is unknown, missing or has a wrong value.
    """
    if _is_path(name):
        path = Path(name).expanduser()
        path = path / USER_CARD if path.is_dir() else path
        if not path.is_file():
            raise CardError(f"{path}: no such dataset description")
        return _read_card(path, path.resolve().parent.name, required=TECHNICAL_KEYS)
    path = datasets_root() / str(name) / "card.yaml"
    if not path.is_file():
        cards = list_cards()
        raise CardError(
            f"unknown dataset '{name}'.{did_you_mean(str(name), cards)} "
            f"Available: {', '.join(cards) or 'none'}; or give the path of a {USER_CARD}"
        )
    card = _read_card(path, path.parent.name, required=(*DESCRIPTIVE_KEYS, *TECHNICAL_KEYS))
    if card.name != path.parent.name:
        raise CardError(
            f"{path}: name '{card.name}' differs from its folder '{path.parent.name}'; "
            "make the two equal"
        )
    return card


def _is_path(name: str | Path) -> bool:
    return isinstance(name, Path) or "/" in name or name.endswith((".yaml", ".yml"))


def _read_card(path: Path, default_name: str, required: tuple[str, ...]) -> Card:
    values = _load_yaml(path)
    if values.get("modality") == VIDEO:
        _check_keys(path, values, tuple(key for key in required if key not in POSE_KEYS))
        _refuse_pose_keys(path, values)
    else:
        _check_keys(path, values, required)
    modality, layout, unit = _pose_values(path, values)
    return Card(
        name=_text(path, "name", values.get("name", default_name)),
        folder=path.resolve().parent,
        modality=modality,
        layout=layout,
        unit=unit,
        fps=_fps(path, values["fps"]),
        labels=_labels(path, values["labels"]),
        protocols=parse_protocols(path, values.get("protocols", {})),
        adapter=_text(path, "adapter", values.get("adapter", _USUAL_ADAPTER[modality])),
        adapter_options=_mapping(path, "adapter_options", values.get("adapter_options", {})),
        size=_mapping(path, "size", values.get("size", {})),
        **{key: _text(path, key, values.get(key, "")) for key in _TEXT_KEYS},
    )


def _pose_values(path: Path, values: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return modality, layout and unit."""
    if values.get("modality") == VIDEO:
        return VIDEO, "", ""
    unit = _one_of(path, "unit", values["unit"], UNITS)
    modality = values.get("modality", _MODALITY_OF_UNIT.get(unit))
    if modality is None:
        raise CardError(f"{path}: unit '{unit}' needs the key 'modality': {_join(MODALITIES)}")
    layout = _layout(path, _text(path, "layout", values["layout"]))
    return _one_of(path, "modality", modality, MODALITIES), layout, unit


def _refuse_pose_keys(path: Path, values: Mapping[str, Any]) -> None:
    wrong = [key for key in (*POSE_KEYS, "adapter", "adapter_options") if key in values]
    if wrong:
        raise CardError(
            f"{path}: {_join(wrong)}: not for modality '{VIDEO}', which has no poses; "
            "leave it out, or set modality to pose3d or pose2d"
        )


_TEXT_KEYS = ("title", "source", "licence", "citation", "obtain", "url")


def _load_yaml(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CardError(f"{path}: not valid YAML: {error}") from error
    return _mapping(path, "the file", values)


def _check_keys(path: Path, values: Mapping[str, Any], required: tuple[str, ...]) -> None:
    problems = [
        f"unknown key '{key}'.{did_you_mean(str(key), ALLOWED_KEYS)}"
        for key in values
        if key not in ALLOWED_KEYS
    ]
    problems += [f"missing key '{key}'" for key in required if key not in values]
    if problems:
        raise CardError(f"{path}: {'; '.join(problems)} Allowed keys: {_join(ALLOWED_KEYS)}")


def _mapping(path: Path, key: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise CardError(f"{path}: {key} must be a mapping of keys to values, not {value!r}")
    return value


def _text(path: Path, key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise CardError(f"{path}: {key} must be text, not {value!r}; quote it if it looks like one")
    return value.strip()


def _one_of(path: Path, key: str, value: Any, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise CardError(
            f"{path}: {key} '{value}' is not allowed.{did_you_mean(str(value), allowed)} "
            f"Allowed: {_join(allowed)}"
        )
    return value


def _layout(path: Path, name: str) -> str:
    """Return the name of a known layout, or the absolute path of a layout file beside the card."""
    if name.endswith((".yaml", ".yml")):
        name = str(path.resolve().parent / name)
    try:
        load_layout(name)
    except LayoutError as error:
        raise CardError(f"{path}: layout: {error}") from error
    return name


def _fps(path: Path, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 10_000:
        raise CardError(f"{path}: fps must be a number above 0, not {value!r}")
    return float(value)


def _labels(path: Path, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise CardError(f"{path}: labels must be a list of class names, not {value!r}")
    wrong = [label for label in value if not isinstance(label, str) or not label.strip()]
    if wrong:
        raise CardError(f"{path}: label {wrong[0]!r} is not text; put it in quotes")
    repeated = sorted({label for label in value if value.count(label) > 1})
    if repeated:
        raise CardError(f"{path}: labels named more than once: {_join(repeated)}")
    return tuple(value)


def _join(words: Iterable[str]) -> str:
    return ", ".join(words)
