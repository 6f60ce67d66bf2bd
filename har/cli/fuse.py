"""``har fuse``: joins the predictions of several runs."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from har.cli.key_values import read_key_values, read_list, read_path, read_whole_number
from har.errors import ConfigError

USAGE = """\
Join the test predictions of runs on the same clips: har fuse runs=[<folder>,<folder>] out=<folder>

  runs=[a,b,...]     run folders, such as those of four streams
  out=<folder>       where predictions, results and pictures go
  weights=[2,2,1,1]  one a run (default: all equal); or tuned, for the best mean of probabilities,
                     or learned, for the best mean of log-probabilities with a temperature: both by
                     log-loss on the runs' validation predictions
  bootstrap=<n>      resamples for the intervals (default 1000; 0 leaves them out)"""

WORDS = ("tuned", "learned")


def run(arguments: Sequence[str]) -> int:
    """Fuse what the arguments say."""
    if any(word in ("-h", "--help") for word in arguments):
        print(USAGE)
        return 0
    settings = parse_arguments(arguments)
    from har.run.fusing import fuse_runs

    fuse_runs(**settings)
    return 0


def parse_arguments(arguments: Sequence[str]) -> dict[str, Any]:
    """Read ``key=value`` arguments as the keyword arguments of ``har.run.fusing.fuse_runs``.

    Raises:
        ConfigError: lists every argument that is unknown, given twice, malformed or missing.
    """
    required = {"runs": "runs=[<folder>,<folder>]", "out": "out=<folder>"}
    return read_key_values(arguments, _READERS, required)


def _read_runs(text: str) -> list[Path]:
    folders = [read_path(word) for word in read_list(text)]
    if len(folders) < 2:
        raise ConfigError(f"runs={text}: fusion needs at least 2 run folders")
    return folders


def _read_weights(text: str) -> list[float] | str:
    if text in WORDS:
        return text
    try:
        return [float(word) for word in read_list(text)]
    except ValueError:
        raise ConfigError(
            f"weights={text}: give {' or '.join(WORDS)}, or one number a run, such as [2,2,1,1]"
        ) from None


_READERS: Mapping[str, Callable[[str], Any]] = {
    "runs": _read_runs,
    "out": read_path,
    "weights": _read_weights,
    "bootstrap": read_whole_number,
}
