"""``har import``: makes a published checkpoint one of this project."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from har.cli.key_values import read_key_values, read_list, read_path, read_whole_number
from har.errors import ConfigError

if TYPE_CHECKING:
    from har.run.importing import Import

USAGE = """\
Convert the weights that other code published: har import source=<source> file=<file> \
model=<backbone> out=<file>

  source=<source>  whose code wrote it: pyskl, mmaction2, or of the authors: ctrgcn, agcn2s, msg3d,
                   protogcn
  file=<file>      the published checkpoint; only its weights are read, nothing in it is run
  model=<name>     backbone, see `har models`
  out=<file>       where the checkpoint goes; <file>.report.txt tells what became of each tensor
  layout=<name>    joint layout of the poses (default: that of the dataset)
  classes=<n>      how many classes the head must have
  drop=[<start>]   starts of the names of tensors to do without; any others left over are refused
  <key>=<value>    of the configuration, as for training: data=ntu60 protocol=xsub stream=bone
                   (default for 60 and 120 classes: NTU RGB+D)

Then: har evaluate ckpt=<file> store=<folder> any_data=true, or har train ... weights=<file>"""


def run(arguments: Sequence[str]) -> int:
    """Import what the arguments say."""
    if any(word in ("-h", "--help") for word in arguments):
        print(USAGE)
        return 0
    settings = parse_arguments(arguments)
    from har.run.importing import import_checkpoint

    print(summary(import_checkpoint(**settings)))
    return 0


def parse_arguments(arguments: Sequence[str]) -> dict[str, Any]:
    """Read the arguments as those of ``har.run.importing.import_checkpoint``.

    Raises:
        ConfigError: lists every argument that is given twice, malformed or missing.
    """
    own = [word for word in arguments if word.partition("=")[0] in _READERS or "=" not in word]
    settings = read_key_values(own, _READERS, _REQUIRED)
    return {**settings, "overrides": [word for word in arguments if word not in own]}


def summary(done: Import) -> str:
    """Return what was done, in a few lines."""
    conversion = done.conversion
    changed = sum(taken.how != "as it is" for taken in conversion.taken)
    lines = [
        f"{len(conversion.taken)} tensors taken, {changed} of them in another shape; "
        f"{len(conversion.kept)} kept from the model; {len(conversion.unused)} not used"
    ]
    lines += [f"  not used: {name}" for name in conversion.unused]
    lines += [
        f"checkpoint: {done.path}",
        f"every tensor: {done.report}",
        f"to train on: har train ... {' '.join(done.settings)} weights={done.path}",
    ]
    return "\n".join(lines)


def _read_classes(text: str) -> int:
    count = read_whole_number(text)
    if count < 1:
        raise ConfigError(f"classes={text}: give 1 or more")
    return count


_READERS: Mapping[str, Callable[[str], Any]] = {
    "source": str,
    "file": read_path,
    "model": str,
    "out": read_path,
    "layout": str,
    "classes": _read_classes,
    "drop": read_list,
}
_REQUIRED = {
    "source": "source=<source>",
    "file": "file=<file>",
    "model": "model=<backbone>",
    "out": "out=<file>",
}
