"""Finds the class or function that a ``_target_`` names, with its parameters."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, get_type_hints

from har.errors import ConfigError, did_you_mean

ALLOWED_TARGETS = (
    "har.",
    "torch.nn.",
    "torch.optim.",
    "torchmetrics.",
    "pytorch_lightning.callbacks.",
    "pytorch_lightning.loggers.",
    "pytorch_lightning.profilers.",
    "pytorch_lightning.strategies.",
)
"""Where configurations may take classes from. A configuration is not trusted to run any code."""


@dataclass(frozen=True)
class Parameter:
    """One named parameter of a target."""

    annotation: Any
    required: bool


@dataclass(frozen=True)
class Target:
    """What a ``_target_`` stands for.

    Attributes:
        parameters: those that can be given by name.
        takes_any: whether it takes names beyond these (``**kwargs``).
    """

    name: str
    call: Callable[..., Any]
    parameters: Mapping[str, Parameter]
    takes_any: bool


def find_target(name: str, extra_targets: Iterable[str] = ()) -> Target:
    """Import a target and read its signature.

    Args:
        name: dotted path, such as ``torch.optim.SGD``.
        extra_targets: prefixes allowed besides ``ALLOWED_TARGETS``.

    Raises:
        ConfigError: the name is not allowed, cannot be imported, or cannot be called.
    """
    if not isinstance(name, str) or name.count(".") == 0:
        raise ConfigError(f"_target_ must be a dotted path such as har.models.x.Y, not {name!r}")
    allowed = (*ALLOWED_TARGETS, *extra_targets)
    _check_allowed(name, name, allowed)
    found = _locate(name)
    if not callable(found):
        raise ConfigError(f"'{name}' is a {type(found).__name__}, not a class or function")
    # An allowed module may itself import others: har.paths.os.system must not slip through.
    home = f"{getattr(found, '__module__', '')}.{getattr(found, '__qualname__', '')}"
    _check_allowed(home, name, allowed)
    parameters, takes_any = _read_signature(found)
    return Target(name, found, parameters, takes_any)


def _check_allowed(full_name: str, name: str, allowed: tuple[str, ...]) -> None:
    if full_name.startswith(allowed):
        return
    meaning = "" if full_name == name else f" (which is {full_name})"
    raise ConfigError(
        f"'{name}'{meaning} is not among the classes a configuration may build: "
        f"{', '.join(prefix + '*' for prefix in allowed)}. If you trust it, allow it with "
        f"extra_targets: [{full_name.split('.')[0]}.]"
    )


def _locate(name: str) -> Any:
    """Import the longest part of a dotted path that is a module; get the rest as attributes."""
    parts = name.split(".")
    module, used = _import_longest(parts[:-1])
    found: Any = module
    for depth, part in enumerate(parts[used:], start=used):
        if not hasattr(found, part):
            parent = ".".join(parts[:depth])
            names = _public_names(found)
            raise ConfigError(
                f"'{name}': {parent} has no '{part}'.{did_you_mean(part, names)} "
                f"It has: {', '.join(names) or 'nothing to build'}"
            )
        found = getattr(found, part)
    return found


def _import_longest(parts: list[str]) -> tuple[ModuleType, int]:
    """Return the deepest module, and how many of the parts led to it."""
    module, used = _import(parts[0]), 1
    while used < len(parts) and hasattr(module, "__path__"):
        if not inspect.ismodule(getattr(module, parts[used], module)):
            break
        module, used = _import(".".join(parts[: used + 1])), used + 1
    return module, used


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise ConfigError(
                f"module {name} needs '{error.name}', which is not installed"
            ) from error
        parent, _, missing = name.rpartition(".")
        names = _submodules(parent)
        raise ConfigError(
            f"there is no module {name}.{did_you_mean(missing, names)}"
            + (f" {parent} has: {', '.join(names)}" if names else "")
        ) from error
    except ImportError as error:
        raise ConfigError(f"module {name} cannot be imported: {error}") from error


def _submodules(package: str) -> list[str]:
    path = getattr(importlib.import_module(package), "__path__", None) if package else None
    return sorted(item.name for item in pkgutil.iter_modules(path)) if path else []


def _public_names(holder: Any) -> list[str]:
    """Return the classes and functions of its own that a module has, and its submodules."""
    own = [
        name
        for name, item in vars(holder).items()
        if not name.startswith("_")
        and callable(item)
        and getattr(item, "__module__", "").startswith(getattr(holder, "__name__", ""))
    ]
    return sorted({*own, *(_submodules(holder.__name__) if inspect.ismodule(holder) else [])})


def _read_signature(call: Callable[..., Any]) -> tuple[dict[str, Parameter], bool]:
    try:
        signature = inspect.signature(call)
    except ValueError:
        return {}, True
    hints = _hints(call)
    named = {
        name: Parameter(hints.get(name, parameter.annotation), parameter.default is parameter.empty)
        for name, parameter in signature.parameters.items()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    }
    takes_any = any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
    return named, takes_any


def _hints(call: Callable[..., Any]) -> dict[str, Any]:
    """Return the annotations of a class's constructor or of a function, if they can be read."""
    function = call.__init__ if inspect.isclass(call) else call
    try:
        return get_type_hints(function, include_extras=True)
    except (NameError, TypeError, AttributeError):
        return {}
