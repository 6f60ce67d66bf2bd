"""``har sweep``: a search for hyper-parameters, from a W&B sweep file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from har.cli.key_values import read_key_values, read_path, read_whole_number
from har.cli.tables import print_table
from har.errors import ConfigError

if TYPE_CHECKING:
    from har.sweep.study import Outcome

USAGE = """\
Search for hyper-parameters: har sweep configs/sweep/<name>.yaml --local

  --local       on this machine, without a server; the other way is `wandb sweep <file>`
  trials=<n>    in all (default: run_cap of the file); the same folder goes on where it was
  out=<folder>  study and runs (default runs/sweep/<name of the file>)
  seed=<n>      of the proposals (default 0)

The metric is one of the validation part; weak trials are stopped early where the file says so."""


def run(arguments: Sequence[str]) -> int:
    """Run a sweep file."""
    if any(word in ("-h", "--help") for word in arguments):
        print(USAGE)
        return 0
    files = [word for word in arguments if "=" not in word and not word.startswith("-")]
    flags = [word for word in arguments if word.startswith("-")]
    if len(files) != 1 or flags != ["--local"]:
        raise ConfigError(
            "give one sweep file and --local: har sweep configs/sweep/<name>.yaml --local. Without "
            "--local, W&B runs the same file: wandb sweep <file>, then wandb agent <sweep>"
        )
    settings = read_key_values([word for word in arguments if "=" in word], _READERS, {})
    from har.sweep.spec import read_sweep
    from har.sweep.study import run_sweep

    path = Path(files[0])
    out = settings.get("out") or _runs() / "sweep" / path.stem
    outcome = run_sweep(read_sweep(path), out, settings.get("trials"), settings.get("seed", 0))
    _print(outcome)
    return 0


def _runs() -> Path:
    import os

    return Path(os.environ.get("HAR_RUNS_DIR", "runs"))


def _print(outcome: Outcome) -> None:
    rows = [
        {
            "trial": str(trial["number"]),
            "end": trial["state"],
            "score": "" if trial["score"] is None else f"{trial['score']:.4f}",
            "parameters": " ".join(f"{key}={value}" for key, value in trial["parameters"].items()),
        }
        for trial in outcome.trials
    ]
    print_table(rows)
    print(f"best: {' '.join(outcome.best)}")
    print(f"study: {outcome.folder}")


_READERS: Mapping[str, Callable[[str], Any]] = {
    "trials": read_whole_number,
    "out": read_path,
    "seed": read_whole_number,
}
