import csv
import json
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "pose"))
from pose_helper import (
    LAYOUT,
    falling_video,
    person_at,
    square_frame,
    write_square_video,
)

from har.cli import main
from har.cli.predict import parse_arguments
from har.data.store import ClipStore
from har.errors import CheckpointError, ConfigError
from har.evaluation.predictions import Predictions
from har.pose.camera import PinholeCamera
from har.pose.estimators import ESTIMATORS, EstimatorKind
from har.run.training import RunResult
from har.run.watch.annotated_video import Annotator, VideoWriter
from har.run.watch.predicting import PredictRequest, predict_video
from har.run.watch.recogniser import Recogniser
from har.run.watch.watching import EventList, Look, Watcher

av = pytest.importorskip("av")
pytest.importorskip("cv2")


@pytest.fixture
def squares(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(ESTIMATORS, "squares", EstimatorKind("pose_helper", "SquarePose", ""))
    return "squares"


@pytest.fixture
def ckpt(finished: RunResult) -> Path:
    return finished.folder / "checkpoints" / "last.ckpt"


def frames_of(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def predict(tmp_path: Path, ckpt: Path, squares: str, **values) -> Path:
    video = tmp_path / "fall.mp4"
    if not video.exists():
        falling_video(video, count=40)
    given = {"window_sec": 1.0, "stride_sec": 0.5, "estimator": squares, **values}
    return predict_video(PredictRequest(video, ckpt, tmp_path / "out", **given))


def test_a_video_gets_labels_a_drawing_and_tables(tmp_path, ckpt, squares, capsys):
    out = predict(tmp_path, ckpt, squares)
    summary = json.loads((out / "events.json").read_text())
    assert (summary["frames"], summary["frames_with_people"]) == (40, 40)
    assert summary["seconds"] == pytest.approx(4.0)
    assert summary["events"]
    assert all(event["label"] in summary["labels"] for event in summary["events"])
    with (out / "events.csv").open() as file:
        assert len(list(csv.DictReader(file))) == len(summary["events"])
    with (out / "scores.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["end_sec"]) for row in rows] == pytest.approx([1, 1.5, 2, 2.5, 3, 3.5, 4])
    total = sum(float(rows[0][label]) for label in summary["labels"])
    assert total == pytest.approx(1, abs=0.01)
    drawn = frames_of(out / "annotated.mp4")
    assert len(drawn) == 40
    assert drawn[0].shape[0] > 480
    assert "results:" in capsys.readouterr().out


def test_events_cover_the_time_from_the_first_window_without_overlap(tmp_path, ckpt, squares):
    out = predict(tmp_path, ckpt, squares, draw=False)
    events = json.loads((out / "events.json").read_text())["events"]
    assert not (out / "annotated.mp4").exists()
    assert events[0]["start_sec"] == 0
    assert events[-1]["end_sec"] == pytest.approx(4.0)
    for before, after in pairwise(events):
        assert after["start_sec"] == pytest.approx(before["end_sec"])
        assert after["label"] != before["label"]


def test_with_privacy_skeleton_no_pixel_of_the_video_is_drawn(tmp_path, ckpt, squares):
    video = write_square_video(tmp_path / "fall.mp4", [square_frame((100, 40))] * 12)
    out = predict(tmp_path, ckpt, squares, privacy="skeleton")
    shown = frames_of(out / "annotated.mp4")[-1][:400, :300]
    assert shown.mean() > 240
    assert frames_of(video)[-1].mean() < 40


def test_a_video_shorter_than_the_window_is_looked_at_once(tmp_path, ckpt, squares):
    write_square_video(tmp_path / "fall.mp4", [square_frame((64, 40))] * 8)
    out = predict(tmp_path, ckpt, squares, draw=False)
    with (out / "scores.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 1


def test_nobody_in_the_video_is_no_error(tmp_path, ckpt, squares):
    write_square_video(tmp_path / "fall.mp4", [square_frame()] * 15)
    summary = json.loads((predict(tmp_path, ckpt, squares) / "events.json").read_text())
    assert (summary["events"], summary["fall_alarms"]) == ([], [])


def test_a_clip_gets_the_probabilities_that_testing_gave_it(finished, workplace):
    recogniser = Recogniser.load(finished.folder / "checkpoints" / "best.ckpt")
    saved = Predictions.read(finished.folder / "predictions.parquet")
    (store,) = (ClipStore.open(path) for path in (workplace / "store").iterdir() if path.is_dir())
    rows = {clip_id: row for row, clip_id in enumerate(store.index.clip_id.tolist())}
    for clip_id, expected in list(zip(saved.clip_ids, saved.probabilities, strict=True))[:20]:
        clip = store.clip(rows[clip_id])
        if len(clip.joints) == 1:
            found = recogniser(clip.joints, clip.confidence)
            np.testing.assert_allclose(found, expected[None], atol=1e-5)


def test_a_2d_checkpoint_is_refused(ckpt, monkeypatch):
    import har.run.watch.recogniser as module

    monkeypatch.setattr(module, "POSE_DIMS", 2)
    with pytest.raises(CheckpointError, match="was trained on the 2D poses"):
        Recogniser.load(ckpt)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"privacy": "masked"}, "unknown privacy 'masked'"),
        ({"smoothing": "savgol"}, "choose one_euro or none"),
        ({"stride_sec": 3.0}, "at most window_sec=1"),
        ({"estimator_options": {"dims": 2}}, "gives 2D poses"),
    ],
)
def test_wrong_requests_are_refused(tmp_path, ckpt, squares, values, message):
    with pytest.raises(ConfigError, match=message):
        predict(tmp_path, ckpt, squares, **values)


def test_arguments_of_the_command(tmp_path, capsys):
    found = parse_arguments(["video=a.mp4", "ckpt=b", "people=3", "draw=false", "alarm=0.4"])
    assert (found["people"], found["draw"], found["alarm"]) == (3, False, 0.4)
    assert main(["predict", "video=a.mp4"]) == 2
    assert "ckpt=<file> is missing" in capsys.readouterr().err


class FakeRecogniser:
    """Says how many frames of a window show somebody."""

    labels = ("few", "many")
    is_fall = None
    layout = LAYOUT

    def conversion_from(self, source):
        from har.skeleton.convert import conversion

        return conversion(source, self.layout)

    def __call__(self, joints, confidence):
        share = confidence.any(axis=2).mean(axis=1)
        return np.stack([1 - share, share], axis=1)


def test_memory_is_bounded_by_the_window():
    watcher = Watcher(FakeRecogniser(), LAYOUT, fps=10, window=20)
    person = person_at((0, 0, 3), PinholeCamera.from_view(640, 480, 60))
    for frame in range(500):
        watcher.add(frame, [frame // 50], [person], [person.world])
    assert list(watcher._past) == [9]
    assert len(watcher._past[9].frames) == 20
    (look,) = watcher.look(499)
    assert (look.start_sec, look.end_sec) == (48.0, 50.0)
    assert look.probabilities.tolist() == [0, 1]


def test_somebody_seen_too_little_is_not_looked_at():
    watcher = Watcher(FakeRecogniser(), LAYOUT, fps=10, window=20)
    person = person_at((0, 0, 3), PinholeCamera.from_view(640, 480, 60))
    for frame in range(9):
        watcher.add(frame, [0], [person], [person.world])
    assert watcher.look(8) == []
    watcher.add(9, [0], [person], [person.world])
    assert len(watcher.look(9)) == 1


def look(person: int, end: float, *probabilities: float) -> Look:
    return Look(person, end - 2, end, np.array(probabilities))


def test_looks_become_events():
    events = EventList(patience_sec=1.0)
    found = []
    for one in (
        look(0, 2.0, 0.9, 0.1), look(0, 2.5, 0.7, 0.3), look(1, 2.5, 0.2, 0.8),
        look(0, 3.0, 0.4, 0.6), look(0, 9.0, 0.3, 0.7),
    ):  # fmt: skip
        found += events.add(one)
    found += events.finish()
    told = [
        (e.person, e.label, e.start_sec, e.end_sec, round(e.probability, 3), e.looks) for e in found
    ]
    assert told == [
        (0, 0, 0.0, 2.5, 0.8, 2),
        (0, 1, 2.5, 3.0, 0.6, 1),
        (1, 1, 0.5, 2.5, 0.8, 1),
        (0, 1, 7.0, 9.0, 0.7, 1),
    ]


def test_a_failed_run_leaves_no_half_video(tmp_path):
    writer = VideoWriter(tmp_path / "a.mp4", 10)
    writer.__enter__().write(np.zeros((65, 97, 3), np.uint8))
    writer.__exit__(RuntimeError, RuntimeError(), None)
    assert list(tmp_path.iterdir()) == []
    with VideoWriter(tmp_path / "a.mp4", 14.97) as writer:
        for _ in range(3):
            writer.write(np.zeros((65, 97, 3), np.uint8))
    assert frames_of(tmp_path / "a.mp4")[0].shape == (64, 96, 3)


def test_falls_are_drawn_in_the_colour_of_an_alarm():
    annotator = Annotator(LAYOUT, ("walk", "fall"), np.array([False, True]), 1, "none", 10)
    person = person_at((0, 0, 3), PinholeCamera.from_view(640, 480, 60))
    annotator.tell(look(0, 2.0, 0.1, 0.9), 2.0)
    drawn = annotator.draw(np.zeros((480, 640, 3), np.uint8), [0], [person], 2.0)
    assert drawn.shape[0] > 480
    assert (drawn == (192, 0, 0)).all(axis=2).sum() > 1000
