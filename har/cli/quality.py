"""``har quality``: measures of recordings, limits from good clips, and the report of a dataset."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from har.cli.key_values import read_key_values, read_path, read_whole_number
from har.cli.tables import print_json, print_table, wants_json
from har.errors import ConfigError, did_you_mean

USAGE = """\
Camera conditions of a dataset.

  har quality measures [--json]
      lists what is measured, on poses and on videos
  har quality report data=<clip store or videos> out=<folder> [against=<clip store or videos>]
                     [quality=<rules>] [worst=12] [unit=clip]
      distributions, covered conditions, worst clips, and a comparison, as a page and as JSON
  har quality calibrate data=<good clips> out=<file.yaml> [keep=99] [action=drop] [unit=clip]
      rules that accept these clips, and what is like them
  har quality match source=<training store> target=<store> out=<file.yaml> [base=kinect3d_gravity]
      a transform group that augments training clips to the conditions of the target

In training: har train ... quality=default|strict|off, or rules of your own in configs/quality."""


def run(arguments: Sequence[str]) -> int:
    """Do what the first argument names."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE)
        return 0
    name, *rest = arguments
    if name not in _COMMANDS:
        raise ConfigError(
            f"har quality has no '{name}'.{did_you_mean(name, _COMMANDS)} "
            f"There are: {', '.join(_COMMANDS)}"
        )
    if any(word in ("-h", "--help") for word in rest):
        print(USAGE)
        return 0
    _COMMANDS[name](rest)
    return 0


def list_measures(arguments: Sequence[str]) -> None:
    """Print all measures."""
    from har.quality.pose_pass import pose_measures
    from har.quality.video_pass import video_measures

    found = [*pose_measures().values(), *video_measures().values()]
    if wants_json("quality measures", "List the measures.", arguments):
        print_json([measure.as_dict() for measure in found])
        return
    print_table(
        [
            {
                "measure": measure.name,
                "on": measure.kind,
                "unit": measure.unit,
                "range": f"{_end(measure.low)} to {_end(measure.high)}",
                "good": measure.good,
                "what it tells": measure.text,
            }
            for measure in found
        ]
    )


def report(arguments: Sequence[str]) -> None:
    """Write the report of a dataset."""
    from har.run.quality.report import quality_report

    quality_report(**_read("report", arguments))


def calibrate(arguments: Sequence[str]) -> None:
    """Write rules from good clips."""
    from har.run.quality.report import calibrate as write_rules

    write_rules(**_read("calibrate", arguments))


def match(arguments: Sequence[str]) -> None:
    """Write a transform group from measured conditions."""
    from har.run.quality.report import match as write_transforms

    write_transforms(**_read("match", arguments))


def _read(command: str, arguments: Sequence[str]) -> dict[str, Any]:
    readers = _READERS[command]
    paths = [key for key, read in readers.items() if read is read_path and key != "against"]
    return read_key_values(arguments, readers, {key: f"{key}=<path>" for key in paths})


def _read_number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise ConfigError(f"'{text}' is no number") from error


def _end(value: float | None) -> str:
    return "open" if value is None else f"{value:g}"


_COMMANDS: Mapping[str, Callable[[Sequence[str]], None]] = {
    "measures": list_measures,
    "report": report,
    "calibrate": calibrate,
    "match": match,
}
_READERS: Mapping[str, Mapping[str, Callable[[str], Any]]] = {
    "report": {
        "data": read_path,
        "out": read_path,
        "against": read_path,
        "quality": str,
        "worst": read_whole_number,
        "unit": str,
    },
    "calibrate": {
        "data": read_path,
        "out": read_path,
        "keep": _read_number,
        "action": str,
        "unit": str,
    },
    "match": {"source": read_path, "target": read_path, "out": read_path, "base": str},
}
