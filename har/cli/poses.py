"""``har poses``: poses of the people in a folder of videos."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from har.cli.key_values import read_bool, read_key_values, read_path, read_whole_number
from har.errors import ConfigError

USAGE = """\
Extract the poses of a folder of videos: har poses videos=<folder> out=<folder>

  videos=<folder>         the videos, also in folders within it
  out=<folder>            where the clip store goes; videos.csv in it tells of each video
  estimator=<name>        mediapipe (default), rtmlib or mmpose
  estimator.<option>=     an option of the estimator, see docs/poses.md
  dataset=<name>          a dataset made from videos, such as gmdcsa24_pose, with its labels
  segments=<csv>          timed labels of your own videos: recording,start_sec,end_sec,label
  people=<count>          most people to keep of a video (default: 2)
  max_fps=<number>        look at no more frames a second (default: 30)
  coordinates=<name>      camera (default), hips or image
  view_deg=<number>       field of view along the longer side of the picture (default: 60)
  smoothing=<name>        none (default), one_euro or savgol
  memory_sec=<number>     longest absence after which a person is still the same (default: 2)
  fill_gap_sec=<number>   longest absence that is interpolated (default: 0.5)
  min_track_sec=<number>  leave out people who are seen for a shorter time (default: 0.5)
  decoder=<name>          of the videos (default: auto)
  workers=<count>         processes (default: one a core, at most 8)
  launcher=ray            write with Ray Data, on all machines of its cluster
  pyskl=<file>            also write a pickle as PYSKL reads it
  force=true              extract anew though it is done

No pixel is stored. It can be stopped at any time: the same command goes on where it stopped."""

SETTINGS = (
    "people", "max_fps", "coordinates", "view_deg", "memory_sec", "fill_gap_sec", "min_track_sec",
    "smoothing",
)  # fmt: skip
OPTION = "estimator."


def run(arguments: Sequence[str]) -> int:
    """Extract what the arguments say."""
    if any(word in ("-h", "--help") for word in arguments):
        print(USAGE)
        return 0
    request = parse_arguments(arguments)
    from har.run.poses import PoseRequest, extract

    extract(PoseRequest(**request))
    return 0


def parse_arguments(arguments: Sequence[str]) -> dict[str, Any]:
    """Read ``key=value`` arguments as the values of ``har.run.poses.PoseRequest``.

    Raises:
        ConfigError: lists every argument that is unknown, given twice, malformed or missing.
    """
    options = [word for word in arguments if word.startswith(OPTION)]
    rest = [word for word in arguments if not word.startswith(OPTION)]
    needed = {"videos": "videos=<folder>", "out": "out=<folder>"}
    given = read_key_values(rest, _READERS, needed)
    given["settings"] = {key: given.pop(key) for key in SETTINGS if key in given}
    given["estimator_options"] = read_options(options)
    return given


def read_options(words: Sequence[str]) -> dict[str, Any]:
    """Return the options of the estimator; values are written as in YAML."""
    import yaml

    options = {}
    for word in words:
        key, _, text = word.removeprefix(OPTION).partition("=")
        try:
            options[key] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ConfigError(f"{word} is not a value as YAML writes it") from error
    return options


def read_number(text: str) -> float:
    """Return a number of 0 or more.

    Raises:
        ConfigError: the text is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value < float("inf"):
        raise ConfigError(f"'{text}' is no number of 0 or more")
    return value


_READERS: Mapping[str, Callable[[str], Any]] = {
    "videos": read_path,
    "out": read_path,
    "estimator": str,
    "dataset": str,
    "segments": read_path,
    "decoder": str,
    "workers": read_whole_number,
    "launcher": str,
    "pyskl": read_path,
    "force": read_bool,
    "people": read_whole_number,
    "max_fps": read_number,
    "coordinates": str,
    "view_deg": read_number,
    "memory_sec": read_number,
    "fill_gap_sec": read_number,
    "min_track_sec": read_number,
    "smoothing": str,
}
