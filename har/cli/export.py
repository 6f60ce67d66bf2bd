"""``har export``: a checkpoint as an ONNX bundle."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from har.cli.key_values import read_bool, read_key_values, read_path, read_whole_number
from har.errors import ConfigError

USAGE = """\
Export a checkpoint as an ONNX bundle: har export ckpt=<file> out=<folder>

  ckpt=<file>       checkpoint of a run
  out=<folder>      of the bundle: model.onnx, bundle.json, model_card.md
  precision=<name>  fp32 (default), fp16 or int8
  labels=<dataset>  whose labels it gives, where the model learnt from several (default: concepts)
  clips=<n>         test clips that prove the graph equal to the model (default 256)
  store=<folder>    the prepared clips, where they are not where the run found them
  hop=<n>           a step-wise graph instead: n frames in, a prediction out, states between;
                    1, or a multiple of the backbone's strides together, which is 4
  graph_every=<n>   with hop=: frames between two times that CTR-GCN's graphs are made anew
                    (default 16)
  any_data=true     prove it on data other than the run's own, too

If the graph does not compute what the model computes, nothing is written."""

REQUIRED = {"ckpt": "ckpt=<file>", "out": "out=<folder>"}


def run(arguments: Sequence[str]) -> int:
    """Export what the arguments say."""
    if any(word in ("-h", "--help") for word in arguments):
        print(USAGE)
        return 0
    settings = read_key_values(arguments, _READERS, REQUIRED)
    if "hop" in settings:
        from har.run.exports.steps import export_steps

        export_steps(**_step_settings(settings))
        return 0
    if "graph_every" in settings:
        raise ConfigError("graph_every= has no meaning without hop=: only steps keep graphs")
    from har.run.exports.bundle import export

    export(**settings)
    return 0


def _step_settings(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    unused = [key for key in ("precision", "labels", "clips") if key in settings]
    if unused:
        raise ConfigError(f"{unused[0]}= has no meaning for a step-wise graph, hop=")
    return settings


def _read_count(text: str) -> int:
    count = read_whole_number(text)
    if count < 1:
        raise ConfigError(f"'{text}' is less than 1")
    return count


_READERS: Mapping[str, Callable[[str], Any]] = {
    "ckpt": read_path,
    "out": read_path,
    "precision": str,
    "labels": str,
    "clips": _read_count,
    "hop": _read_count,
    "graph_every": _read_count,
    "store": read_path,
    "any_data": read_bool,
}
