"""``har predict``: what the people in a video do, as a video and as tables."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from har.cli.key_values import read_bool, read_key_values, read_path, read_whole_number
from har.cli.poses import OPTION, read_number, read_options

USAGE = """\
Recognise what people do in a video: har predict video=<file> ckpt=<file>

  video=<file>           the video; its length does not matter
  ckpt=<file>            checkpoint of a model trained on 3D poses
  out=<folder>           where the results go (default: predictions/ beside the video)
  window_sec=<number>    seconds that the model looks at (default: 2)
  stride_sec=<number>    seconds between two looks (default: 0.5)
  estimator=<name>       of the poses: mediapipe (default), rtmlib or mmpose
  estimator.<option>=    an option of the estimator, see docs/poses.md
  people=<count>         most people to follow at a time (default: 2)
  max_fps=<number>       look at no more frames a second (default: 15)
  view_deg=<number>      field of view along the longer side of the picture (default: 60)
  smoothing=<name>       one_euro (default) or none
  privacy=<name>         what the annotated video shows of people: none (default, all), face or
                         person (blurred), silhouette (filled), skeleton (no pixel of the video)
  alarm=<number>         probability from which on a fall raises an alarm (default: 0.5)
  decoder=<name>         of the video (default: auto)
  draw=false             write the tables only"""


def run(arguments: Sequence[str]) -> int:
    """Predict what the arguments say."""
    if any(word in ("-h", "--help") for word in arguments):
        print(USAGE)
        return 0
    request = parse_arguments(arguments)
    from har.run.watch.predicting import PredictRequest, predict_video

    predict_video(PredictRequest(**request))
    return 0


def parse_arguments(arguments: Sequence[str]) -> dict[str, Any]:
    """Read ``key=value`` arguments as the values of ``har.run.watch.predicting.PredictRequest``.

    Raises:
        ConfigError: lists every argument that is unknown, given twice, malformed or missing.
    """
    options = [word for word in arguments if word.startswith(OPTION)]
    rest = [word for word in arguments if not word.startswith(OPTION)]
    given = read_key_values(rest, _READERS, {"video": "video=<file>", "ckpt": "ckpt=<file>"})
    return {**given, "estimator_options": read_options(options)}


_READERS: Mapping[str, Callable[[str], Any]] = {
    "video": read_path,
    "ckpt": read_path,
    "out": read_path,
    "window_sec": read_number,
    "stride_sec": read_number,
    "estimator": str,
    "people": read_whole_number,
    "max_fps": read_number,
    "view_deg": read_number,
    "smoothing": str,
    "privacy": str,
    "alarm": read_number,
    "decoder": str,
    "draw": read_bool,
}
