"""The verbs of ``har`` and how their errors reach the user."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from har import __version__
from har.cli import (
    audit,
    benchmark,
    edge,
    evaluate,
    export,
    features,
    fuse,
    import_checkpoint,
    listing,
    live,
    models,
    passed_on,
    poses,
    predict,
    probe,
    quality,
    robustness,
    sweep,
    taxonomy,
)
from har.errors import ConfigError, HarError, did_you_mean

USER_ERROR = 2
INTERRUPTED = 130

Verb = Callable[[Sequence[str]], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a verb; return the exit status.

    0 for success, 2 for an error that the user can mend, told in one message without a traceback,
    130 when interrupted. Any other error is a bug and keeps its traceback.
    """
    arguments = _parser().parse_args(argv)
    try:
        return _verb(arguments.verb)(arguments.rest)
    except HarError as error:
        print(f"error: {error}", file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def print_version(arguments: Sequence[str]) -> int:
    """Print the version of har."""
    argparse.ArgumentParser(prog="har version").parse_args(arguments)
    print(__version__)
    return 0


VERBS: dict[str, tuple[Verb, str]] = {
    "train": (passed_on.train, "train an experiment: har train experiment=<name> [key=value ...]"),
    "evaluate": (evaluate.run, "test a checkpoint: har evaluate ckpt=<file> [key=value ...]"),
    "probe": (probe.run, "read out frozen features simply: har probe ckpt=<file> [knn|linear]"),
    "features": (features.run, "what a frozen video backbone sees: har features out=<folder> ..."),
    "robustness": (robustness.run, "test on corrupted clips: har robustness ckpt=[<file>,<file>]"),
    "export": (export.run, "an ONNX bundle for devices: har export ckpt=<file> out=<folder>"),
    "fuse": (fuse.run, "join the predictions of runs: har fuse runs=[a,b] out=<folder>"),
    "prepare": (passed_on.prepare, "prepare a dataset: har prepare dataset=<name> raw=<path>"),
    "poses": (poses.run, "find the poses in videos: har poses videos=<folder> out=<folder>"),
    "predict": (predict.run, "watch a video: har predict video=<file> ckpt=<file>"),
    "quality": (quality.run, "camera conditions: har quality report data=<store> out=<dir>"),
    "audit": (audit.run, "find wrong labels and duplicates: har audit experiment=<name> out=<dir>"),
    "import": (import_checkpoint.run, "read published weights: har import source=<source> ..."),
    "benchmark": (benchmark.run, "compare methods in one matrix: har benchmark benchmark=<suite>"),
    "report": (benchmark.run_report, "show benchmarks: har report runs=<folder> out=<folder>"),
    "sweep": (sweep.run, "search for settings: har sweep configs/sweep/<name>.yaml --local"),
    "edge": (edge.run, "run a bundle on a stream of poses: har edge run --bundle <dir>"),
    "live": (live.run, "the same with a local web page: har live --bundle <dir>"),
    "bench": (edge.run_bench, "measure a bundle on this machine: har bench <bundle>"),
    "datasets": (listing.datasets, "list the datasets, and which are prepared"),
    "models": (models.run, "list the backbones, with their papers and sizes"),
    "taxonomy": (taxonomy.run, "the concepts of assisted living, and the labels mapped to them"),
    "version": (print_version, "print the version"),
}


def _verb(name: str) -> Verb:
    if name not in VERBS:
        raise ConfigError(
            f"har has no verb '{name}'.{did_you_mean(name, VERBS)} There are: {', '.join(VERBS)}"
        )
    return VERBS[name][0]


def _parser() -> argparse.ArgumentParser:
    width = max(map(len, VERBS))
    lines = "\n".join(f"  {name:<{width}}  {text}" for name, (_, text) in VERBS.items())
    parser = argparse.ArgumentParser(
        prog="har",
        description="Action recognition for assisted living.",
        epilog=f"verbs:\n{lines}\n\n`har <verb> --help` tells more.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("verb", help="what to do, see below")
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="arguments of the verb")
    return parser
