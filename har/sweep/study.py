"""Runs a sweep on this machine: Optuna proposes, ``train.py`` runs, SQLite remembers."""

import csv
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from har.errors import ConfigError
from har.extras import install_command
from har.paths import project_root
from har.record import write_json_atomic
from har.sweep.spec import Parameter, Sweep

if TYPE_CHECKING:
    import optuna

POLL_S = 0.5
STUDY, SUMMARY = "study.db", "summary.json"
RUN_NAME = "run"
METRICS, RESULTS, LOG = "metrics.csv", "results.json", "log.txt"
SWEEP, ENDED = "sweep", "ended"
"""Notes in the study: what it searches, and which trials came to an end by themselves."""

NOT_OF_SEARCH = ("name", "trials")


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
        trials: in all, those that failed or that an earlier start made included; default the
            file's ``run_cap``. Of a grid no more than it has.
        seed: of the proposals.

    Raises:
        ConfigError: Optuna is not installed, no number of trials is known, none finished, or the
            folder cannot be made or holds a search for something else.
    """
    optuna = _import_optuna()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"out={out} cannot be made: {error.strerror}") from error
    study = optuna.create_study(
        study_name=sweep.name,
        storage=f"sqlite:///{(out / STUDY).resolve()}",
        direction="maximize" if sweep.maximise else "minimize",
        pruner=_pruner(sweep),
        load_if_exists=True,
    )
    wanted = _wanted(sweep, trials)
    _check_same_search(study, sweep, out)
    _give_up_stopped(study)
    while (done := len(_ended(study))) < wanted:
        trial = _ask(study, sweep, seed)
        state, score = _run_trial(trial, sweep, out / f"trial{trial.number:04d}")
        trial.set_user_attr(ENDED, True)
        study.tell(trial, score, state=state)
        print(f"trial {done + 1} of {wanted}: {_told(study.trials[trial.number])}", flush=True)
    return _summarise(study, out)


def _import_optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise ConfigError(f"har sweep --local needs Optuna: {install_command('sweep')}") from error
    return optuna


def _wanted(sweep: Sweep, trials: int | None) -> int:
    wanted = trials or sweep.trials
    if sweep.method == "grid":
        size = len(_grid(sweep))
        return min(wanted or size, size)
    if wanted is None:
        raise ConfigError(f"{sweep.name}: how many trials? Give trials=<n>, or run_cap in the file")
    return wanted


def _check_same_search(study: "optuna.Study", sweep: Sweep, out: Path) -> None:
    """Refuse to go on with a study of other parameters: its trials say nothing about these."""
    search = {key: value for key, value in asdict(sweep).items() if key not in NOT_OF_SEARCH}
    new = {key: json.dumps(value, default=str) for key, value in search.items()}
    old = study.user_attrs.get(SWEEP, new)
    if changed := [key for key in new if old.get(key) != new[key]]:
        raise ConfigError(
            f"{out} has trials of {sweep.name} with other {', '.join(changed)}: go on with the "
            "file as it was, or give another folder with out="
        )
    study.set_user_attr(SWEEP, new)


def _ask(study: "optuna.Study", sweep: Sweep, seed: int) -> "optuna.Trial":
    """Return the next proposal: equal for equal seeds, whether or not the study was stopped."""
    if sweep.method == "grid":
        tried = [trial.params for trial in _ended(study)]
        study.enqueue_trial(next(point for point in _grid(sweep) if point not in tried))
    study.sampler = _sampler(sweep, seed, len(study.trials))
    return study.ask()


def _sampler(sweep: Sweep, seed: int, number: int) -> Any:
    """Return the sampler of one trial; a search that goes on must not draw the same again."""
    optuna = _import_optuna()
    drawn = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    if sweep.method == "bayes":
        return optuna.samplers.TPESampler(seed=drawn, n_startup_trials=5)
    return optuna.samplers.RandomSampler(seed=drawn)


def _grid(sweep: Sweep) -> list[dict[str, str]]:
    """Return all points of a grid; constants are none of a trial's parameters."""
    varied = [p for p in sweep.parameters if p.kind != "constant"]
    names = [p.name for p in varied]
    texts = [[_text(value) for value in p.values] for p in varied]
    return [dict(zip(names, point, strict=True)) for point in product(*texts)]


def _pruner(sweep: Sweep) -> Any:
    optuna = _import_optuna()
    if sweep.early is None:
        return optuna.pruners.NopPruner()
    return optuna.pruners.SuccessiveHalvingPruner(
        min_resource=sweep.early.first, reduction_factor=sweep.early.factor
    )


def _give_up_stopped(study: "optuna.Study") -> None:
    """Close the trial in which an earlier start was killed; it does not count."""
    optuna = _import_optuna()
    for trial in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)


def _ended(study: "optuna.Study") -> list[Any]:
    """Return the trials that were not killed; one that failed by itself would fail again."""
    killed = _import_optuna().trial.TrialState.FAIL
    over = [trial for trial in study.trials if trial.state.is_finished()]
    return [trial for trial in over if trial.state != killed or ENDED in trial.user_attrs]


def _run_trial(trial: Any, sweep: Sweep, folder: Path) -> tuple[Any, float | None]:
    """Train one proposal, watching its epochs; return the trial's end and its score."""
    state = _import_optuna().trial.TrialState
    overrides = [f"{p.name}={_suggest(trial, p)}" for p in sweep.parameters]
    trial.set_user_attr("overrides", [*sweep.fixed, *overrides])
    command = [
        sys.executable, str(project_root() / sweep.program), *sweep.fixed, *overrides,
        f"name={RUN_NAME}", "trainer.progress_bar=false",
    ]  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "HAR_RUNS_DIR": str(folder.resolve())}
    with (folder / LOG).open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, cwd=project_root(), env=environment
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
    scores = {int(row["epoch"]): float(row[metric]) for row in rows if row.get(metric)}
    return {epoch: score for epoch, score in scores.items() if math.isfinite(score)}


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
