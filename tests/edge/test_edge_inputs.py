import json
import subprocess
import sys
from pathlib import Path

import pytest
from edge_bundle import read_manifest, write_manifest, write_video_bundle

sys.path.append(str(Path(__file__).parents[1] / "pose"))
from pose_helper import square_frame, write_square_video

from har.cli import main
from har.pose.estimators import ESTIMATORS, EstimatorKind

pytest.importorskip("av")


@pytest.fixture
def squares(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(ESTIMATORS, "squares", EstimatorKind("pose_helper", "SquarePose", ""))
    return "squares"


@pytest.fixture
def folder(tmp_path):
    return write_video_bundle(tmp_path / "bundle")


@pytest.fixture
def video(tmp_path):
    """Somebody who stands, is half way down, and lies: their heights are 1.2, 0.4 and -0.2 m."""
    heights = [12] * 20 + [42] * 15 + [62] * 30
    return write_square_video(tmp_path / "fall.mp4", [square_frame((64, y)) for y in heights])


def run(folder, given, *more, estimator="squares"):
    arguments = ["--bundle", str(folder), "--input", str(given), "--estimator", estimator, *more]
    return main(["edge", "run", *arguments])


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def test_a_video_becomes_events(folder, video, squares, capsys):
    assert run(folder, video) == 0
    told = lines(capsys.readouterr().out)
    started = [m for m in told if m["type"] == "event" and m["state"] == "start"]
    assert [m["kind"] for m in started] == ["fall", "fallen"]
    assert started[0]["start"] == pytest.approx(2.4, abs=0.6)
    health = told[-1]
    assert health["frames"] == 65
    assert health["dropped"] == 0
    assert health["fps"] == pytest.approx(10, abs=0.5)
    assert health["pose_p50_ms"] > 0
    assert not any(set(m) & {"pixels", "joints"} for m in told)


def test_frames_are_dropped_where_the_estimator_is_slower(folder, tmp_path, monkeypatch, capsys):
    video = write_square_video(tmp_path / "short.mp4", [square_frame((64, 12))] * 16)
    monkeypatch.setitem(ESTIMATORS, "slow", EstimatorKind("slow_pose", "SlowPose", ""))
    assert run(folder, video, "--pace", "--max-fps", "30", estimator="slow") == 0
    health = lines(capsys.readouterr().out)[-1]
    assert health["dropped"] > 3
    assert health["frames"] + health["dropped"] == 16


def test_several_people_have_numbers_of_their_own(folder, tmp_path, squares, capsys):
    frames = [square_frame((30, 12), (100, 62)) for _ in range(30)]
    assert run(folder, write_square_video(tmp_path / "two.mkv", frames)) == 0
    states = [m for m in lines(capsys.readouterr().out) if m["type"] == "state"]
    assert {(m["person"], m["label"]) for m in states[-2:]} == {("1", "upright"), ("2", "fallen")}


@pytest.mark.parametrize(
    ("given", "more", "told"),
    [
        ("notes.mp4", (), "notes.mp4: is no readable video"),
        ("empty.mp4", (), "empty.mp4: is empty"),
        ("cut.mp4", (), "is damaged or cut off|is no readable video"),
        ("nowhere.mp4", (), "nowhere.mp4: there is no such file"),
        ("notes.mp4", ("--pace",), "notes.mp4: is no readable video"),
        ("nowhere.ndjson", (), "nowhere.ndjson: there is no such file; '-' reads standard input"),
        ("camera:4711", (), "there is no camera 'camera:4711'"),
        ("camera:", (), "'camera:' is no camera"),
        ("rtmp://host/x", (), "'rtmp://' is no stream that can be watched"),
        ("fall.mp4", ("--max-fps", "0"), "--max-fps 0: give more than 0"),
        ("fall.mp4", ("--smoothing", "savgol"), "smoothing 'savgol' needs later frames"),
        ("fall.mp4", ("--view-deg", "5"), "view_deg must be between 10 and 170"),
        ("fall.mp4", ("--estimator-option", "dims"), "give KEY=VALUE"),
        ("fall.mp4", ("--estimator-option", "dim=2"), "has no option 'dim'"),
        ("fall.mp4", ("--estimator-option", "dims=2"), "takes 3D poses, and the estimator gives"),
    ],
)
def test_what_cannot_be_watched_is_told(
    folder, video, squares, capsys, monkeypatch, given, more, told
):
    monkeypatch.chdir(video.parent)
    Path("notes.mp4").write_text("no video " * 100)
    Path("empty.mp4").touch()
    Path("cut.mp4").write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    assert run(folder, given, *more) == 2
    error = capsys.readouterr().err
    assert any(part in error for part in told.split("|")), error
    assert "Traceback" not in error


def test_bundles_that_video_cannot_serve_are_told(tmp_path, video, squares, capsys):
    assert run(write_video_bundle(tmp_path / "other", ("tail", "ear", "paw")), video) == 2
    assert "shares no joint with 'three'" in capsys.readouterr().err
    folder = write_video_bundle(tmp_path / "units")
    manifest = read_manifest(folder)
    manifest["unit"] = "normalised"
    write_manifest(folder, manifest)
    assert run(folder, video) == 2
    assert "takes 3D poses in unit 'normalised'; from video there are metres" in (
        capsys.readouterr().err
    )
    assert run(folder, video, estimator="openpose") == 2
    assert "there is no pose estimator 'openpose'" in capsys.readouterr().err


def test_a_device_without_what_finds_people_is_told(folder, video, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "har.pose.live", None)
    assert run(folder, video) == 2
    assert "not installed: docs/edge.md tells what a device needs" in capsys.readouterr().err


def test_the_page_follows_a_video(folder, video, squares, capsys):
    arguments = ["--input", str(video), "--estimator", "squares", "--port", "0", "--leave"]
    assert main(["live", "--bundle", str(folder), *arguments]) == 0
    assert "live page: http://127.0.0.1:" in capsys.readouterr().out


def test_joints_of_the_bundle_need_no_torch(folder, video):
    program = (
        "import sys; sys.path.append(sys.argv[1]); import json, pathlib\n"
        "from har.pose.estimators import ESTIMATORS, EstimatorKind\n"
        "from har.skeleton.layout import load_layout\n"
        "ESTIMATORS['squares'] = EstimatorKind('pose_helper', 'SquarePose', '')\n"
        "from har.cli import main\n"
        "from har.pose.live import LivePoses\n"
        "from types import SimpleNamespace\n"
        "layout = load_layout('mediapipe33')\n"
        "bundle = SimpleNamespace(joints=layout.joints, coordinates=3, unit='m', folder='x')\n"
        "from pose_helper import SquarePose, square_frame\n"
        "frame = LivePoses(SquarePose(), bundle)(0.0, square_frame((64, 30)))\n"
        "assert frame.people['1'][0].shape == (33, 3)\n"
        "sys.exit('torch' in sys.modules)\n"
    )
    helpers = str(Path(__file__).parents[1] / "pose")
    assert subprocess.run([sys.executable, "-c", program, helpers], check=False).returncode == 0
