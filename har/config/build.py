"""Builds what a node of the configuration names. The only place that instantiates from configs."""

import functools
from collections.abc import Mapping
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, ListConfig, OmegaConf

from har.errors import ConfigError, HarError


def build(node: Any, **provided: Any) -> Any:
    """Build the object of a node, with what it contains.

    Args:
        node: a mapping with a ``_target_``; or a list of them, each built with ``provided``; or
            None, which stays None.
        provided: further arguments, handed over as they are. One that the node also has takes the
            place of the node's own, which is then not built.

    Returns:
        The object; or, for a node with ``_partial_: true``, a function that builds it.

    Raises:
        ConfigError: it cannot be built; names the node's path. A HarError of the object's own
            constructor comes through as it is.
    """
    if node is None:
        return None
    path = _path(node)
    plain = _to_plain(node)
    if isinstance(plain, list):
        return [build(item, **provided) for item in plain]
    if not isinstance(plain, Mapping) or "_target_" not in plain:
        raise ConfigError(f"{path or 'node'}: cannot build {plain!r}: it has no _target_")
    settings = {key: value for key, value in plain.items() if key not in provided}
    later = settings.pop("_partial_", False)
    try:
        # Only the config passes through Hydra: it would copy the provided objects, and turn
        # those that are dataclasses into mappings.
        factory = instantiate(settings, _partial_=True, _convert_="all")
        return functools.partial(factory, **provided) if later else factory(**provided)
    except (InstantiationException, ImportError, TypeError, ValueError) as error:
        raise _explained(error, f"{path or 'node'} ({plain['_target_']})") from error


def _path(node: Any) -> str:
    return node._get_full_key(None) if isinstance(node, DictConfig | ListConfig) else ""


def _to_plain(node: Any) -> Any:
    is_config = isinstance(node, DictConfig | ListConfig)
    return OmegaConf.to_container(node, resolve=True) if is_config else node


def _explained(error: Exception, what: str) -> Exception:
    """Return the error to raise: the cause itself unless a user's value is to blame."""
    cause: BaseException = error
    while isinstance(cause, InstantiationException) and cause.__cause__ is not None:
        cause = cause.__cause__
    if isinstance(cause, HarError):
        return cause
    if isinstance(cause, InstantiationException | TypeError | ValueError | ImportError):
        return ConfigError(f"{what} cannot be built: {cause}")
    return cause if isinstance(cause, Exception) else error
