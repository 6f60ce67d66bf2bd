from pathlib import Path

import numpy as np
import pytest

from har.errors import ConfigError
from har.pose.extraction import PoseSettings, extract_poses
from har.pose.mediapipe_pose import MediaPipePose, _parts, _rectangle, _turned
from har.video import open_video

pytest.importorskip("mediapipe")


def test_an_empty_picture_shows_nobody_and_prints_nothing(capfd):
    estimator = MediaPipePose()
    assert estimator.estimate(np.full((120, 160, 3), 90, np.uint8)) == []
    estimator.close()
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")


def test_settings_below_one_are_refused():
    with pytest.raises(ConfigError, match="'mediapipe' needs tiles of 1 or more"):
        MediaPipePose(tiles=0)


def test_a_standing_body_gives_an_upright_region_and_a_lying_one_a_turned_region():
    standing = _rectangle(((50, 60), (50, 20)), 100, 100)
    assert standing["rotation"] == pytest.approx(0)
    assert standing["width"] == pytest.approx(2 * 1.25 * 0.4)
    lying = _rectangle(((50, 60), (90, 60)), 200, 100)
    assert lying["rotation"] == pytest.approx(np.pi / 2)
    assert lying["width"] == pytest.approx(lying["height"] / 2)


def test_a_turned_region_keeps_its_middle_and_size():
    (x, y), (top_x, top_y) = _turned(((50, 60), (50, 20)), np.pi / 2)
    assert (x, y) == (50, 60)
    assert (top_x, top_y) == pytest.approx((90, 60))


def test_tiles_cover_the_picture():
    seen = np.zeros((90, 160), int)
    parts = list(_parts(np.zeros((90, 160, 3), np.uint8), 3))
    for left, top, part in parts[1:]:
        seen[top : top + part.shape[0], left : left + part.shape[1]] += 1
    assert len(parts) == 10
    assert seen.min() >= 1


@pytest.mark.slow
def test_somebody_who_falls_is_followed_and_goes_down(real_data: Path):
    path = real_data / "gmdcsa24" / "Subject 4" / "Fall" / "02.mp4"
    estimator = MediaPipePose(people=1)
    with open_video(path) as video:
        poses = extract_poses(video, estimator, PoseSettings(people=1, max_fps=15), path.name)
    estimator.close()
    assert poses.person_share > 0.9
    hips = poses.joints[0][:, 23:25].mean(axis=1)[poses.confidence[0].any(axis=1)]
    assert hips[:5, 1].mean() - hips[-5:, 1].mean() > 0.3


@pytest.mark.slow
def test_it_agrees_with_the_solution_of_mediapipe(real_data: Path):
    import mediapipe

    path = real_data / "ntu" / "S001C001P001R001A001_rgb.avi"
    with open_video(path) as video:
        pixels = video.frames([20])[0]
    (person,) = MediaPipePose(people=1).estimate(pixels)
    with mediapipe.solutions.pose.Pose(static_image_mode=True, model_complexity=1) as solution:
        found = solution.process(pixels)
    size = np.array(pixels.shape[1::-1])
    image = np.array([(m.x, m.y) for m in found.pose_landmarks.landmark]) * size
    world = np.array([(m.x, m.y, m.z) for m in found.pose_world_landmarks.landmark])
    assert np.abs(person.image - image).max() < 0.01 * person.size
    assert np.abs(person.world - world).max() < 0.02
