"""``har evaluate``: tests a checkpoint, from what the file itself says."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from har.errors import ConfigError, did_you_mean

USAGE = """\
Test a checkpoint on the protocol it was trained for: har evaluate ckpt=<file>

  ckpt=<file>      checkpoint of a run
  out=<folder>     where the outputs go (default: evaluation/ in the run folder)
  store=<folder>   the prepared clips, where they are not where the run found them
  any_data=true    test on data other than the run's own, too"""


def run(arguments: Sequence[str]) -> int:
    """Evaluate what the arguments say."""
    if any(word in ("-h", "--help") for word in arguments):
        print(USAGE)
        return 0
    settings = parse_arguments(arguments)
    from har.run import evaluate

    evaluate(**settings)
    return 0


def parse_arguments(arguments: Sequence[str]) -> dict[str, Any]:
    """Read ``key=value`` arguments as the keyword arguments of ``har.run.evaluate``.

    Raises:
        ConfigError: lists every argument that is unknown, given twice, malformed or missing.
    """
    problems: list[str] = []
    settings: dict[str, Any] = {}
    for word in arguments:
        key, _, text = word.partition("=")
        try:
            settings[key] = _read(key, text, settings)
        except ConfigError as error:
            problems.append(str(error))
    if not any(word.startswith("ckpt=") for word in arguments):
        problems.append("ckpt=<file> is missing")
    if problems:
        raise ConfigError("\n  - ".join(["the command cannot be run:", *problems]))
    return settings


def _read(key: str, text: str, known: Mapping[str, Any]) -> Any:
    if key not in _READERS:
        raise ConfigError(
            f"'{key}' is no key of this command.{did_you_mean(key, _READERS)} "
            f"There are: {', '.join(_READERS)}"
        )
    if key in known:
        raise ConfigError(f"{key}= is given twice")
    if not text:
        raise ConfigError(f"{key} needs a value: {key}=<value>")
    return _READERS[key](text)


def _read_path(text: str) -> Path:
    return Path(text).expanduser()


def _read_bool(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ConfigError(f"'{text}' is neither true nor false")
    return text.lower() == "true"


_READERS: Mapping[str, Callable[[str], Any]] = {
    "ckpt": _read_path,
    "out": _read_path,
    "store": _read_path,
    "any_data": _read_bool,
}
