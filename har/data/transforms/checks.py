"""Checks of the numbers a user gives to transforms, and of the joints they are given."""

from har.errors import ConfigError
from har.samples import Batch


def check_in_unit_interval(owner: str, **values: float) -> None:
    """Raise ConfigError for the first value outside [0, 1]."""
    for name, value in values.items():
        if not 0 <= value <= 1:
            raise ConfigError(f"{owner}: {name}={value} must be in [0, 1]")


def check_not_negative(owner: str, **values: float) -> None:
    """Raise ConfigError for the first negative value."""
    for name, value in values.items():
        if value < 0:
            raise ConfigError(f"{owner}: {name}={value} must not be negative")


def check_positive(owner: str, **values: float) -> None:
    """Raise ConfigError for the first value that is not above zero."""
    for name, value in values.items():
        if value <= 0:
            raise ConfigError(f"{owner}: {name}={value} must be above 0")


def check_choice(owner: str, name: str, value: str, allowed: tuple[str, ...]) -> None:
    """Raise ConfigError unless the value is one of the allowed ones."""
    if value not in allowed:
        raise ConfigError(f"{owner}: {name}='{value}' must be one of {', '.join(allowed)}")


def check_dimensions(owner: str, batch: Batch, dimensions: int) -> None:
    """Raise ConfigError unless the joints have this many coordinates."""
    found = batch.joints.shape[-1]
    if found != dimensions:
        raise ConfigError(
            f"{owner} needs {dimensions}D joints, these are {found}D: choose a transform config "
            f"for {found}D poses"
        )
