"""Packages that only some users need, imported when they are first used."""

import importlib
from types import ModuleType

from har.errors import ConfigError


def require(module: str, extra: str) -> ModuleType:
    """Import a module, or say which extra of har brings it.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.split(".")[0]:
            raise
        raise ConfigError(
            f"'{error.name}' is not installed: in the checkout of har, {install_command(extra)}"
        ) from error


def install_command(extra: str) -> str:
    """Return the command that installs an extra, run in the checkout."""
    return f"pip install -c constraints.txt -e '.[{extra}]'"
