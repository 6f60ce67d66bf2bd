"""``har features``: what a frozen video backbone makes of every clip, kept for probes."""

from collections.abc import Sequence
from pathlib import Path

from har.errors import ConfigError

USAGE = """\
Compute the features of all clips of a dataset of videos, once, with a backbone as it is:

  har features out=<folder> experiment=<name> [model/backbone=<name>] [key=value ...]

Then train what reads them out, at a small part of the cost of training on videos:

  har train experiment=<name> data.video.features=<folder>                    a linear probe
  har train experiment=<name> data.video.features=<folder> model/temporal=attention ...

  out=<folder>      where the features go
  key=value         anything that har train understands; the test sampling and test crop count"""


def run(arguments: Sequence[str]) -> int:
    """Compute the features that the arguments ask for."""
    if any(word in ("-h", "--help") for word in arguments):
        print(USAGE)
        return 0
    places = [word.removeprefix("out=") for word in arguments if word.startswith("out=")]
    if len(places) != 1 or not places[0]:
        raise ConfigError("the command cannot be run:\n  - out=<folder> is missing or given twice")
    from har.config.compose import compose, to_plain
    from har.run.video_features import extract_features

    overrides = [word for word in arguments if not word.startswith("out=")]
    folder = Path(places[0]).expanduser()
    shape = extract_features(to_plain(compose(overrides)), folder)
    print(f"{folder}: features of {shape[0]} clips, {' x '.join(map(str, shape[1:]))} each")
    return 0
