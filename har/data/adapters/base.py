"""What every dataset adapter offers, how one is loaded, and the checks common to all clips."""

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from inspect import signature
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Protocol, cast

import numpy as np

from har.data import adapters
from har.data.cards import Card
from har.errors import BadSampleError, CardError, ConfigError, did_you_mean
from har.samples import UNLABELLED, Clip
from har.skeleton.layout import load_layout

_GIVEN = ("card", "raw")


class Adapter(Protocol):
    """Reads the raw data of one dataset; module ``har.data.adapters.<name>``, class ``Adapter``.

    Its constructor takes ``card``, ``raw`` (folder or file of the raw data, or None) and its own
    options by name. It can be pickled, so that worker processes can use it.

    Attributes:
        VERSION: raised with every change of what :meth:`read` returns.
    """

    VERSION: ClassVar[int]

    def items(self) -> list[str]:
        """Return what there is to read, sorted: relative paths, or keys within a file."""
        ...

    def read(self, item: str) -> Sequence[Clip | BadSampleError]:
        """Return the clips of one item, and an error for each part of it that cannot be used.

        A recording with timed labels is one clip with segments. Segments that do not fit it, such
        as one past its end, may stay: they go to ``skipped.csv`` when the store is prepared.

        Raises:
            BadSampleError: the item cannot be used; the reason goes to ``skipped.csv``.
        """
        ...


def adapter_class(name: str) -> type[Adapter]:
    """Return the class ``Adapter`` of the module ``har.data.adapters.<name>``.

    Raises:
        CardError: there is no such module, or it has no class ``Adapter``.
    """
    names = sorted(info.name for info in pkgutil.iter_modules(adapters.__path__))
    if name == "base" or name not in names:
        allowed = [other for other in names if other != "base"]
        raise CardError(
            f"There is no adapter '{name}'; there are: {', '.join(allowed) or 'none'}."
            f"{did_you_mean(name, allowed)} An adapter is a module in har/data/adapters."
        )
    return _class_in(importlib.import_module(f"{adapters.__name__}.{name}"))


def _class_in(module: ModuleType) -> type[Adapter]:
    found = getattr(module, "Adapter", None)
    if not isinstance(found, type) or not isinstance(getattr(found, "VERSION", None), int):
        raise CardError(
            f"The module {module.__name__} is not an adapter: it needs a class 'Adapter' with an "
            f"integer VERSION."
        )
    return cast("type[Adapter]", found)


def is_generated(card: Card) -> bool:
    """Return whether the clips are made by the adapter (``GENERATED = True``), without raw data."""
    return bool(getattr(adapter_class(card.adapter), "GENERATED", False))


def adapter_options(card: Card, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of the card with ``options`` over them.

    Raises:
        ConfigError: the adapter has no such option.
    """
    merged = {**card.adapter_options, **options}
    known = [p for p in signature(adapter_class(card.adapter)).parameters if p not in _GIVEN]
    for name in merged:
        if name not in known:
            raise ConfigError(
                f"The adapter '{card.adapter}' of the dataset '{card.name}' has no option "
                f"'{name}'; it has: {', '.join(known) or 'none'}.{did_you_mean(name, known)}"
            )
    return merged


def load_adapter(card: Card, raw: Path | None, **options: Any) -> Adapter:
    """Build the adapter that a card names.

    Args:
        card: the dataset card.
        raw: folder or file of the raw data; None for a dataset that is generated.
        options: options of the adapter; they win over ``card.adapter_options``.

    Raises:
        CardError: there is no such adapter.
        ConfigError: the adapter has no such option.
    """
    build: Any = adapter_class(card.adapter)
    return cast(Adapter, build(card=card, raw=raw, **adapter_options(card, options)))


def check_clip(clip: Clip, card: Card) -> None:
    """Refuse a clip that does not keep the promises of ``Clip`` and of the card.

    Raises:
        BadSampleError: names the raw file and the first promise that is broken.
    """
    reason = _array_problem(clip, card) or _record_problem(clip, card)
    if reason:
        raise BadSampleError(clip.record.source or clip.record.clip_id, reason)


def _array_problem(clip: Clip, card: Card) -> str | None:
    """Say what is wrong with the arrays, cheapest check first."""
    joints, confidence = clip.joints, clip.confidence
    if problem := _shape_problem(joints, confidence, card):
        return problem
    if not np.isfinite(joints).all():
        frame = int(np.argwhere(~np.isfinite(joints))[0, 1])
        return f"a coordinate is not a finite number (first in frame {frame})"
    if not (np.isfinite(confidence).all() and confidence.min() >= 0 and confidence.max() <= 1):
        return "a confidence is outside [0, 1]"
    if not confidence.any():
        return "no joint is seen in any frame"
    if joints[confidence == 0].any():
        return "a joint with confidence 0 has coordinates other than 0"
    return None


def _shape_problem(joints: np.ndarray, confidence: np.ndarray, card: Card) -> str | None:
    V, C = load_layout(card.layout).num_joints, card.dims
    if joints.ndim != 4 or joints.shape[2:] != (V, C):
        return f"joints are {joints.shape}, not (people, frames, {V}, {C}) as {card.layout} needs"
    if 0 in joints.shape:
        return f"it has {joints.shape[1]} frames of {joints.shape[0]} people"
    if confidence.shape != joints.shape[:3]:
        return f"confidence is {confidence.shape}, not {joints.shape[:3]} as the joints are"
    if joints.dtype != np.float32 or confidence.dtype != np.float32:
        return f"joints are {joints.dtype} and confidence {confidence.dtype}, not float32"
    return None


def _record_problem(clip: Clip, card: Card) -> str | None:
    """Say what is wrong with the record."""
    record = clip.record
    expected = {
        "dataset": card.name,
        "layout": card.layout,
        "person_count": clip.joints.shape[0],
        "frame_count": clip.joints.shape[1],
    }
    for name, value in expected.items():
        if getattr(record, name) != value:
            return f"its record has {name} {getattr(record, name)!r}, not {value!r}"
    if not record.clip_id:
        return "its record has no clip_id"
    if not record.fps > 0:
        return f"its record has fps {record.fps}"
    if record.label != UNLABELLED and not 0 <= record.label < len(card.labels):
        return f"its label {record.label} is outside [0, {len(card.labels) - 1}]"
    return None
