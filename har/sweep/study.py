"""Runs a sweep on this machine: Optuna proposes, ``train.py`` runs, SQLite remembers."""

import csv
import math
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from har.errors import ConfigError
from har.paths import project_root
from har.record import write_json_atomic
from har.sweep.spec import Parameter, Sweep

if TYPE_CHECKING:
    import optuna

POLL_S = 0.5
STUDY, SUMMARY = "study.db", "summary.json"
RUN_NAME = "run"
METRICS, RESULTS, LOG = "metrics.csv", "results.json", "log.txt"


@dataclass(frozen=True)
class Outcome:
    """What a search found.

    Attributes:
        best: overrides of the best trial.
        score: its metric on the validation part.
        trials: rows of number, state, score and parameters.
    """

    best: tuple[str, ...]
    score: float
    trials: tuple[Mapping[str, Any], ...]
    folder: Path


def run_sweep(sweep: Sweep, out: Path, trials: int | None = None, seed: int = 0) -> Outcome:
    """Run a sweep until it has its number of trials; one that was stopped goes on.

    Args:
        sweep: what to try.
        out: folder of the study and of the trials' runs.
        trials: in all, those of an earlier start included; default the file's ``run_cap``, for a
            grid all of it.
        seed: of the proposals.

    Raises:
        ConfigError: Optuna is not installed, no number of trials is known, or none finished.
    """
    optuna = _import_optuna()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    out.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        study_name=sweep.name,
        storage=f"sqlite:///{(out / STUDY).resolve()}",
        direction="maximize" if sweep.maximise else "minimize",
        sampler=_sampler(sweep, seed),
        pruner=_pruner(sweep),
        load_if_exists=True,
    )
    wanted = trials or sweep.trials or _grid_size(sweep)
    if wanted is None:
        raise ConfigError(f"{sweep.name}: how many trials? Give trials=<n>, or run_cap in the file")
    _give_up_stopped(study)
    while (done := len(_ended(study))) < wanted:
        trial = study.ask()
        state, score = _run_trial(trial, sweep, out / f"trial{trial.number:04d}")
        study.tell(trial, score, state=state)
        print(f"trial {done + 1} of {wanted}: {_told(study.trials[trial.number])}", flush=True)
    return _summarise(study, out)


def _import_optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise ConfigError(
            "har sweep --local needs Optuna: pip install -c constraints.txt -e '.[sweep]'"
        ) from error
    return optuna


def _sampler(sweep: Sweep, seed: int) -> Any:
    optuna = _import_optuna()
    if sweep.method == "grid":
        grid = {p.name: [_text(value) for value in p.values] for p in sweep.parameters}
        return optuna.samplers.GridSampler(grid, seed=seed)
    if sweep.method == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=5)


def _pruner(sweep: Sweep) -> Any:
    optuna = _import_optuna()
    if sweep.early is None:
        return optuna.pruners.NopPruner()
    return optuna.pruners.SuccessiveHalvingPruner(
        min_resource=sweep.early.first, reduction_factor=sweep.early.factor
    )


def _grid_size(sweep: Sweep) -> int | None:
    if sweep.method != "grid":
        return None
    return math.prod(len(parameter.values) for parameter in sweep.parameters)


def _give_up_stopped(study: "optuna.Study") -> None:
    """Close the trial in which an earlier start was killed; it counts as failed."""
    optuna = _import_optuna()
    for trial in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)


def _ended(study: "optuna.Study") -> list[Any]:
    state = _import_optuna().trial.TrialState
    return study.get_trials(states=(state.COMPLETE, state.PRUNED))


def _run_trial(trial: Any, sweep: Sweep, folder: Path) -> tuple[Any, float | None]:
    """Train one proposal, watching its epochs; return the trial's end and its score."""
    state = _import_optuna().trial.TrialState
    overrides = [f"{p.name}={_suggest(trial, p)}" for p in sweep.parameters]
    trial.set_user_attr("overrides", [*sweep.fixed, *overrides])
    command = [
        sys.executable, str(project_root() / sweep.program), *sweep.fixed, *overrides,
        f"name={RUN_NAME}", f"paths.runs={folder.resolve()}", "trainer.progress_bar=false",
    ]  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOG).open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, cwd=project_root(), env=dict(os.environ)
        )
        try:
            pruned = _watch(process, trial, sweep, folder)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    scores = _scores(folder, sweep.metric)
    if pruned:
        return state.PRUNED, None
    finished = any(folder.glob(f"{RUN_NAME}/*/{RESULTS}"))
    if process.returncode != 0 or not finished or not scores:
        _refuse_if_first(trial, folder, sweep)
        return state.FAIL, None
    return state.COMPLETE, (max if sweep.maximise else min)(scores.values())


def _refuse_if_first(trial: Any, folder: Path, sweep: Sweep) -> None:
    """End a sweep whose very first trial fails: the others would fail in the same way."""
    if trial.number == 0:
        lines = (folder / LOG).read_text(encoding="utf-8", errors="replace").strip().splitlines()
        raise ConfigError(
            f"the first trial of {sweep.name} failed ({folder / LOG}):\n" + "\n".join(lines[-15:])
        )


def _watch(process: subprocess.Popen, trial: Any, sweep: Sweep, folder: Path) -> bool:
    """Report the metric of each epoch; return whether the trial was stopped for being weak."""
    reported: set[int] = set()
    while process.poll() is None:
        time.sleep(POLL_S)
        if sweep.early is None:
            continue
        for epoch, score in _scores(folder, sweep.metric).items():
            if epoch not in reported:
                reported.add(epoch)
                trial.report(score, epoch + 1)
                if trial.should_prune():
                    process.terminate()
                    process.wait()
                    return True
    return False


def _scores(folder: Path, metric: str) -> dict[int, float]:
    found = sorted(folder.glob(f"{RUN_NAME}/*/{METRICS}"))
    if not found:
        return {}
    with found[-1].open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {int(row["epoch"]): float(row[metric]) for row in rows if row.get(metric)}


def _suggest(trial: Any, parameter: Parameter) -> str:
    """Return the proposal for a parameter as the text of an override."""
    name, low, high = parameter.name, parameter.low, parameter.high
    if parameter.kind == "constant":
        return _text(parameter.values[0])
    if parameter.kind == "categorical":
        return trial.suggest_categorical(name, [_text(value) for value in parameter.values])
    if parameter.kind == "int_uniform":
        return str(trial.suggest_int(name, int(low), int(high)))
    log = parameter.kind.endswith("log_uniform_values")
    value = trial.suggest_float(name, low, high, log=log, step=None if log else parameter.step)
    if log and parameter.step:
        value = round(value / parameter.step) * parameter.step
    return f"{value:.6g}"


def _text(value: Any) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _told(trial: Any) -> str:
    score = "" if trial.value is None else f" {trial.value:.4f}"
    return f"{trial.state.name.lower()}{score}  {' '.join(trial.user_attrs['overrides'])}"


def _summarise(study: "optuna.Study", out: Path) -> Outcome:
    rows = tuple(
        {
            "number": trial.number,
            "state": trial.state.name.lower(),
            "score": trial.value,
            "parameters": trial.params,
            "overrides": trial.user_attrs.get("overrides", []),
        }
        for trial in study.trials
    )
    if not any(row["state"] == "complete" for row in rows):
        raise ConfigError(f"no trial of {study.study_name} finished; see {out}/trial*/{LOG}")
    best = study.best_trial
    write_json_atomic(out / SUMMARY, {"best": best.number, "score": best.value, "trials": rows})
    assert best.value is not None
    return Outcome(tuple(best.user_attrs["overrides"]), best.value, rows, out)
