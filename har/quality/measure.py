"""What a measure is: a named number of a clip, its unit, its range, its origin."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeVar

from har.errors import ConfigError, did_you_mean

Kind = Literal["pose", "video"]
Good = Literal["low", "high", "middle", "neither"]


@dataclass(frozen=True, slots=True)
class Measure:
    """Describes one measure; its value is NaN where a clip does not allow to tell.

    Attributes:
        name: of the column, with the unit as its ending where it has one.
        kind: what it is measured on.
        group: what it is about, such as ``light`` or ``visibility``.
        unit: of the values.
        low, high: range of the values; None where open.
        good: which end of the range means a better recording: ``neither`` for facts without a
            better and a worse, ``middle`` where both ends are bad.
        text: what it tells, in one sentence.
        source: publication of the method, or "" for plain statistics.
    """

    name: str
    kind: Kind
    group: str
    unit: str
    low: float | None
    high: float | None
    good: Good
    text: str
    source: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the description as plain JSON types."""
        return asdict(self)


Function = TypeVar("Function", bound=Callable[..., Any])


class Measures:
    """The measures of one kind, each with the function that takes it.

    Functions of poses return (N,) values for N clips; functions of videos one value for one clip.
    """

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.described: dict[str, Measure] = {}
        self.functions: dict[str, Callable[..., Any]] = {}

    def add(
        self,
        name: str,
        group: str,
        unit: str,
        limits: tuple[float | None, float | None],
        good: Good,
        source: str = "",
    ) -> Callable[[Function], Function]:
        """Register a function as a measure; the first line of its docstring is the description."""

        def register(function: Function) -> Function:
            text = (function.__doc__ or "").strip().splitlines()[0].removesuffix(".")
            text = text.replace("``", "").removeprefix("Return the ").removeprefix("Return ")
            self.described[name] = Measure(
                name, self.kind, group, unit, *limits, good, text, source
            )
            self.functions[name] = function
            return function

        return register


def find_measure(name: str, known: Mapping[str, Measure]) -> Measure:
    """Return the description of a measure.

    Raises:
        ConfigError: there is none of this name.
    """
    if name not in known:
        raise ConfigError(
            f"there is no measure '{name}'.{did_you_mean(name, known)} "
            f"There are: {', '.join(sorted(known))}"
        )
    return known[name]
