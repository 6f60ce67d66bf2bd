from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image

from har.errors import HarError
from har.evaluation.plots import (
    confusion_figure,
    per_class_figure,
    reliability_figure,
    write_plots,
)
from har.evaluation.predictions import Predictions
from har.evaluation.style import new_figure, save_figure, shorten
from har.evaluation.training_curves import read_training_curves, training_figure


def random_predictions(classes: int, clips: int = 60) -> Predictions:
    rng = np.random.default_rng(0)
    return Predictions(
        probabilities=rng.dirichlet(np.full(classes, 0.3), clips),
        labels=rng.integers(max(1, classes - 1), size=clips),
        clip_ids=np.arange(clips).astype(str),
        subjects=np.full(clips, "s"),
        cameras=np.full(clips, "c"),
        class_names=tuple(f"a rather long name of action {index}" for index in range(classes)),
    )


def texts(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_all_pictures_are_written_without_pyplot(tmp_path: Path):
    backend = matplotlib.rcParams["backend"]
    paths = write_plots(random_predictions(5), tmp_path / "plots")
    assert [path.name for path in paths] == [
        "confusion_matrix.png", "reliability.png", "per_class.png",
    ]  # fmt: skip
    for path in paths:
        with Image.open(path) as picture:
            assert min(picture.size) > 200
            assert len(np.unique(np.asarray(picture.convert("L")))) > 10
    assert matplotlib.rcParams["backend"] == backend


@pytest.mark.parametrize(("classes", "named", "counted"), [(30, 1, 1), (31, 1, 0), (41, 0, 0)])
def test_confusion_matrix_names_and_counts_as_long_as_they_fit(classes, named, counted):
    names = [f"class {index}" for index in range(classes)]
    axes = confusion_figure(np.eye(classes, dtype=int) * 7, names).axes[0]
    ticks = [tick.get_text() for tick in axes.get_yticklabels()]
    assert ("class 3" in ticks) == bool(named)
    assert texts(axes) == (["7"] * classes if counted else [])


def test_confusion_matrix_rows_are_fractions_of_the_true_class():
    axes = confusion_figure(np.array([[3, 1], [0, 0]]), ["a", "b"]).axes[0]
    np.testing.assert_allclose(axes.images[0].get_array(), [[0.75, 0.25], [0, 0]])
    assert sum(patch.get_hatch() is not None for patch in axes.patches) == 1


def test_confusion_matrix_of_120_classes_and_of_one(tmp_path: Path):
    for classes in (120, 1):
        confusion = np.eye(classes, dtype=int)
        figure = confusion_figure(confusion, [f"c{index}" for index in range(classes)])
        with Image.open(save_figure(figure, tmp_path / f"{classes}.png")) as picture:
            assert max(picture.size) < 2500


def test_reliability_shows_accuracy_of_each_bin():
    predictions = random_predictions(3)
    upper, lower = reliability_figure(predictions).axes
    assert sum(bar.get_height() for bar in lower.patches) == len(predictions)
    heights = np.array([bar.get_height() for bar in upper.patches])
    assert np.nanmax(heights) <= 1


def test_per_class_bars_are_sorted_with_absent_classes_last():
    rows = [
        {"name": "absent", "support": 0, "accuracy": None},
        {"name": "weak", "support": 4, "accuracy": 0.25},
        {"name": "none right", "support": 3, "accuracy": 0.0},
        {"name": "good", "support": 8, "accuracy": 1.0},
    ]
    figure = per_class_figure(rows)
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "good (8)", "weak (4)", "none right (3)", "absent (0)",
    ]  # fmt: skip
    assert texts(axes) == ["100 %", "25 %", "0 %", "no test clips"]
    assert "41.7 %" in figure.get_suptitle()
    many = [{"name": f"{index}", "support": 1, "accuracy": 0.5} for index in range(120)]
    assert len(per_class_figure(many).axes) == 3


def test_long_names_are_cut():
    assert shorten("walk", 4) == "walk"
    assert shorten("walk around", 6) == "walk…"


def test_unknown_picture_format(tmp_path: Path):
    with pytest.raises(HarError, match=r"a\.xyz.*Use \.png, \.svg or \.pdf"):
        save_figure(new_figure(1, 1), tmp_path / "a.xyz")


def test_training_curves_of_a_lightning_csv(tmp_path: Path):
    path = tmp_path / "metrics.csv"
    path.write_text(
        "epoch,lr-SGD,step,train/loss_epoch,train/loss_step,train/top1,val/loss,"
        "val/mean_class_accuracy,val/top1\n"
        ",0.1,0,,,,,,\n"
        "0,,1,,2.0,,,,\n"
        "0,,3,,,,1.5,0.4,0.5\n"
        "0,,3,1.8,,0.45,,,\n"
        ",0.05,5,,,,,,\n"
        "1,,7,,,,1.1,0.6,0.7\n"
        "1,,7,1.2,,0.65,,,\n"
    )
    curves = read_training_curves(path)
    assert curves.loss["train"].values.tolist() == [1.8, 1.2]
    assert curves.loss["val"].epochs.tolist() == [0, 1]
    assert curves.accuracy["train"].values.tolist() == [0.45, 0.65]
    assert curves.accuracy["val"].values.tolist() == [0.5, 0.7]
    assert curves.learning_rate["lr-SGD"].epochs.tolist() == [0, 0.5]
    figure = training_figure(curves, "run")
    assert [axes.get_title() for axes in figure.axes] == ["loss", "accuracy, %", "learning rate"]
    assert save_figure(figure, tmp_path / "curves.png").is_file()


def test_training_curves_with_losses_only(tmp_path: Path):
    path = tmp_path / "metrics.csv"
    path.write_text("step,train_loss\n0,2.0\n1,nan\n2,1.0\n")
    curves = read_training_curves(path)
    assert curves.loss["train"].epochs.tolist() == [0, 2]
    assert len(training_figure(curves).axes) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"no file .*metrics\.csv"),
        ("epoch,step\n", "has no rows"),
        ("epoch,step,foo\n0,1,2\n", r"no column of losses.*\['epoch', 'foo', 'step'\]"),
    ],
)
def test_training_curves_of_a_bad_file(tmp_path: Path, content, message):
    path = tmp_path / "metrics.csv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(HarError, match=message):
        read_training_curves(path)
