from pathlib import Path

import numpy as np
import pytest

from har.errors import HarError
from har.evaluation.model_card import write_model_card
from har.evaluation.predictions import Predictions
from har.evaluation.report_table import report, text_table
from har.evaluation.summary import evaluate

CONFIG = {
    "name": "home_run",
    "seed": 3,
    "data": {"card": "synthetic_home"},
    "protocol": {"name": "cross_subject", "fold": None, "validation": {"by": "subject"}},
    "model": {"backbone": {"_target_": "har.models.skeleton.stgcnpp.STGCNPlusPlus"}},
    "paths": {"store": "somewhere"},
}


def results(bootstrap=50, cameras=("1", "2") * 6) -> dict:
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2])
    predicted = np.array([0, 0, 0, 0, 1, 1, 0, 1, 0, 0, 2, 2])
    return evaluate(
        Predictions(
            probabilities=0.05 + 0.8 * np.eye(4)[predicted],
            labels=labels,
            clip_ids=np.arange(12).astype(str),
            subjects=np.array(["P1", "P2", "P3"] * 4),
            cameras=np.array(cameras),
            class_names=("fall", "sit | stand", "walk", "drink"),
        ),
        bootstrap=bootstrap,
    )


def test_report_shows_metrics_intervals_and_weak_classes_first():
    text = report(results())
    assert "12 test clips, 3 of 4 classes, 3 subjects, 2 cameras" in text
    assert "75.0 %" in next(line for line in text.splitlines() if line.startswith("top-1"))
    assert " to " in next(line for line in text.splitlines() if line.startswith("macro F1"))
    assert "95 % bootstrap intervals over subjects, 50 resamples." in text
    assert text.index("walk ") < text.index("sit | stand")
    assert "fall (2)" in text
    assert "Classes without test clips: drink" in text


def test_report_without_intervals_cameras_or_weak_classes():
    perfect = evaluate(Predictions([[1.0, 0.0]], [0], ["a"], ["s"], [""], ("x", "y")), bootstrap=0)
    text = report(perfect)
    assert "No intervals were computed." in text
    assert "1 subject, cameras unknown" in text
    assert "weakest" not in text


def test_report_gives_the_reason_for_clip_intervals():
    one = evaluate(Predictions([[1.0, 0.0]], [0], ["a"], ["s"], ["c"], ("x", "y")), bootstrap=5)
    assert "over clips, 5 resamples (1 test subject(s), at least 3" in report(one)


def test_tables_are_aligned():
    assert text_table(("a", "n", "z"), [("long", "1", "x"), ("s", "100", "y")]) == [
        "a       n  z", "----  ---  -", "long    1  x", "s     100  y",
    ]  # fmt: skip


def test_model_card_tells_the_story(tmp_path: Path):
    values = results() | {
        "cost": {"parameters": 1390000, "training_minutes": 12.5},
        "dataset": {"licence": "free to use"},
    }
    path = write_model_card(
        tmp_path / "run" / "model_card.md", values, CONFIG, {"git": None, "python": "3.11"}
    )
    text = path.read_text()
    assert text.startswith("# Model card: home_run\n")
    for title in (
        "Data and protocol", "Intended use and limits", "Results", "Weak spots",
        "Training recipe", "Cost", "Provenance",
    ):  # fmt: skip
        assert f"\n## {title}\n" in text
    assert "`STGCNPlusPlus` model" in text
    assert "**75.0 % (95 % interval" in text
    assert "not a medical device" in text
    assert "| parameters | 1,390,000 |" in text
    assert "| licence | free to use |" in text
    assert "| classes without test clips | drink |" in text
    assert "sit \\| stand | 4 | 75.0 %" in text
    assert "Top-1 accuracy over 3 subjects" in text
    assert "somewhere" not in text
    assert "None" not in text


def test_model_card_of_a_bare_result(tmp_path: Path):
    text = write_model_card(tmp_path / "card.md", results(bootstrap=0), {}, {}).read_text()
    assert "# Model card: unnamed run" in text
    assert text.count("Not recorded.") == 2
    assert "Not measured in this run." in text


def test_model_card_that_cannot_be_written(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(HarError, match="Cannot write the model card"):
        write_model_card(tmp_path / "file" / "card.md", results(), CONFIG, {})
