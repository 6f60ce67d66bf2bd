"""``har fuse`` on run folders."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax

from har.cli import main
from har.cli.fuse import parse_arguments
from har.errors import ConfigError, HarError
from har.evaluation.predictions import Predictions
from har.run.fusing import fuse_runs

FACTS = {
    "dataset_name": "tiny",
    "protocol": "cross_subject",
    "fold": None,
    "data_fingerprint": "0123456789abcdef",
}


def predictions(
    part: str, strength: float, clips: int = 60, names: tuple[str, ...] = ("sit", "stand", "fall")
) -> Predictions:
    rng = np.random.default_rng(int(100 * strength) + len(part))
    labels = np.arange(clips) % 3
    return Predictions(
        probabilities=softmax(strength * np.eye(3)[labels] + rng.normal(size=(clips, 3)), axis=1),
        labels=labels,
        clip_ids=np.array([f"{part}{number}" for number in range(clips)]),
        subjects=np.array([f"{part}-s{number % 3}" for number in range(clips)]),
        cameras=np.array(["1"] * clips),
        class_names=names,
    )


def write_run(folder: Path, strength: float, validation: bool = True, **facts: object) -> Path:
    folder.mkdir(parents=True)
    predictions("test", strength).write(folder / "predictions.parquet")
    if validation:
        predictions("val", strength).write(folder / "validation_predictions.parquet")
    (folder / "results.json").write_text(json.dumps(FACTS | facts))
    return folder


@pytest.fixture
def runs(tmp_path) -> list[Path]:
    return [write_run(tmp_path / name, s) for name, s in (("joint", 2.0), ("bone", 1.0))]


def test_the_command_writes_what_a_run_writes(runs, tmp_path, capsys):
    out = tmp_path / "fused"
    listed = f"runs=[{runs[0]},{runs[1]}]"
    assert main(["fuse", listed, "weights=[2,1]", f"out={out}", "bootstrap=20"]) == 0
    told = capsys.readouterr().out
    assert "linear pool, weights given" in told
    assert f"0.667  {runs[0]} (top-1 " in told
    results = json.loads((out / "results.json").read_text())
    assert results["fusion"]["weights"] == {str(runs[0]): 2.0, str(runs[1]): 1.0}
    assert FACTS.items() <= results.items()
    joint = Predictions.read(out / "predictions.parquet")
    one, two = (Predictions.read(run / "predictions.parquet").probabilities for run in runs)
    np.testing.assert_allclose(joint.probabilities, (2 * one + two) / 3)
    assert results["top1"] == (joint.predicted == joint.labels).mean()
    assert (out / "confusion_matrix.png").exists()


def test_scores_by_concepts_are_those_of_the_joined_predictions(runs, tmp_path, capsys):
    names = ("sit_down", "stand_up", "fall_forward")
    for folder, strength in zip(runs, (2.0, 1.0), strict=True):
        predictions("test", strength, names=names).write(folder / "predictions.parquet")
        (folder / "results.json").write_text(json.dumps(FACTS | {"dataset_name": "synthetic_home"}))
    results = fuse_runs(runs, tmp_path / "fused", bootstrap=0).results
    told = capsys.readouterr().out
    joint = Predictions.read(tmp_path / "fused" / "predictions.parquet")
    fell = joint.predicted == 2
    assert results["taxonomy"]["clips"] == 60
    assert results["taxonomy"]["falls"]["fall"]["sensitivity"] == fell[joint.labels == 2].mean()
    assert "Hierarchical precision" in told


@pytest.mark.parametrize(("weights", "pool"), [("tuned", "linear"), ("learned", "log")])
def test_weights_are_found_on_the_validation_part(runs, tmp_path, weights, pool):
    # Test predictions of pure chance: weights that came from them would be far from these.
    results = [fuse_runs(runs, tmp_path / weights, weights, bootstrap=0).results]
    for run in runs:
        predictions("test", 0.0).write(run / "predictions.parquet")
    results.append(fuse_runs(runs, tmp_path / "chance", weights, bootstrap=0).results)
    first, second = (result["fusion"] for result in results)
    assert first["pool"] == pool
    assert first["weights"] == second["weights"]
    assert first["validation_nll"] == second["validation_nll"] > 0
    assert (first["temperature"] is None) == (pool == "linear")


def test_equal_weights_are_the_default(runs, tmp_path):
    fusion = fuse_runs(runs, tmp_path / "out", bootstrap=0).results["fusion"]
    assert set(fusion["weights"].values()) == {1.0}
    assert fusion["validation_nll"] is None


def test_runs_without_a_validation_part_are_named(runs, tmp_path):
    other = write_run(tmp_path / "other", 1.0, validation=False)
    with pytest.raises(
        HarError, match=r"no validation_predictions.parquet in .*other: weights are"
    ):
        fuse_runs([*runs, other], tmp_path / "out", "tuned")


def test_validation_clips_that_are_tested_are_refused(runs, tmp_path):
    for run in runs:
        predictions("test", 1.0).write(run / "validation_predictions.parquet")
    with pytest.raises(HarError, match="in both the validation and the test predictions"):
        fuse_runs(runs, tmp_path / "out", "learned")


@pytest.mark.parametrize(
    ("key", "value"), [("data_fingerprint", "fedcba"), ("protocol", "cross_view"), ("fold", "2")]
)
def test_runs_on_other_data_are_refused(runs, tmp_path, key, value):
    other = write_run(tmp_path / "other", 1.0, **{key: value})
    with pytest.raises(HarError, match=rf"{key} is '{value}' in .*other, .* in .*joint"):
        fuse_runs([runs[0], other], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_unfinished_and_repeated_runs_are_refused(runs, tmp_path):
    (tmp_path / "new").mkdir()
    with pytest.raises(HarError, match=r"new has no results.json: give the folder of a finished"):
        fuse_runs([runs[0], tmp_path / "new"], tmp_path / "out")
    for same in (runs[0], runs[1] / ".." / runs[0].name):
        with pytest.raises(HarError, match="a run is given twice"):
            fuse_runs([runs[0], same], tmp_path / "out")
    with pytest.raises(HarError, match="weights=best: give tuned, learned, or one number a run"):
        fuse_runs(runs, tmp_path / "out", "best")


def test_a_run_is_not_replaced_by_the_fusion(runs):
    before = (runs[1] / "results.json").read_bytes()
    with pytest.raises(HarError, match=r"out=.*bone is one of the runs, its results would be lost"):
        fuse_runs(runs, runs[1])
    assert (runs[1] / "results.json").read_bytes() == before


def test_all_mistakes_in_the_arguments_are_told_at_once():
    with pytest.raises(ConfigError) as caught:
        parse_arguments(["runs=[a]", "weights=[2,x]", "wieghts=tuned", "bootstrap=-1"])
    for part in (
        "runs=[a]: fusion needs at least 2 run folders",
        "weights=[2,x]: give tuned or learned, or one number a run",
        "'wieghts' is no key of this command. Did you mean 'weights'?",
        "'-1' is no whole number",
        "out=<folder> is missing",
    ):
        assert part in str(caught.value)


def test_the_arguments_are_typed():
    read = parse_arguments(["runs=a,b", "out=o", "weights=0.6,0.4", "bootstrap=5"])
    assert read == {
        "runs": [Path("a"), Path("b")],
        "out": Path("o"),
        "weights": [0.6, 0.4],
        "bootstrap": 5,
    }
