"""``har robustness``: tests checkpoints under faults of camera and pose estimator."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from har.cli.key_values import (
    read_bool,
    read_key_values,
    read_list,
    read_path,
    read_whole_number,
)
from har.errors import ConfigError, did_you_mean

USAGE = """\
Test checkpoints on corrupted clips and compare them: har robustness ckpt=[<file>,<file>]

  ckpt=[a,b,...]       checkpoints of runs; one alone needs no brackets
  names=[a,b,...]      of the methods, one a checkpoint (default: those of their experiments)
  baseline=<name>      method that errors are divided by (default: the first)
  out=<folder>         where the outputs go (default: robustness/ in the first run folder)
  corruptions=[a,...]  which ones (default: all that fit the data); list=true tells what there is
  severities=[1,3,5]   of 1 to 5 (default: all)
  clips=<n>            so many of the test clips, chosen at random (default: all)
  seed=<n>             of the corruptions (default 0)
  bootstrap=<n>        resamples for the intervals (default 1000; 0 leaves them out)
  store=<folder>       the prepared clips, where they are not where the runs found them
  any_data=true        test on data other than the runs' own, too

A benchmark that was stopped goes on with the same command."""

BENCHMARK = ("corruptions", "severities", "clips", "seed", "bootstrap")


def run(arguments: Sequence[str]) -> int:
    """Test what the arguments say."""
    if any(word in ("-h", "--help") for word in arguments):
        print(USAGE)
        return 0
    if list(arguments) == ["list=true"]:
        return _list()
    settings = parse_arguments(arguments)
    from har.run.robustness.methods import Benchmark, robustness

    asked = {key: settings.pop(key) for key in BENCHMARK if key in settings}
    robustness(**settings, benchmark=Benchmark(**asked))
    return 0


def parse_arguments(arguments: Sequence[str]) -> dict[str, Any]:
    """Read ``key=value`` arguments of ``robustness`` and its ``Benchmark``.

    Raises:
        ConfigError: lists every argument that is unknown, given twice, malformed or missing.
    """
    settings = read_key_values(arguments, _READERS, {"ckpt": "ckpt=<file>"})
    return {"ckpts": settings.pop("ckpt"), **settings}


def _list() -> int:
    from har.cli.tables import print_table
    from har.quality.corruptions import POSE_CORRUPTIONS, VIDEO_CORRUPTIONS

    for what, kinds in (("poses", POSE_CORRUPTIONS), ("video", VIDEO_CORRUPTIONS)):
        rows = [
            {
                f"corruption of {what}": name,
                "severities 1 to 5": ", ".join(str(level) for level in kind.levels),
                "what they are": kind.parameter,
            }
            for name, kind in kinds.items()
        ]
        print_table(rows)
        print()
    return 0


def _read_checkpoints(text: str) -> list[Path]:
    return [read_path(word) for word in read_list(text)]


def _read_severities(text: str) -> list[int]:
    found = read_list(text)
    if not found or any(word not in ("1", "2", "3", "4", "5") for word in found):
        raise ConfigError(f"severities={text}: give whole numbers from 1 to 5, such as [1,3,5]")
    return sorted({int(word) for word in found})


def _read_corruptions(text: str) -> list[str]:
    from har.quality.corruptions import CORRUPTIONS

    names = read_list(text)
    for name in names:
        if name not in CORRUPTIONS:
            raise ConfigError(
                f"there is no corruption '{name}'.{did_you_mean(name, CORRUPTIONS)} "
                f"There are: {', '.join(CORRUPTIONS)}"
            )
    return names


_READERS: Mapping[str, Callable[[str], Any]] = {
    "ckpt": _read_checkpoints,
    "names": read_list,
    "baseline": str,
    "out": read_path,
    "corruptions": _read_corruptions,
    "severities": _read_severities,
    "clips": read_whole_number,
    "seed": read_whole_number,
    "bootstrap": read_whole_number,
    "store": read_path,
    "any_data": read_bool,
}
