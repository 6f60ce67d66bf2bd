import csv
from pathlib import Path

import numpy as np
import pytest
from pose_helper import falling_video, square_frame, write_square_video

from har.cli import main
from har.cli.poses import parse_arguments
from har.data.adapters.base import load_adapter
from har.data.cards import load_card
from har.data.formats.annotation_pickle import load_annotations
from har.data.store import ClipStore
from har.errors import CardError, ConfigError, HarError
from har.run.poses import PoseRequest, extract

pytest.importorskip("av")

TABLE = "File Name,Length (seconds),Time of Recording,Attire,Description, Classes\n"


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """Return a folder with two people who fall, an empty room, and a file that is no video."""
    folder = tmp_path / "videos"
    falling_video(folder / "home" / "a.mp4")
    falling_video(folder / "b.mp4", count=12)
    write_square_video(folder / "empty.mp4", [square_frame()] * 8)
    (folder / "broken.mp4").write_bytes(b"no video")
    (folder / "notes.txt").write_text("not a video")
    return folder


def request(videos: Path, squares: str, **values) -> PoseRequest:
    out = videos.parent / "store"
    return PoseRequest(videos, out, estimator=squares, workers=1, **values)


def test_a_folder_of_videos_becomes_a_store_with_a_report(videos, squares, capsys):
    report = extract(request(videos, squares))
    assert (report.clip_count, report.skipped_count) == (2, 2)
    store = ClipStore.open(report.path, verify=True)
    assert store.index.clip_id.tolist() == ["b", "home/a"]
    assert (store.layout, store.labels) == ("mediapipe33", ("unlabelled",))
    hips = store.clip(1).joints[0][:, 23:25].mean(axis=1)
    assert hips[0, 1] - hips[-1, 1] > 0.5
    with (report.path / "skipped.csv").open() as file:
        reasons = {row["source"]: row["reason"] for row in csv.DictReader(file)}
    assert "nobody was seen" in reasons["empty.mp4"]
    assert reasons["broken.mp4"]
    with (report.path / "videos.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["video"] for row in rows] == ["b.mp4", "home/a.mp4"]
    assert (rows[0]["frames"], rows[0]["person_share"]) == ("12", "1.000")
    printed = capsys.readouterr().out
    assert "32 frames, somebody found in 100.0% of them" in printed


def test_it_is_not_done_twice_and_other_settings_do_it_again(videos, squares):
    first = extract(request(videos, squares))
    assert extract(request(videos, squares)).already_prepared
    again = extract(request(videos, squares, settings={"max_fps": 5.0}))
    assert not again.already_prepared
    assert ClipStore.open(first.path).index.frame_count.tolist() == [6, 10]


def test_no_pixel_is_stored(videos, squares):
    store = extract(request(videos, squares)).path
    names = {path.name for path in store.rglob("*")}
    assert names == {
        "joints.bin", "confidence.bin", "index.parquet", "store.json", "skipped.csv", "plan.json",
        "videos.csv", "dataset.yaml",
    }  # fmt: skip
    frames, joints = 32, 33
    assert (store / "joints.bin").stat().st_size == frames * joints * 3 * 4


def test_own_labels_become_segments_that_can_be_trained_on(videos, squares):
    table = videos.parent / "labels.csv"
    table.write_text(
        "recording,start_sec,end_sec,label\nhome/a,0,0.6,stand\nhome/a.mp4,0.6,9,fall\nb,0,1,stand\n"
    )
    path = extract(request(videos, squares, segments=table)).path
    store = ClipStore.open(path, unit="segment")
    assert store.labels == ("fall", "stand")
    assert store.index.clip_id.tolist() == ["b@0-10", "home/a@0-6", "home/a@6-20"]
    assert [store.labels[i] for i in store.index.label] == ["stand", "stand", "fall"]
    card = load_card(path / "dataset.yaml")
    assert (card.adapter, card.layout, card.unit) == ("video_poses", "mediapipe33", "m")


def test_the_pickle_has_the_segments(videos, squares, tmp_path):
    table = videos.parent / "labels.csv"
    table.write_text("recording,start_sec,end_sec,label\nb,0,1,stand\n")
    extract(request(videos, squares, segments=table, pyskl=tmp_path / "poses.pkl"))
    clips = load_annotations(tmp_path / "poses.pkl").clips
    assert list(clips) == ["b@0-10"]
    clip = clips["b@0-10"]
    assert (clip["total_frames"], clip["keypoint"].shape) == (10, (1, 10, 33, 3))
    assert clip["img_shape"] == (96, 128)
    assert clip["keypoint_score"].shape == (1, 10, 33)


def test_gmdcsa24_videos_get_the_timed_labels_of_their_tables(tmp_path, squares):
    for subject in ("1", "2"):
        folder = tmp_path / f"Subject {subject}"
        falling_video(folder / "Fall" / "01.mp4")
        (folder / "Fall.csv").write_text(
            TABLE + "01.mp4,2,Day,x,y,Standing[0 to 1]; Falling (FW)[1 to 6]; Flying[0 to 1]\n"
        )
    adapter = load_adapter(
        load_card("gmdcsa24_pose"), tmp_path, estimator=squares, smoothing="none"
    )
    assert adapter.items() == ["Subject 1/Fall/01.mp4", "Subject 2/Fall/01.mp4"]
    clip, *problems = adapter.read("Subject 1/Fall/01.mp4")
    assert (clip.record.subject, clip.record.clip_id) == ("1", "Subject 1/Fall/01")
    found = [(s.label, s.start_sec, s.end_sec) for s in clip.segments]
    assert found == [(1, 0.0, 1.0), (9, 1.0, 2.0)]
    assert len(problems) == 2
    assert all("unknown class 'Flying'" in str(problem) for problem in problems)
    assert len(adapter.read("Subject 2/Fall/01.mp4")) == 1


def test_the_estimator_must_fit_the_card(tmp_path, squares):
    falling_video(tmp_path / "Subject 1" / "Fall" / "01.mp4")
    (tmp_path / "Subject 1" / "Fall.csv").write_text(TABLE)
    adapter = load_adapter(
        load_card("gmdcsa24_pose"),
        tmp_path,
        estimator=squares,
        estimator_options={"layout": "coco17"},
    )
    with pytest.raises(CardError, match="gives the layout coco17, the card has mediapipe33"):
        adapter.read("Subject 1/Fall/01.mp4")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"estimator": "mediapip"}, "no pose estimator 'mediapip'. Did you mean 'mediapipe'"),
        ({"estimator_options": {"layouts": 3}}, "no option 'layouts'. Did you mean 'layout'"),
        ({"dataset": "gmdcsa24"}, "not made from videos .* Did you mean 'gmdcsa24_pose'"),
        ({"launcher": "slurm"}, "launcher=slurm is unknown"),
        ({"settings": {"coordinates": "room"}}, "unknown coordinates 'room'"),
    ],
)
def test_wrong_requests_are_refused(videos, squares, values, message):
    given = {"estimator": squares, **values}
    with pytest.raises(HarError, match=message):
        extract(PoseRequest(videos, videos.parent / "store", workers=1, **given))


def test_an_estimator_without_a_needed_option_is_refused(videos):
    with pytest.raises(ConfigError, match="'rtmlib' needs a value for model"):
        extract(PoseRequest(videos, videos.parent / "store", estimator="rtmlib"))


def test_a_folder_without_videos_is_refused(tmp_path, squares):
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "a.txt").write_text("")
    with pytest.raises(HarError, match=r"no video below .*their names end in .mp4"):
        extract(request(tmp_path / "videos", squares))


def test_arguments_of_the_command():
    found = parse_arguments(
        ["videos=a", "out=b", "people=1", "estimator.tiles=2", "smoothing=savgol", "workers=3"]
    )
    assert found["settings"] == {"people": 1, "smoothing": "savgol"}
    assert found["estimator_options"] == {"tiles": 2}
    assert (found["videos"], found["workers"]) == (Path("a"), 3)
    with pytest.raises(ConfigError, match=r"(?s)'max_fsp' is no key.*out=<folder> is missing"):
        parse_arguments(["videos=a", "max_fsp=3"])


def test_the_command_tells_errors_in_one_line(tmp_path, squares, capsys):
    status = main(["poses", f"videos={tmp_path}/none", f"out={tmp_path}/o", f"estimator={squares}"])
    assert status == 2
    assert "none does not exist" in capsys.readouterr().err


def test_ray_writes_the_same_store(videos, squares, tmp_path):
    ray = pytest.importorskip("ray")
    first = ClipStore.open(extract(request(videos, squares)).path)
    ray.init(num_cpus=1, include_dashboard=False, runtime_env={"py_modules": []})
    try:
        import pose_helper

        ray.cloudpickle.register_pickle_by_value(pose_helper)
        other = PoseRequest(videos, tmp_path / "ray", estimator=squares, workers=1, launcher="ray")
        second = ClipStore.open(extract(other).path)
    finally:
        ray.shutdown()
    np.testing.assert_array_equal(first.joints, second.joints)
