"""``har benchmark`` and ``har report``: compares methods in one matrix, and shows the result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from har.cli.key_values import (
    read_bool,
    read_key_values,
    read_list,
    read_path,
    read_whole_number,
)
from har.errors import ConfigError

if TYPE_CHECKING:
    from har.benchmark.runner import Plan

PLANNED = ("keep_older_code", "only", "measure")

USAGE = """\
Compare methods on the same tasks, measured the same way: har benchmark benchmark=<suite>

  benchmark=<suite>    a suite of configs/benchmark, or the path of a YAML file
  out=<folder>         results (default runs/benchmark/<suite>); goes on with what is there
  launcher=<name>      local (default); or Hydra's: joblib, submitit_local, submitit_slurm, ray
  jobs=<n>             cells at the same time (default 1; with gpus, one for each)
  gpus=[0,1]           numbers of the GPUs that local jobs share (default: what torch sees)
  only=[a,b]           only cells whose name holds one of these words
  keep_older_code=true also take finished cells that earlier code made
  measure=[a,b]        take latency, onnx, robustness, to_target in place of what the suite
                       says; [] takes none
  remeasure=true       measure the finished cells, and run none; what is not asked for stays
  dry_run=true         list the cells and stop

A killed benchmark goes on with the same command; finished cells are not run again, unless their
configuration, the code or the data changed."""

REPORT_USAGE = """\
Show the cells of one or more benchmarks: har report runs=<folder> out=<folder>

  runs=<folder>  out= of har benchmark, or several as [a,b]
  out=<folder>   for index.html, leaderboard.csv, leaderboard.md, leaderboard.tex and
                 leaderboard.json"""


def run(arguments: Sequence[str]) -> int:
    """Run or go on with a benchmark, and write its report."""
    if _asks_for_help(arguments, USAGE):
        return 0
    settings = read_key_values(arguments, _READERS, {"benchmark": "benchmark=<suite>"})
    from har.benchmark.runner import plan_suite, remeasure, run_plan
    from har.benchmark.suite import load_suite

    suite = load_suite(settings["benchmark"])
    out = settings.get("out") or default_folder() / suite.name
    chosen = {
        key: settings[key] for key in ("keep_older_code", "only", "measure") if key in settings
    }
    plan = plan_suite(suite, out, **chosen)
    print(_describe(plan))
    if settings.get("dry_run"):
        return 0
    if settings.get("remeasure"):
        remeasure(plan)
        _report([out], out / "report")
        return 0
    gpus = settings.get("gpus", _visible_gpus())
    jobs = settings.get("jobs") or max(1, len(gpus))
    failed = run_plan(plan, settings.get("launcher", "local"), jobs, gpus)
    for cell in failed:
        told = cell.record.get("error") or "it did not finish"
        print(f"failed: {cell.job.name}: {told} ({cell.folder}/log.txt)")
    for name, reason in plan.refused.items():
        print(f"not run: {name}: {reason}")
    _report([out], out / "report")
    return 1 if failed or plan.refused else 0


def run_report(arguments: Sequence[str]) -> int:
    """Write the report of benchmarks that ran."""
    if _asks_for_help(arguments, REPORT_USAGE):
        return 0
    readers = {"runs": read_list, "out": read_path}
    settings = read_key_values(arguments, readers, {"runs": "runs=<folder>", "out": "out=<folder>"})
    if not settings["runs"]:
        raise ConfigError("runs=[]: give the folder of a benchmark, or several as [a,b]")
    _report([Path(text).expanduser() for text in settings["runs"]], settings["out"])
    return 0


def default_folder() -> Path:
    """Return where benchmarks lie if ``out`` says nothing else."""
    import os

    return Path(os.environ.get("HAR_RUNS_DIR", "runs")) / "benchmark"


def _report(runs: Sequence[Path], out: Path) -> None:
    from har.benchmark.report import write_report

    print(write_report(runs, out))
    print(f"report: {out / 'index.html'}")


def _describe(plan: Plan) -> str:
    done = len(plan.cells) - len(plan.open_cells)
    lines = [f"{plan.suite.title}: {len(plan.cells)} cells, {done} finished before; {plan.folder}"]
    lines += [f"  {cell.status:<8}  {cell.job.name}" for cell in plan.cells]
    return "\n".join(lines)


def _visible_gpus() -> list[str]:
    """Return the GPUs that this process may use, by the names that its children know them by."""
    import os

    import torch

    count = torch.cuda.device_count()
    named = read_list(os.environ.get("CUDA_VISIBLE_DEVICES", ""))
    return (named or [str(number) for number in range(count)])[:count]


def _asks_for_help(arguments: Sequence[str], usage: str) -> bool:
    if any(word in ("-h", "--help") for word in arguments):
        print(usage)
        return True
    return False


def _read_jobs(text: str) -> int:
    jobs = read_whole_number(text)
    if jobs < 1:
        raise ConfigError("jobs=0: give 1 or more")
    return jobs


_READERS: Mapping[str, Callable[[str], Any]] = {
    "benchmark": str,
    "out": read_path,
    "launcher": str,
    "jobs": _read_jobs,
    "gpus": read_list,
    "only": read_list,
    "measure": read_list,
    "keep_older_code": read_bool,
    "remeasure": read_bool,
    "dry_run": read_bool,
}
