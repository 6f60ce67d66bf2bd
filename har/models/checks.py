"""Checks of the sizes that a configuration gives a model, told by the name of the setting."""

from har.errors import ConfigError


def check_least(least: int = 1, **sizes: int) -> None:
    """Check that no size is too small.

    Raises:
        ConfigError: names the first that is.
    """
    for name, size in sizes.items():
        if size < least:
            raise ConfigError(f"{name} is {size}; give {least} or more.")


def check_odd(**sizes: int) -> None:
    """Check sizes of what looks as far to either side.

    Raises:
        ConfigError: names the first that is not odd.
    """
    for name, size in sizes.items():
        if size < 1 or size % 2 == 0:
            raise ConfigError(f"{name} is {size}; give an odd number.")


def check_multiple(of: int, **sizes: int) -> None:
    """Check that sizes can be divided.

    Raises:
        ConfigError: names the first that cannot.
    """
    for name, size in sizes.items():
        if size < 1 or size % of:
            raise ConfigError(f"{name} is {size}; give a multiple of {of}.")
