"""Who and what a clip's name tells, read with a regular expression that a card gives."""

import re

from har.data.cards import Card
from har.data.formats.raw_files import without_zeros
from har.data.protocols import ATTRIBUTES
from har.errors import BadSampleError, CardError


def compile_name_pattern(card: Card, pattern: str | None) -> re.Pattern[str] | None:
    """Return the pattern of a card's adapter options, or None where there is none.

    Raises:
        CardError: it is no regular expression, or has no groups named after attributes.
    """
    if pattern is None:
        return None
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise CardError(f"{card.name}: name_pattern '{pattern}': {error}") from error
    if not compiled.groupindex or set(compiled.groupindex) - set(ATTRIBUTES):
        raise CardError(
            f"{card.name}: name_pattern '{pattern}' must have named groups among "
            f"{', '.join(ATTRIBUTES)}"
        )
    return compiled


def attributes_in(name: str, pattern: re.Pattern[str] | None) -> dict[str, str]:
    """Return what a name tells: subject, camera, setup and replication, those that it has.

    Raises:
        BadSampleError: the name does not match the pattern from its start.
    """
    if pattern is None:
        return {}
    match = pattern.match(name)
    if match is None:
        raise BadSampleError(name, f"its name does not match name_pattern '{pattern.pattern}'")
    found = {key: value for key, value in match.groupdict().items() if value is not None}
    return {key: without_zeros(v) if v.isdecimal() else v for key, v in found.items()}
