"""``har probe``: what simple readouts make of the frozen features of a checkpoint."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from har.cli.key_values import read_bool, read_key_values, read_path

USAGE = """\
Probe the frozen features of a checkpoint: har probe ckpt=<file> [knn|linear]

  knn, linear       nearest neighbours, or a linear layer (default: both)
  ckpt=<file>       checkpoint of a run, or encoder.ckpt of a pre-training
  data=<name>       other clips than those of the run, an option of configs/data
  protocol=<name>   another protocol of the dataset's card
  fold=<name>       of that protocol
  store=<folder>    the prepared clips, where they are not where the run found them
  untrained=true    the same model without its weights, to compare with
  out=<file>        JSON file (default: beside the checkpoint)"""

CLIPS = ("data", "protocol", "fold", "store")


def run(arguments: Sequence[str]) -> int:
    """Probe what the arguments say."""
    if any(word in ("-h", "--help") for word in arguments):
        print(USAGE)
        return 0
    settings = read_arguments(arguments)
    from har.run.probing import ProbeData, probe

    clips = ProbeData(**{key: settings.pop(key) for key in CLIPS if key in settings})
    probe(**settings, clips=clips)
    return 0


def read_arguments(arguments: Sequence[str]) -> dict[str, Any]:
    """Return the settings by key; words without ``=`` are ``kinds``."""
    kinds = tuple(dict.fromkeys(word for word in arguments if "=" not in word))
    others = [word for word in arguments if "=" in word]
    settings = read_key_values(others, _READERS, {"ckpt": "ckpt=<file>"})
    return {**settings, "kinds": kinds} if kinds else settings


_READERS: Mapping[str, Callable[[str], Any]] = {
    "ckpt": read_path,
    "data": str,
    "protocol": str,
    "fold": str,
    "store": read_path,
    "untrained": read_bool,
    "out": read_path,
}
