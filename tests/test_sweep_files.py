import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from har.config.compose import compose, config_dir
from har.config.overrides import explain_overrides
from har.errors import ConfigError
from har.sweep.spec import Parameter, Sweep, read_sweep
from har.sweep.study import run_sweep

SHIPPED = sorted((config_dir() / "sweep").glob("*.yaml"))
COMMAND = 'command: ["${env}", python, "${program}", experiment=smoke, "${args_no_hyphens}"]\n'


def first_try(parameter: Parameter) -> str:
    value = parameter.values[0] if parameter.values else parameter.low
    return f"{parameter.name}={value}"


def test_there_are_sweeps():
    assert SHIPPED


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_sweeps_are_valid_and_their_keys_exist(path):
    sweep = read_sweep(path)
    overrides = [*sweep.fixed, *map(first_try, sweep.parameters)]
    explain_overrides(overrides)
    config = compose(overrides)
    assert config.protocol.validation is not None
    assert sweep.metric == config.checkpoint.monitor or sweep.metric.startswith("val/")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_sweeps_are_valid_for_wandb(path):
    config = pytest.importorskip("sweeps.config", reason="needs W&B's package sweeps")
    content = yaml.safe_load(path.read_text())
    assert config.schema_violations_from_proposed_config(content) == []


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_all_mistakes_are_told(tmp_path):
    path = write(
        tmp_path / "bad.yaml",
        "program: main.py\nmethod: magic\nmetric: {name: test/top1, goal: most}\nrun_cap: 0\n"
        "parameters:\n"
        "  a: {min: 2, max: 1}\n"
        "  b: {distribution: log_uniform_values, min: 0, max: 1}\n"
        "  c: {valeus: [1]}\n"
        "  model/backbone: {values: [mlp, gru]}\n"
        "early_terminate: {type: hyperband, min_iter: 0, eta: 1}\n",
    )
    with pytest.raises(ConfigError) as caught:
        read_sweep(path)
    for told in (
        "program is 'main.py'",
        "method is 'magic'",
        "validation part",
        "metric.goal is 'most'",
        "a: min=2 is not below max=1",
        "logarithmic range needs min above 0",
        "c.valeus: no such key. Did you mean 'values'?",
        "parameters.model/backbone: W&B allows letters",
        "command must pass key=value on",
        "early_terminate.min_iter is 0: give a whole number of at least 1",
        "early_terminate.eta is 1: give a whole number of at least 2",
        "run_cap is 0",
    ):
        assert told in str(caught.value)


def test_ranges_become_proposals_of_their_kind(tmp_path):
    path = write(
        tmp_path / "kinds.yaml",
        "program: train.py\nmethod: random\nmetric: {name: val/top1, goal: maximize}\n"
        + COMMAND
        + "parameters:\n  n: {min: 1, max: 5}\n  x: {min: 0.0, max: 1.0}\n  k: {value: 3}\n"
        "  q: {distribution: q_uniform, min: 0.0, max: 1.0, q: 0.25}\n",
    )
    sweep = read_sweep(path)
    assert [p.kind for p in sweep.parameters] == ["int_uniform", "uniform", "constant", "q_uniform"]
    assert sweep.fixed == ("experiment=smoke",)
    assert sweep.maximise


PROGRAM = """
import json, os, pathlib, sys
given = dict(word.split("=", 1) for word in sys.argv[1:])
run = pathlib.Path(os.environ["HAR_RUNS_DIR"]) / given["name"] / "now"
run.mkdir(parents=True)
if float(given["x"]) > 5:
    raise SystemExit("out of memory")
score = float("nan") if given["x"] == "5" else 1 - (float(given["x"]) - 0.3) ** 2
rows = "".join(f"{e},{score * (e + 1) / 3}\\n" for e in range(3))
(run / "metrics.csv").write_text("epoch,val/top1\\n" + rows)
(run / "results.json").write_text(json.dumps({}))
"""


@pytest.fixture
def own_program(tmp_path, monkeypatch):
    """A stand-in for training, so that the search itself is tested, in place of train.py."""
    write(tmp_path / "train.py", PROGRAM)
    monkeypatch.setattr("har.sweep.study.project_root", lambda: tmp_path)
    monkeypatch.setattr("har.sweep.study.POLL_S", 0.05)
    return tmp_path


def search(trials=None) -> Sweep:
    x = Parameter("x", "uniform", low=0.0, high=1.0)
    return Sweep("parabola", "train.py", "bayes", "val/top1", True, (x,), trials=trials)


@pytest.mark.slow
def test_a_search_finds_the_best_and_goes_on_where_it_stopped(own_program):
    pytest.importorskip("optuna", reason="needs the extra sweep")
    out = own_program / "study"
    first = run_sweep(search(), out, trials=4)
    assert len(first.trials) == 4
    outcome = run_sweep(search(), out, trials=10)
    assert len(outcome.trials) == 10
    assert outcome.trials[:4] == first.trials
    assert outcome.score == pytest.approx(1.0, abs=0.05)
    with sqlite3.connect(out / "study.db") as database:
        assert database.execute("select count(*) from trials").fetchone() == (10,)


def test_a_failing_first_trial_ends_the_search_with_its_words(own_program):
    pytest.importorskip("optuna", reason="needs the extra sweep")
    write(own_program / "train.py", "raise SystemExit('no such dataset')")
    with pytest.raises(ConfigError, match="no such dataset"):
        run_sweep(search(), own_program / "study", trials=2)


def test_without_a_number_of_trials_it_asks(own_program):
    pytest.importorskip("optuna", reason="needs the extra sweep")
    with pytest.raises(ConfigError, match="how many trials"):
        run_sweep(search(), own_program / "study")


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    pytest.importorskip("optuna", reason="needs the extra sweep")
    write(tmp_path / "file", "")
    with pytest.raises(ConfigError, match="file cannot be made: File exists"):
        run_sweep(search(), tmp_path / "file", trials=1)


def tried(outcome) -> list[tuple[str, str]]:
    return [(trial["parameters"]["x"], trial["state"]) for trial in outcome.trials]


def test_a_grid_is_tried_once_and_what_fails_or_diverges_is_not_tried_again(own_program):
    pytest.importorskip("optuna", reason="needs the extra sweep")
    grid = Sweep(
        "grid", "train.py", "grid", "val/top1", True,
        (Parameter("x", "categorical", (0, 5, 6)), Parameter("k", "constant", (1,))),
    )  # fmt: skip
    out = own_program / "folder (1), ä"
    assert tried(run_sweep(grid, out, trials=1)) == [("0", "complete")]
    assert tried(run_sweep(grid, out)) == [("0", "complete"), ("5", "fail"), ("6", "fail")]
    other = replace(grid, parameters=(Parameter("x", "categorical", (0, 1)),))
    with pytest.raises(ConfigError, match="has trials of grid with other parameters: go on with"):
        run_sweep(other, out)


@pytest.mark.slow
def test_a_search_that_goes_on_draws_what_one_that_was_not_stopped_draws(own_program):
    pytest.importorskip("optuna", reason="needs the extra sweep")
    draws = replace(search(), method="random")
    whole = run_sweep(draws, own_program / "whole", trials=3)
    run_sweep(draws, own_program / "parts", trials=1)
    parts = run_sweep(draws, own_program / "parts", trials=3)
    assert tried(parts) == tried(whole)
    assert len(set(tried(whole))) == 3


@pytest.mark.slow
def test_a_trial_that_was_killed_does_not_count(own_program):
    optuna = pytest.importorskip("optuna", reason="needs the extra sweep")
    out = own_program / "study"
    run_sweep(search(), out, trials=1)
    optuna.load_study(study_name="parabola", storage=f"sqlite:///{out / 'study.db'}").ask()
    outcome = run_sweep(search(), out, trials=2)
    assert [trial["state"] for trial in outcome.trials] == ["complete", "fail", "complete"]
