"""``har audit``: looks for wrong labels, duplicates and gaps in a dataset."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from har.errors import ConfigError, did_you_mean

USAGE = """\
Audit the labels of a dataset. Three ways:

  har audit experiment=<name> out=<folder> [folds=5] [by=subject] [fold_seed=0] [key=value ...]
      trains one model a fold and audits with its predictions; key=value are those of har train.
      The same command goes on with an audit that was stopped.
  har audit predictions=<file> store=<folder> out=<folder> [protocol=<name>] [fold=<name>]
      audits with predictions of models that were not trained on the clips they predict;
      card=<name or file> names the dataset, where the store's own name is not known
  har audit first=<csv> [second=<csv>] out=<folder> [rate=10]
      compares the timed labels of two annotators, and lists overlaps within each file

The first two also take:
  top=100                suspects to draw on the page
  score=<name>           self_confidence, normalized_margin or confidence_weighted_entropy
  pruning=<name>         none, both, prune_by_class, prune_by_noise_rate or confident_learning
  adjusted=true|false    correct for classes that the model is surer of
  duplicate_threshold=   largest distance of near-duplicates, default from the data
  folds=all              leaves out one subject at a time"""


@dataclass(frozen=True)
class Request:
    """What a command line asks for.

    Attributes:
        way: ``train``, ``predictions`` or ``segments``.
        settings: values of the command's own keys.
        overrides: what is left for the configuration.
    """

    way: str
    settings: Mapping[str, Any]
    overrides: tuple[str, ...] = ()


def run(arguments: Sequence[str]) -> int:
    """Audit what the arguments say."""
    if any(word in ("-h", "--help") for word in arguments):
        print(USAGE)
        return 0
    request = parse_arguments(arguments)
    if request.way == "segments":
        from har.audit.segment_files import compare_files

        compare_files(**request.settings)
        print(f"agreement: {request.settings['out']}")
    elif request.way == "predictions":
        from har.run.audit import audit_predictions

        audit_predictions(**_with_options(request.settings))
    else:
        _train(request)
    return 0


def parse_arguments(arguments: Sequence[str]) -> Request:
    """Read ``key=value`` arguments.

    Raises:
        ConfigError: lists every argument that is unknown, given twice, malformed or missing.
    """
    given = {word.partition("=")[0] for word in arguments}
    way = next((way for way, key in _MARKS.items() if key in given), "train")
    readers = _READERS[way]
    problems: list[str] = []
    settings: dict[str, Any] = {}
    overrides: list[str] = []
    for word in arguments:
        key, _, text = word.partition("=")
        if key not in readers and way == "train":
            overrides.append(word)
            continue
        try:
            settings[key] = _read(key, text, settings, readers)
        except (ConfigError, ValueError) as error:
            problems.append(str(error))
    required = ("out", "store") if way == "predictions" else ("out",)
    problems += [f"{key}=<folder> is missing" for key in required if key not in given]
    if problems:
        raise ConfigError("\n  - ".join(["the command cannot be run:", *problems]))
    return Request(way, {_NAMES.get(k, k): v for k, v in settings.items()}, tuple(overrides))


def _train(request: Request) -> None:
    from har.config.compose import compose, to_plain
    from har.config.overrides import explain_overrides
    from har.run.audit import audit

    explain_overrides(request.overrides)
    config = to_plain(compose(request.overrides))
    audit(config, **_with_options(request.settings))


def _with_options(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Gather the choices of the audit in one object."""
    from har.audit.report import AuditOptions
    from har.audit.suspects import Ranking

    ranking = {key: settings[key] for key in _RANKING if key in settings}
    options = {key: settings[key] for key in _OPTIONS if key in settings}
    rest = {key: v for key, v in settings.items() if key not in (*_RANKING, *_OPTIONS)}
    return {**rest, "options": AuditOptions(ranking=Ranking(**ranking), **options)}


def _read(
    key: str, text: str, known: Mapping[str, Any], readers: Mapping[str, Callable[[str], Any]]
) -> Any:
    if key not in readers:
        raise ConfigError(
            f"'{key}' is no key of this command.{did_you_mean(key, readers)} "
            f"There are: {', '.join(readers)}"
        )
    if key in known:
        raise ConfigError(f"{key}= is given twice")
    if not text:
        raise ConfigError(f"{key} needs a value: {key}=<value>")
    try:
        return readers[key](text)
    except ValueError as error:
        raise ConfigError(f"{key}={text}: {error}") from error


def _read_path(text: str) -> Path:
    return Path(text).expanduser()


def _read_bool(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError("neither true nor false")
    return text.lower() == "true"


def _read_count(text: str) -> int:
    if not text.isdecimal():
        raise ValueError("not a whole number")
    return int(text)


def _read_number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError("not a number") from None
    if not 0 <= value < float("inf"):
        raise ValueError("not a number of 0 or more")
    return value


def _read_folds(text: str) -> int | str:
    return text if text == "all" else _read_count(text)


_MARKS = {"predictions": "predictions", "segments": "first"}
_NAMES = {"rate": "frames_a_second"}
_RANKING: Mapping[str, Callable[[str], Any]] = {
    "score": str,
    "pruning": str,
    "adjusted": _read_bool,
}
_OPTIONS: Mapping[str, Callable[[str], Any]] = {
    "top": _read_count,
    "duplicate_threshold": _read_number,
}
_READERS: Mapping[str, Mapping[str, Callable[[str], Any]]] = {
    "train": {
        "out": _read_path,
        "folds": _read_folds,
        "by": str,
        "fold_seed": _read_count,
        **_RANKING,
        **_OPTIONS,
    },
    "predictions": {
        "predictions": _read_path,
        "store": _read_path,
        "out": _read_path,
        "protocol": str,
        "fold": str,
        "card": str,
        **_RANKING,
        **_OPTIONS,
    },
    "segments": {
        "first": _read_path,
        "second": _read_path,
        "out": _read_path,
        "rate": _read_number,
    },
}
