"""``har evaluate``: tests a checkpoint, from what the file itself says."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from har.cli.key_values import read_bool, read_key_values, read_path

USAGE = """\
Test a checkpoint on the protocol it was trained for: har evaluate ckpt=<file>

  ckpt=<file>      checkpoint of a run
  out=<folder>     where the outputs go (default: evaluation/ in the run folder)
  store=<folder>   the prepared clips, where they are not where the run found them
  any_data=true    test on data other than the run's own, too
  absent=<name>    test a model of poses and video without its "pose" or its "video"
                   input"""


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
    return read_key_values(arguments, _READERS, {"ckpt": "ckpt=<file>"})


_READERS: Mapping[str, Callable[[str], Any]] = {
    "ckpt": read_path,
    "out": read_path,
    "store": read_path,
    "any_data": read_bool,
    "absent": str,
}
